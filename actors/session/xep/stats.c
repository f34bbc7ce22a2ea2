/* XEP-0039, statistics of the server, out of the metrics. Administrators see all of them, other accounts what the XEP calls the core
 * and how many are logged in; guests, and those who are no clients here, nothing. A query that names none is answered with all the
 * asker may see, values and all as Tigase does, and not with bare names. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/session/xep.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define UPTIME "time/uptime"
#define OWN "switchboard/" /* before the name of a metric */

static const struct {
	const char *name, *units;
	enum metric metric;
} core[] = {
	{ "bandwidth/packets-in", "packets", METRIC_stanzas_in },
	{ "bandwidth/packets-out", "packets", METRIC_stanzas_out },
	{ "users/online", "sessions", METRIC_sessions_open },
};

static bool is_admin(const struct passage *p)
{
	const struct config_list *admins = &p->server->conf->admins;

	for (size_t i = 0; i < admins->count; i++)
		if (span_is(jid_bare(p->user->bare), admins->items[i]))
			return true;
	return false;
}

/* --- writing --- */

static void write_value(struct builder *b, const char *before, const char *name, const char *units, int64_t value)
{
	char text[24], whole[96];

	(void)snprintf(whole, sizeof(whole), "%s%s", before, name);
	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	builder_open(b, "stat", NULL);
	builder_attr_text(b, "name", whole);
	builder_attr_text(b, "units", units);
	builder_attr_text(b, "value", text);
	builder_close(b);
}

static void write_uptime(const struct passage *p)
{
	uint64_t now_us = outside_wall_us(), since_us = p->server->started_wall_us;

	write_value(p->builder, "", UPTIME, "seconds", now_us > since_us ? (int64_t)((now_us - since_us) / 1000000) : 0);
}

static void write_own(const struct passage *p, size_t i)
{
	write_value(p->builder, OWN, metric_rows[i].name, metric_rows[i].unit, metric_read((enum metric)i));
}

static void write_all(const struct passage *p)
{
	write_uptime(p);
	for (size_t i = 0; i < ARRAY_LEN(core); i++)
		write_value(p->builder, "", core[i].name, core[i].units, metric_read(core[i].metric));
	for (size_t i = 0; i < METRIC_COUNT && is_admin(p); i++)
		write_own(p, i);
}

/* What invalidates one of them is said in its place (XEP-0039 2.6). */
static void write_problem(struct builder *b, struct span name, const char *code, const char *text)
{
	builder_open(b, "stat", NULL);
	builder_attr(b, "name", name);
	builder_open(b, "error", NULL);
	builder_attr_text(b, "code", code);
	builder_text(b, span_of(text));
	builder_close(b);
	builder_close(b);
}

static void write_named(const struct passage *p, struct span name)
{
	size_t n = sizeof(OWN) - 1;

	if (span_is(name, UPTIME)) {
		write_uptime(p);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(core); i++) {
		if (span_is(name, core[i].name)) {
			write_value(p->builder, "", core[i].name, core[i].units, metric_read(core[i].metric));
			return;
		}
	}
	if (name.n > n && memcmp(name.p, OWN, n) == 0 && !is_admin(p)) {
		write_problem(p->builder, name, "401", "Unauthorized");
		return;
	}
	for (size_t i = 0; name.n > n && memcmp(name.p, OWN, n) == 0 && i < METRIC_COUNT; i++) {
		if (span_is((struct span){ name.p + n, name.n - n }, metric_rows[i].name)) {
			write_own(p, i);
			return;
		}
	}
	write_problem(p->builder, name, "404", "Not Found");
}

static enum xep_verdict answer(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el query = stanza_first(s, STANZA_TOP), el = stanza_first(s, query);
	struct builder *b;

	if (!p->user || p->user->class == CLASS_VISITOR)
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	for (stanza_el c = el; c != STANZA_NO_EL; c = stanza_next(s, c))
		if (!stanza_el_is(s, c, "stat", NS_STATS) || !stanza_attr(s, c, "name").n)
			return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	b = passage_open_result(p);
	builder_open(b, "query", NS_STATS);
	if (el == STANZA_NO_EL)
		write_all(p);
	for (; el != STANZA_NO_EL; el = stanza_next(s, el))
		write_named(p, stanza_attr(s, el, "name"));
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static const char *const features[] = { NS_STATS, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_STATS, TARGET_BIT(TARGET_SERVER), answer },
};
const struct xep xep_stats = {
	.plugin = CONFIG_PLUGIN_stats,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
};
