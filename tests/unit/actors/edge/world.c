#include "world.h"

#include <stdio.h>

#include "actors/auth.h"
#include "actors/session/caps.h"
#include "runtime/actor/engine.h"
#include "runtime/outside.h"

#define ITERATIONS 4096

/* --- probes --- */

static void log_stanza(struct world *w, const char *what, const struct packet *p)
{
	buf_addf(&w->log, "%s from=%s to=%s flags=%u ", what, p->from ? p->from->text : "-", p->to ? p->to->text : "-", p->flags);
	stanza_write(&w->log, p->stanza, SPAN_NONE, SPAN_NONE, STANZA_FORM_STREAM);
	buf_add_text(&w->log, "\n");
}

static void on_bind(struct world *w, struct shard_bind *m)
{
	struct edge_bound *answer;

	buf_addf(&w->log, "BIND %s resource=%s class=%d transport=%d anonymous=%d secure=%d address=%s%s%s\n", m->bare->text,
		 m->resource ? m->resource : "-", m->class, m->transport, m->anonymous, m->secure, m->address,
		 m->carbons ? " carbons" : "", m->known_client ? " known" : "");
	w->link = m->link;
	if (w->silent_shard)
		return;
	answer = MSG_NEW(edge_bound, edge_bound);
	answer->link = m->link;
	answer->error = w->bind_error;
	if (w->bind_error == STANZA_ERROR_NONE) {
		answer->full = jid_with_resource(m->bare, span_of(m->resource ? m->resource : "made-up"));
		answer->session = ++w->session;
		snprintf(w->full, sizeof(w->full), "%s", answer->full->text);
	}
	actor_send(m->link.edge, &answer);
}

static void hold(struct world *w, struct msg *m)
{
	if (!w->holds_inbound)
		return;
	assert_true(w->held_count < ARRAY_LEN(w->held));
	w->held[w->held_count++] = m;
	actor_keep(m);
}

void world_let_go(struct world *w, unsigned index)
{
	msg_free(w->held[index]);
	w->held[index] = NULL;
	world_run(w);
}

static void shard_receive(void *state, struct msg *m)
{
	struct world *w = state;

	if (m->kind == &shard_bind_kind)
		on_bind(w, (struct shard_bind *)(void *)m);
	else if (m->kind == &shard_inbound_kind) {
		log_stanza(w, "INBOUND", &((struct shard_inbound *)(void *)m)->packet);
		hold(w, m);
	} else if (m->kind == &shard_undelivered_kind)
		log_stanza(w, "UNDELIVERED", &((struct packet_msg *)(void *)m)->packet);
	else if (m->kind == &shard_closed_kind)
		buf_addf(&w->log, "CLOSED session=%u reason=%d\n", (unsigned)((struct shard_closed *)(void *)m)->session,
			 ((struct shard_closed *)(void *)m)->reason);
	else if (m->kind == &shard_written_kind)
		buf_addf(&w->log, "WRITTEN %u\n", (unsigned)((struct shard_written *)(void *)m)->receipt);
	else if (m->kind == &shard_liveness_kind)
		buf_addf(&w->log, "LIVENESS %d\n", ((struct shard_liveness *)(void *)m)->alive);
	else
		fail_msg("the shard got %s", m->kind->name);
}

static bool is_known(const struct jid *j)
{
	return span_is(jid_local(j), "alice") || span_is(jid_local(j), "robot1");
}

static void judge_token(struct world *w, struct auth_request *r)
{
	struct token_work *t = r->token;
	struct span binding = { (const char *)t->binding, t->binding_n };
	uint8_t proof[SASL_PROOF];

	w->token = *t;
	sasl_token_proof(SPAN_LIT(WORLD_TOKEN), "Initiator", binding, proof);
	r->verdict = w->unavailable ? AUTH_UNAVAILABLE : AUTH_OK;
	if (r->op == AUTH_OP_TOKEN && (!is_known(r->user) || memcmp(proof, t->proof, sizeof(proof)) != 0 || w->expired))
		r->verdict = AUTH_REFUSED;
	t->expired = w->expired;
	sasl_token_proof(SPAN_LIT(WORLD_TOKEN), "Responder", binding, t->answer);
	if (r->verdict == AUTH_OK && (t->wanted || w->rotates)) {
		snprintf(t->fresh, sizeof(t->fresh), "%s", WORLD_FRESH);
		t->expiry_s = WORLD_EXPIRY_S;
	}
}

static void judge(struct world *w, struct auth_request *r)
{
	uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { { 1 }, { 2 } };

	if (r->token) {
		judge_token(w, r);
		return;
	}
	r->verdict = w->unavailable ? AUTH_UNAVAILABLE : AUTH_OK;
	if (r->op == AUTH_OP_CREDENTIAL && is_known(r->user))
		credential_derive(&r->credential, SPAN_LIT("secret"), ITERATIONS, salts);
	else if (r->op == AUTH_OP_CREDENTIAL)
		credential_fake(&r->credential, jid_bare(r->user), w->server.secret, ITERATIONS);
	else if (r->op == AUTH_OP_VISITOR && !is_known(r->user))
		return;
	else if (!w->unavailable && (!is_known(r->user) || !r->password || strcmp(r->password, "secret") != 0))
		r->verdict = AUTH_REFUSED;
}

static void account_receive(struct world *w, struct account_request *r)
{
	buf_addf(&w->log, "ACCOUNT op=%d %s %s%s\n", r->op, r->user->text, r->password, r->reserved ? " reserved" : "");
	if (w->holds_accounts) {
		assert_null(w->kept_accounts[1]);
		w->kept_accounts[w->kept_accounts[0] != NULL] = r;
		actor_keep(&r->m);
		return;
	}
	r->status = w->account_status;
	actor_reply_as(&r->m, r->reply);
}

static void auth_receive(void *state, struct msg *m)
{
	struct world *w = state;
	struct auth_request *r = (struct auth_request *)(void *)m;

	if (m->kind == &auth_account_kind) {
		account_receive(w, (struct account_request *)(void *)m);
		return;
	}

	buf_addf(&w->log, "%s op=%d %s\n", m->kind == &cookie_request_kind ? "COOKIE" : "AUTH", r->op, r->user->text);
	if (w->silent) {
		assert_null(w->kept);
		w->kept = r;
		actor_keep(m);
		return;
	}
	judge(w, r);
	actor_reply_as(m, r->reply);
}

void world_answer_auth(struct world *w, enum auth_verdict verdict)
{
	struct auth_request *r = w->kept;
	actor_id home = r->m.from;

	w->kept = NULL;
	r->verdict = verdict;
	r->m.kind = r->reply;
	actor_send(home, &r);
	world_run(w);
}

void world_answer_account(struct world *w)
{
	struct account_request *r = w->kept_accounts[0];
	actor_id home = r->m.from;

	w->kept_accounts[0] = w->kept_accounts[1];
	w->kept_accounts[1] = NULL;
	r->status = w->account_status;
	r->m.kind = r->reply;
	actor_send(home, &r);
	world_run(w);
}

/* A small mailbox, so that tests can press it. */
static const struct behaviour shard_probe = {
	.name = "shard probe", .placement = ACTOR_PINNED, .receive = shard_receive, .mailbox_max = 64,
};
static const struct behaviour auth_probe = {
	.name = "auth probe", .placement = ACTOR_PINNED, .receive = auth_receive,
};

/* --- the world --- */

struct world *world_new(const char *lines, unsigned workers)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct server *s = &w->server;
	struct store *writer = NULL;
	char *problem = NULL;

	engine_init(&(struct engine_options){ .workers = workers, .simulate = true, .seed = 7 });
	assert_int_equal(store_open(WORLD_STORE, STORE_WRITER, &writer, &problem), STATUS_OK);
	w->conf = config_for_test(lines);
	w->listeners = w->conf->listener_count;
	w->conf->listener_count = 0; /* nothing listens; client_open makes connections */
	if (!lines || !strstr(lines, "bosh/pages-dir"))
		w->conf->pages = false;
	w->pool = xml_pool_new();
	s->conf = w->conf;
	s->workers = s->shards = s->desks = workers;
	s->auths = 1;
	memset(s->secret, 7, sizeof(s->secret));
	caps_fill(s);
	for (unsigned i = 0; i < workers; i++)
		s->shard[i] = actor_spawn(&shard_probe, w, i);
	s->auth[0] = actor_spawn(&auth_probe, w, 0);
	s->cookie = actor_spawn(&auth_probe, w, 0);
	s->store = store_spawn(writer);
	for (unsigned i = 0; i < workers; i++) {
		char *error = NULL;

		w->edges[i] = edge_new(s, i, &error);
		assert_non_null(w->edges[i]);
		s->edge[i] = edge_start(w->edges[i]);
	}
	world_run(w);
	return w;
}

void world_free(struct world *w)
{
	if (w->kept)
		msg_free(&w->kept->m);
	for (unsigned i = 0; i < 2; i++)
		if (w->kept_accounts[i])
			msg_free(&w->kept_accounts[i]->m);
	for (unsigned i = 0; i < w->held_count; i++)
		msg_free(w->held[i]);
	engine_stop();
	xml_pool_free(w->pool);
	w->conf->listener_count = w->listeners;
	config_free(w->conf);
	buf_fini(&w->log);
	free(w->shown);
	free(w);
}

void world_run(struct world *w)
{
	(void)w;
	engine_sim_run(0);
}

void world_pass(struct world *w, uint64_t ms)
{
	(void)w;
	engine_sim_run(ms);
}

const char *world_log(struct world *w)
{
	free(w->shown);
	w->shown = buf_take_text(&w->log);
	return w->shown;
}

void world_deliver(struct world *w, const char *xml, uint64_t receipt)
{
	world_deliver_from(w, "bob@localhost/phone", xml, receipt);
}

void world_deliver_from(struct world *w, const char *sender, const char *xml, uint64_t receipt)
{
	static const struct xml_limits none;
	struct edge_deliver *m = MSG_NEW(edge_deliver, edge_deliver);
	struct stanza *s = NULL;
	struct jid *to = jid_parse(span_of(w->full)), *from = jid_parse(span_of(sender));

	assert_int_equal(xml_parse_document(w->pool, span_of(xml), &none, &s), STREAM_ERROR_NONE);
	m->link = w->link;
	m->receipt = receipt;
	m->packet = packet_make(s, from, to, 0);
	jid_unref(to);
	jid_unref(from);
	actor_send(w->link.edge, &m);
	world_run(w);
}

void world_close(struct world *w, enum stream_error error)
{
	struct edge_close *m = MSG_NEW(edge_close, edge_close);

	m->link = w->link;
	m->error = error;
	actor_send(w->link.edge, &m);
	world_run(w);
}

void world_shutdown(struct world *w)
{
	for (unsigned i = 0; i < w->server.workers; i++) {
		struct edge_signal *m = MSG_NEW(edge_shutdown, edge_signal);

		actor_send(w->server.edge[i], &m);
	}
	world_run(w);
}

/* --- clients --- */

static struct client *clients;

/* Linked in place of conn_free (edge.cmake): what a closed connection has written is kept for its client. */
void __real_conn_free(struct conn *conn);
void __wrap_conn_free(struct conn *conn);
void __wrap_conn_free(struct conn *conn)
{
	for (struct client *c = clients; c; c = c->next)
		if (conn && c->conn == conn) {
			conn_memory_take(conn, &c->in);
			c->conn = NULL;
		}
	__real_conn_free(conn);
}

struct client *client_open(struct world *w, enum config_component component, const char *address, unsigned edge)
{
	static char any[] = "*";
	static char *interfaces[] = { any };
	static const struct config_listener listeners[CONFIG_COMPONENT_COUNT] = {
		[CONFIG_COMPONENT_c2s] = { CONFIG_COMPONENT_c2s, 5222, CONFIG_SOCKET_PLAIN, { interfaces, 1 }, 0 },
		[CONFIG_COMPONENT_bosh] = { CONFIG_COMPONENT_bosh, 5280, CONFIG_SOCKET_PLAIN, { interfaces, 1 }, 0 },
		[CONFIG_COMPONENT_ws2s] = { CONFIG_COMPONENT_ws2s, 5290, CONFIG_SOCKET_PLAIN, { interfaces, 1 }, 0 },
	};
	struct client *c = xcalloc(1, sizeof(*c));
	struct address peer;

	assert_true(address_parse(span_of(address), &peer));
	c->w = w;
	actor_enter(w->server.edge[edge]);
	c->refused = !edge_accept(w->edges[edge], &listeners[component], -1, &peer, &c->conn);
	actor_leave();
	c->next = clients;
	clients = c;
	return c;
}

struct client *client_new(struct world *w, enum config_component component)
{
	return client_open(w, component, "203.0.113.7", 0);
}

void client_free(struct client *c)
{
	struct client **at = &clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	buf_fini(&c->in);
	free(c->shown);
	free(c);
}

void client_send_bytes(struct client *c, const void *bytes, size_t n)
{
	if (c->conn)
		conn_memory_feed(c->conn, (struct span){ bytes, n });
	world_run(c->w);
}

void client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

void client_take(struct client *c)
{
	world_run(c->w);
	if (c->conn)
		conn_memory_take(c->conn, &c->in);
}

const char *client_read(struct client *c)
{
	client_take(c);
	free(c->shown);
	c->shown = buf_take_text(&c->in);
	return c->shown;
}

void client_drop(struct client *c, enum conn_end why)
{
	conn_memory_end(c->conn, why);
	world_run(c->w);
}

const char *assert_has_at(const char *text, const char *part, const char *file, int line)
{
	const char *found = strstr(text, part);

	if (!found) {
		print_error("no \"%s\" in:\n%s\n", part, text);
		_fail(file, line);
	}
	return found;
}

unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

const char *filled(const char *before, const char *after, size_t n)
{
	static char text[300000];
	size_t first = strlen(before), last = strlen(after);

	assert_true(n < sizeof(text) && first + last <= n);
	memcpy(text, before, first);
	memset(text + first, 'a', n - first - last);
	memcpy(text + n - last, after, last + 1);
	return text;
}

const char *between(const char *text, const char *before, const char *after)
{
	static char found[4096];
	const char *begin = strstr(text, before), *end = begin ? strstr(begin + strlen(before), after) : NULL;

	if (!end || (size_t)(end - begin) >= sizeof(found))
		fail_msg("nothing between \"%s\" and \"%s\" in:\n%s", before, after, text);
	begin += strlen(before);
	memcpy(found, begin, (size_t)(end - begin));
	found[end - begin] = '\0';
	return found;
}

struct client *tcp_alice(struct world *w)
{
	struct client *c = client_open(w, CONFIG_COMPONENT_c2s, "127.0.0.1", 0);

	client_send(c, HEAD ALICE_AUTH);
	client_send(c, HEAD BIND_IQ);
	assert_has(client_read(c), "<jid>alice@localhost/");
	world_log(w);
	return c;
}

void http_post(struct client *c, const char *body, const char *headers)
{
	struct buf text = BUF_INIT;
	char *request;

	buf_addf(&text, "POST /http-bind HTTP/1.1\r\nHost: localhost:5280\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n%s\r\n%s",
		 strlen(body), headers ? headers : "", body);
	request = buf_take_text(&text);
	client_send(c, request);
	free(request);
}

void http_get(struct client *c, const char *path, const char *headers)
{
	struct buf text = BUF_INIT;
	char *request;

	buf_addf(&text, "GET %s HTTP/1.1\r\nHost: localhost:5280\r\n%s\r\n", path, headers ? headers : "");
	request = buf_take_text(&text);
	client_send(c, request);
	free(request);
}
