/* The store: which file serves which name, and the swap at a reload. A set is built whole by one thread, then only
 * read; handshakes hold it while they choose a certificate, so a reload never waits for them. */
#include "runtime/io/tls.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/io/tls_inner.h"
#include "runtime/log.h"
#include "runtime/mem/buf.h"
#include "runtime/mem/map.h"

#define NAME_MAX_BYTES 240 /* with ".pem" and a temporary ending it is still a file name */

struct tls_set {
	unsigned users; /* atomic */
	struct map *by_name; /* lower-case host or "*.parent" -> one of contexts */
	SSL_CTX **contexts;
	char **paths;     /* of each of them, and which stage of its end has been told of: the reloading thread's alone */
	unsigned *stages;
	size_t count;
	SSL_CTX *fallback; /* one of contexts */
	tls_report_f *report; /* while it is made: where remarks go */
	void *report_ctx;
	struct tls_tickets *tickets;
	struct tls_trust *trust; /* for certificates of clients; NULL = none are asked for */
};

struct tls_store {
	pthread_mutex_t lock;   /* guards the pointer and the taking of a reference */
	pthread_mutex_t change; /* one change of hosts or set at a time; guards hosts and making */
	const char *making;     /* the one host whose file may be made; NULL: at start all, later none */
	struct tls_set *set;
	char **directories, **hosts; /* copies; hosts[0] is the default's name */
	size_t directory_count, host_count;
	struct tls_tickets *tickets; /* outlive a reload: clients resume across it */
	char *authorities; /* NULL = no client is asked for a certificate */
	const char *clients_alpn;
	bool client_required;
};

/* --- sets --- */

void tls_unhold(struct tls_set *set)
{
	/* Each user's drop pairs with the others': the last one sees all of their reads done. */
	if (!set || __atomic_sub_fetch(&set->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	map_free(set->by_name);
	for (size_t i = 0; i < set->count; i++) {
		SSL_CTX_free(set->contexts[i]);
		free(set->paths[i]);
	}
	free(set->contexts);
	free(set->paths);
	free(set->stages);
	tls_tickets_unhold(set->tickets);
	tls_trust_free(set->trust);
	free(set);
}

static struct tls_set *hold(struct tls_store *s)
{
	struct tls_set *set;

	pthread_mutex_lock(&s->lock);
	set = s->set;
	__atomic_add_fetch(&set->users, 1, __ATOMIC_RELAXED); /* the lock orders it after the swap */
	pthread_mutex_unlock(&s->lock);
	return set;
}

static size_t lower(const char *text, size_t n, char out[256])
{
	if (n >= 256)
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
	return n;
}

/* The name itself, or the wildcard that stands for its first label. */
static SSL_CTX *find(const struct tls_set *set, struct span host)
{
	char name[256];
	size_t n = lower(host.p, host.n, name);
	SSL_CTX *exact = n ? map_find(set->by_name, (struct span){ name, n }) : NULL;
	char *dot = n ? memchr(name, '.', n) : NULL;

	if (exact || !dot || dot == name)
		return exact;
	dot[-1] = '*';
	return map_find(set->by_name, (struct span){ dot - 1, n - (size_t)(dot - 1 - name) });
}

static void name_context(struct tls_set *set, const char *text, size_t n, SSL_CTX *ctx, bool replace)
{
	char name[256];
	struct span key = { name, lower(text, n, name) };

	if (key.n && (replace || !map_find(set->by_name, key)))
		map_put(set->by_name, key, ctx);
}

/* Every dNSName of the certificate finds it, unless another certificate had the name before. */
static void name_by_certificate(struct tls_set *set, SSL_CTX *ctx)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const char *text;
		size_t n;

		if (name->type != GEN_DNS)
			continue;
		text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		n = (size_t)ASN1_STRING_length(name->d.dNSName);
		if (n > 0 && !memchr(text, '\0', n))
			name_context(set, text, n, ctx, false);
	}
	GENERAL_NAMES_free(names);
}

/* --- choosing during the handshake --- */

/* The host of a server_name extension (RFC 6066 3: one list with one name of type 0), or nothing. */
static struct span asked_host(const unsigned char *extension, size_t n)
{
	struct span host;

	if (n < 5 || extension[2] != TLSEXT_NAMETYPE_host_name)
		return SPAN_NONE;
	host = (struct span){ (const char *)extension + 5, (size_t)extension[3] << 8 | extension[4] };
	return host.n + 5 <= n && !memchr(host.p, '\0', host.n) ? host : SPAN_NONE;
}

/* Before anything else is looked at, so that a session is only resumed by the context it belongs to: OpenSSL's own
 * callback for the name comes after that. A stranger's name leaves the default certificate, and the client decides. */
static int choose_certificate(SSL *ssl, int *alert, void *opaque)
{
	const unsigned char *extension;
	size_t n;
	struct span host;
	SSL_CTX *ctx;

	(void)alert;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &n) != 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	host = asked_host(extension, n);
	ctx = find(opaque, host);
	if (ctx && ctx != SSL_get_SSL_CTX(ssl) && !SSL_set_SSL_CTX(ssl, ctx))
		return SSL_CLIENT_HELLO_ERROR;
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Tells the client whether its name was known. */
static int acknowledge_name(SSL *ssl, int *alert, void *opaque)
{
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	return host && find(opaque, span_of(host)) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* `offered` is a list of length-prefixed names, checked by OpenSSL. */
static const unsigned char *find_protocol(const unsigned char *offered, unsigned n, struct span wanted)
{
	for (unsigned i = 0; i < n && i + 1 + offered[i] <= n; i += 1u + offered[i])
		if (span_eq((struct span){ (const char *)offered + i + 1, offered[i] }, wanted))
			return offered + i;
	return NULL;
}

/* A client that speaks of other protocols only must not be talked to in ours (ALPACA, V31). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *offered,
			   unsigned offered_n, void *opaque)
{
	const char *spoken = SSL_get_app_data(ssl);

	(void)opaque;
	while (*spoken) {
		size_t n = strcspn(spoken, ",");
		const unsigned char *hit = find_protocol(offered, offered_n, (struct span){ spoken, n });

		if (hit) {
			*out = hit + 1;
			*out_n = *hit;
			return SSL_TLSEXT_ERR_OK;
		}
		spoken += spoken[n] ? n + 1 : n;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL *tls_server(struct tls_store *s, const char *host, const char *alpn, struct tls_set **held)
{
	struct tls_set *set = hold(s);
	SSL_CTX *ctx = host ? find(set, span_of(host)) : NULL;
	SSL *ssl = SSL_new(ctx ? ctx : set->fallback);

	if (!ssl)
		base_out_of_memory();
	ASSERT(alpn && *alpn);
	SSL_set_app_data(ssl, (char *)(uintptr_t)alpn);
	SSL_set_accept_state(ssl);
	if (set->trust && strcmp(alpn, s->clients_alpn) == 0)
		tls_trust_ask(set->trust, ssl, s->client_required);
	*held = set;
	return ssl;
}

/* --- reading the files --- */

static char *path_in(const char *directory, const char *host)
{
	size_t n = strlen(directory);
	struct buf path = BUF_INIT;

	buf_addf(&path, "%s%s%s.pem", directory, n && directory[n - 1] == '/' ? "" : "/", host);
	return buf_take_text(&path);
}

/* The first directory that has the file; NULL when none has. A file that cannot be looked at counts: reading tells
 * why. */
static char *find_file(const struct tls_store *s, const char *host)
{
	for (size_t i = 0; i < s->directory_count; i++) {
		char *path = path_in(s->directories[i], host);

		if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
			return path;
		free(path);
	}
	return NULL;
}

static SSL_CTX *add_file(struct tls_set *set, const char *path, const char *host, char **error)
{
	SSL_CTX *ctx = tls_context_read(path, host, error);

	if (!ctx)
		return NULL;
	SSL_CTX_set_client_hello_cb(ctx, choose_certificate, set);
	SSL_CTX_set_tlsext_servername_callback(ctx, acknowledge_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, set);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	tls_tickets_use(set->tickets, ctx);
	set->paths[set->count] = xstrdup(path);
	set->stages[set->count] = tls_context_stage(ctx);
	if (set->trust)
		tls_trust_use(set->trust, ctx);
	set->contexts[set->count++] = ctx;
	name_by_certificate(set, ctx);
	tls_context_remark(path, ctx, set->report, set->report_ctx);
	return ctx;
}

/* NULL without an error: there is no file of that name. */
static SSL_CTX *add_existing(const struct tls_store *s, struct tls_set *set, const char *host, char **error)
{
	char *path = find_file(s, host);
	SSL_CTX *ctx = path ? add_file(set, path, host, error) : NULL;

	free(path);
	return ctx;
}

/* A file is made only for a host that no certificate at hand covers: an operator's wildcard must not be shadowed by a
 * self-signed one. And only at start: one that is missing later is being renewed. */
static SSL_CTX *add_missing(const struct tls_store *s, struct tls_set *set, const char *host, char **error)
{
	SSL_CTX *ctx = find(set, span_of(host));
	char *path;

	if (ctx)
		return ctx;
	path = path_in(s->directories[0], host);
	*error = s->set && !(s->making && strcmp(s->making, host) == 0) ? tls_problem(path, strerror(ENOENT)) : tls_make(s->directories[0], path, host);
	if (!*error)
		ctx = add_file(set, path, host, error);
	free(path);
	return ctx;
}

static void to_log(void *ctx, bool fatal, const char *text)
{
	(void)ctx;
	(void)fatal;
	LOG_WARNING("tls", "%s", text);
}

static struct tls_set *new_set(const struct tls_store *s)
{
	struct tls_set *set = xcalloc(1, sizeof(*set));

	set->users = 1;
	set->report = to_log;
	set->by_name = map_new();
	set->tickets = tls_tickets_hold(s->tickets);
	set->contexts = xcalloc(s->host_count, sizeof(SSL_CTX *));
	set->paths = xcalloc(s->host_count, sizeof(*set->paths));
	set->stages = xcalloc(s->host_count, sizeof(*set->stages));
	return set;
}

/* NULL and *error when any file is unusable. */
static struct tls_set *read_all(const struct tls_store *s, char **error)
{
	struct tls_set *set = new_set(s);
	SSL_CTX **chosen = xcalloc(s->host_count, sizeof(SSL_CTX *));

	if (s->authorities)
		set->trust = tls_trust_read(s->authorities, error);
	/* First what is there, then what is missing and may be covered by it. */
	for (size_t i = 0; i < s->host_count && !*error; i++)
		chosen[i] = add_existing(s, set, s->hosts[i], error);
	for (size_t i = 0; i < s->host_count && !*error; i++) {
		if (!chosen[i])
			chosen[i] = add_missing(s, set, s->hosts[i], error);
		if (chosen[i])
			name_context(set, s->hosts[i], strlen(s->hosts[i]), chosen[i], true);
	}
	set->fallback = chosen[0];
	free(chosen);
	if (!*error)
		return set;
	tls_unhold(set);
	return NULL;
}

/* --- the store --- */

static char *refuse_name(const char *host)
{
	struct buf text = BUF_INIT;

	if (*host && *host != '.' && !strchr(host, '/') && strlen(host) <= NAME_MAX_BYTES)
		return NULL;
	buf_addf(&text, "'%s' cannot be the name of a certificate", host);
	return buf_take_text(&text);
}

static char **copy_texts(const char *const *texts, size_t count)
{
	char **copy = xcalloc(count, sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = xstrdup(texts[i]);
	return copy;
}

static struct tls_store *new_store(const char *const *directories, size_t count, const char *default_name,
				   const struct tls_names *hosts)
{
	struct tls_store *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->change, NULL);
	s->tickets = tls_tickets_new();
	s->directories = copy_texts(directories, count);
	s->directory_count = count;
	s->hosts = xcalloc(hosts->count + 1, sizeof(*s->hosts));
	s->hosts[s->host_count++] = xstrdup(default_name);
	for (size_t i = 0; i < hosts->count; i++)
		if (strcmp(hosts->names[i], default_name) != 0)
			s->hosts[s->host_count++] = xstrdup(hosts->names[i]);
	return s;
}

struct tls_store *tls_store_open(const char *const *directories, size_t count, const char *default_name,
				 const struct tls_names *hosts, char **error)
{
	struct tls_store *s = new_store(directories, count, default_name, hosts);

	*error = count ? NULL : xstrdup("no directory for certificates is configured");
	for (size_t i = 0; i < s->host_count && !*error; i++)
		*error = refuse_name(s->hosts[i]);
	if (!*error)
		s->set = read_all(s, error);
	if (s->set)
		return s;
	tls_store_free(s);
	return NULL;
}

static const char *look(const struct tls_store *s, struct tls_set *set, bool *there)
{
	const char *missing = NULL;

	for (size_t i = 0; i < s->host_count; i++) {
		char *error = refuse_name(s->hosts[i]);

		there[i] = error || add_existing(s, set, s->hosts[i], &error) || error;
		if (error)
			set->report(set->report_ctx, true, error);
		free(error);
	}
	for (size_t i = 0; i < s->host_count && !missing; i++)
		if (!there[i] && !find(set, span_of(s->hosts[i])))
			missing = s->hosts[i];
	return missing;
}

const char *tls_store_look(const char *const *directories, size_t count, const char *default_name, const struct tls_names *hosts,
			   tls_report_f *report, void *ctx)
{
	struct tls_store *s = new_store(directories, count, default_name, hosts);
	struct tls_set *set = new_set(s);
	bool *there = xcalloc(s->host_count, sizeof(*there));
	const char *missing, *given = NULL;

	set->report = report;
	set->report_ctx = ctx;
	missing = look(s, set, there);
	if (missing && strcmp(missing, default_name) == 0)
		given = default_name;
	for (size_t i = 0; missing && !given && i < hosts->count; i++)
		if (strcmp(missing, hosts->names[i]) == 0)
			given = hosts->names[i];
	free(there);
	tls_unhold(set);
	tls_store_free(s);
	return given;
}

bool tls_store_ask_clients(struct tls_store *s, const struct tls_clients *c, char **error)
{
	s->authorities = xstrdup(c->authorities);
	s->clients_alpn = c->alpn;
	s->client_required = c->required;
	return tls_store_reload(s, error);
}

/* With `change` held. */
static bool read_again(struct tls_store *s, char **error)
{
	struct tls_set *fresh, *old;

	*error = NULL;
	fresh = read_all(s, error);
	if (!fresh)
		return false;
	pthread_mutex_lock(&s->lock);
	old = s->set;
	s->set = fresh;
	pthread_mutex_unlock(&s->lock);
	tls_unhold(old);
	return true;
}

void tls_store_remind(struct tls_store *s)
{
	struct tls_set *set;

	pthread_mutex_lock(&s->change);
	set = s->set;
	for (size_t i = 0; i < set->count; i++) {
		unsigned stage = tls_context_stage(set->contexts[i]);

		if (stage > set->stages[i])
			tls_context_remark(set->paths[i], set->contexts[i], set->report, set->report_ctx);
		set->stages[i] = stage;
	}
	pthread_mutex_unlock(&s->change);
}

bool tls_store_reload(struct tls_store *s, char **error)
{
	bool ok;

	pthread_mutex_lock(&s->change);
	ok = read_again(s, error);
	pthread_mutex_unlock(&s->change);
	return ok;
}

/* --- while the server runs --- */

/* hosts[0] is the default's and never counts. */
static size_t place_of(const struct tls_store *s, const char *host)
{
	for (size_t i = 1; i < s->host_count; i++)
		if (strcmp(s->hosts[i], host) == 0)
			return i;
	return 0;
}

static void forget_host(struct tls_store *s, size_t i)
{
	free(s->hosts[i]);
	memmove(&s->hosts[i], &s->hosts[i + 1], (--s->host_count - i) * sizeof(*s->hosts));
}

bool tls_store_add(struct tls_store *s, const char *host, char **error)
{
	bool ok;

	*error = refuse_name(host);
	if (*error)
		return false;
	pthread_mutex_lock(&s->change);
	if (!place_of(s, host) && strcmp(host, s->hosts[0]) != 0) {
		s->hosts = xrealloc(s->hosts, (s->host_count + 1) * sizeof(*s->hosts));
		s->hosts[s->host_count++] = xstrdup(host);
	}
	s->making = host;
	ok = read_again(s, error);
	s->making = NULL;
	if (!ok && place_of(s, host))
		forget_host(s, place_of(s, host));
	pthread_mutex_unlock(&s->change);
	return ok;
}

/* NULL, or what is wrong. The file is tried before it takes the old one's place. */
static char *put_pem(const char *path, const char *host, struct span pem)
{
	struct buf name = BUF_INIT;
	char *fresh, *problem = NULL;
	SSL_CTX *ctx;
	int fd;

	buf_addf(&name, "%s.XXXXXX", path);
	fresh = buf_take_text(&name);
	fd = mkstemp(fresh); /* mode 0600 */
	if (fd < 0 || write(fd, pem.p, pem.n) != (ssize_t)pem.n || fsync(fd) != 0)
		problem = tls_problem(fresh, strerror(errno));
	if (fd >= 0 && close(fd) != 0 && !problem)
		problem = tls_problem(fresh, strerror(errno));
	ctx = problem ? NULL : tls_context_read(fresh, host, &problem);
	SSL_CTX_free(ctx);
	if (!problem && rename(fresh, path) != 0)
		problem = tls_problem(path, strerror(errno));
	if (problem && fd >= 0)
		unlink(fresh);
	free(fresh);
	return problem;
}

bool tls_store_install(struct tls_store *s, const char *host, struct span pem, char **error)
{
	char *path;
	bool ok;

	*error = refuse_name(host);
	if (*error)
		return false;
	pthread_mutex_lock(&s->change);
	path = path_in(s->directories[0], host);
	*error = put_pem(path, host, pem);
	ok = !*error && read_again(s, error);
	free(path);
	pthread_mutex_unlock(&s->change);
	return ok;
}

void tls_store_drop(struct tls_store *s, const char *host)
{
	char *error = NULL;

	pthread_mutex_lock(&s->change);
	if (place_of(s, host))
		forget_host(s, place_of(s, host));
	if (!read_again(s, &error))
		LOG_WARNING("tls", "certificates not read again, the old ones stay: %s", error);
	free(error);
	pthread_mutex_unlock(&s->change);
}

void tls_store_free(struct tls_store *s)
{
	if (!s)
		return;
	tls_unhold(s->set); /* NULL: only looked */
	tls_tickets_unhold(s->tickets);
	for (size_t i = 0; i < s->directory_count; i++)
		free(s->directories[i]);
	for (size_t i = 0; i < s->host_count; i++)
		free(s->hosts[i]);
	free(s->directories);
	free(s->hosts);
	free(s->authorities);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->change);
	free(s);
}
