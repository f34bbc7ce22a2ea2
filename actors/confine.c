#include "actors/confine.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/log.h"
#include "runtime/mem/buf.h"
#include "runtime/process/sandbox.h"

/* What the C library reads when a name is looked up, OpenSSL when it trusts, and the process about itself. */
static const char *const system_reads[] = { "/etc", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
					    "/dev/urandom", "/proc/self", "/proc/meminfo" };

static void allow_store(struct sandbox *s, const char *uri)
{
	static const char kind[] = "sqlite:";

	if (strncmp(uri, kind, sizeof(kind) - 1) == 0)
		sandbox_may_write_beside(s, uri + sizeof(kind) - 1); /* -wal and -shm come and go beside it */
}

static struct sandbox *plan(const struct config *conf, const char *const *files, size_t count)
{
	struct sandbox *s = sandbox_new();

	for (size_t i = 0; i < ARRAY_LEN(system_reads); i++)
		sandbox_may_read(s, system_reads[i]);
	sandbox_may_read_beside(s, "/etc/resolv.conf"); /* often a link to /run */
	sandbox_may_write(s, "/dev/null");
	for (size_t i = 0; i < count; i++)
		sandbox_may_read_beside(s, files[i]);
	for (size_t i = 0; i < conf->certs_location.count; i++)
		sandbox_may_read_links(s, conf->certs_location.items[i]);
	if (conf->plugins[CONFIG_PLUGIN_commands] && conf->certs_location.count)
		sandbox_may_write(s, conf->certs_location.items[0]); /* of domains added later */
	if (*conf->client_cert_ca)
		sandbox_may_read_beside(s, conf->client_cert_ca);
	for (size_t i = 0; i < conf->sandbox_read.count; i++)
		sandbox_may_read(s, conf->sandbox_read.items[i]);
	allow_store(s, conf->user_db_uri);
	if (*conf->log_file)
		sandbox_may_write_beside(s, conf->log_file);
	return s;
}

static void describe(struct buf *out, const struct sandbox_state *state)
{
	if (state->landlock)
		buf_addf(out, "files by directory (Landlock %d)", state->landlock);
	if (state->landlock >= 4)
		buf_addf(out, ", no new TCP port");
	if (state->landlock >= 6)
		buf_addf(out, ", no signal outwards");
	if (state->calls)
		buf_addf(out, "%s%u system calls", state->landlock ? "; " : "", state->calls);
	if (!state->landlock && !state->calls)
		buf_addf(out, "none");
	if (state->problem)
		buf_addf(out, "; missing: %s", state->problem);
}

char *confine(const struct config *conf, const char *const *files, size_t count)
{
	struct sandbox_state state;
	struct buf text = BUF_INIT;
	struct sandbox *s;
	char *told;

	if (conf->sandbox == CONFIG_SANDBOX_OFF) {
		LOG_INFO("main", "sandbox: off (basic-conf/sandbox)");
		return NULL;
	}
	s = plan(conf, files, count);
	state = sandbox_enter(s);
	sandbox_free(s);
	describe(&text, &state);
	told = buf_take_text(&text);
	LOG_INFO("main", "sandbox: %s", told);
	free(told);
	if (!state.problem || conf->sandbox == CONFIG_SANDBOX_AUTO)
		return NULL;
	buf_addf(&text, "basic-conf/sandbox=require: %s", state.problem);
	return buf_take_text(&text);
}
