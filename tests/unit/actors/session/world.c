#include "world.h"

#include "actors/auth.h"
#include "actors/admin/admin.h"
#include "actors/session/caps.h"
#include "runtime/actor/engine.h"
#include "storage/store.h"

static const struct xml_limits no_limits;

/* --- the edges --- */

static void write_packet(struct buf *log, const struct packet *p)
{
	stanza_write(log, p->stanza, p->from ? jid_full(p->from) : SPAN_NONE, p->to ? jid_full(p->to) : SPAN_NONE,
		     STANZA_FORM_STREAM);
	buf_add_text(log, "\n");
}

static void tell_written(struct world *w, const struct client *c, uint64_t receipt)
{
	struct shard_written *m = MSG_NEW(shard_written, shard_written);

	m->session = c->session;
	m->receipt = receipt;
	actor_send(server_shard(&w->server, c->full), &m);
}

static void give_back(struct world *w, const struct client *c, struct packet *p, uint64_t session)
{
	struct packet_msg *m;

	if (stanza_kind(p->stanza) != STANZA_MESSAGE) {
		packet_clear(p);
		return;
	}
	m = MSG_NEW(shard_undelivered, packet_msg);
	m->packet = packet_take(p);
	m->session = session;
	actor_send(server_shard(&w->server, c->full), &m);
}

static void on_deliver(struct world *w, struct edge_deliver *m)
{
	struct client *c = &w->clients[m->link.slot];

	assert_non_null(c->full);
	if (c->gone) {
		give_back(w, c, &m->packet, 0);
		return;
	}
	if (!c->slow) {
		write_packet(&c->log, &m->packet);
		if (m->receipt)
			tell_written(w, c, m->receipt);
		return;
	}
	assert_true(c->kept_count < ARRAY_LEN(c->kept));
	c->kept[c->kept_count].packet = packet_take(&m->packet);
	c->kept[c->kept_count++].receipt = m->receipt;
}

static void edge_receive(void *state, struct msg *m)
{
	struct world *w = state;

	if (m->kind == &edge_deliver_kind) {
		on_deliver(w, (struct edge_deliver *)(void *)m);
	} else if (m->kind == &edge_bound_kind) {
		struct edge_bound *b = (struct edge_bound *)(void *)m;
		struct client *c = &w->clients[b->link.slot];

		if (b->error != STANZA_ERROR_NONE) {
			buf_addf(&c->log, "REFUSED %s\n", stanza_error_text(b->error));
			return;
		}
		c->full = jid_ref(b->full);
		c->session = b->session;
	} else if (m->kind == &edge_close_kind) {
		struct edge_close *e = (struct edge_close *)(void *)m;

		buf_addf(&w->clients[e->link.slot].log, "CLOSE %s\n", stream_error_text(e->error));
	} else if (m->kind == &edge_handled_kind) {
		struct edge_handled *h = (struct edge_handled *)(void *)m;

		buf_addf(&w->clients[h->slot].log, "HANDLED %u\n", (unsigned)h->number);
	} else {
		fail_msg("the edge got %s", m->kind->name);
	}
}

/* --- the desk and the pool --- */

static void desk_receive(void *state, struct msg *m)
{
	static const char *const events[] = { "ONLINE", "ABSENT", "PRESENT", "LEFT" };
	struct world *w = state;

	if (m->kind == &desk_visitor_kind) {
		struct desk_visitor *v = (struct desk_visitor *)(void *)m;

		buf_addf(&w->desk, "%s %s sessions=%u", events[v->event], v->visitor->text, v->sessions);
		if (v->event == VISITOR_LEFT)
			buf_addf(&w->desk, " reason=%d", v->reason);
		buf_add_text(&w->desk, "\n");
		return;
	}
	buf_addf(&w->desk, "%s ", m->kind->name);
	write_packet(&w->desk, &((struct packet_msg *)(void *)m)->packet);
}

static void pool_receive(void *state, struct msg *m)
{
	struct world *w = state;
	struct pool_presence *p = (struct pool_presence *)(void *)m;

	assert_ptr_equal(m->kind, &pool_presence_kind);
	buf_addf(&w->pool, "%s best=%s taking=%d %s\n", p->account->text, p->best ? p->best->text : "-",
		 p->taking_chats, p->exit == AGENT_REMOVED ? "removed" : p->exit == AGENT_LOST ? "lost=1" : "lost=0");
}

/* --- the store: a gate before the real one --- */

static void store_receive(void *state, struct msg *m)
{
	struct world *w = state;
	struct store_request *r = (struct store_request *)(void *)m;

	if (m->kind == &expiry_stored_kind) {
		actor_forward(w->expiry, m);
	} else if (m->kind != &store_request_kind) {
		struct jid *owner = jid_parse(span_of(r->owner));

		actor_forward(server_shard(&w->server, owner), m);
		jid_unref(owner);
	} else if (w->store_stalls) {
		assert_true(w->stalled_count < ARRAY_LEN(w->stalled));
		w->stalled[w->stalled_count++] = m;
		actor_keep(m);
	} else if (w->store_answer != STATUS_OK && r->reply) {
		r->status = w->store_answer;
		actor_reply_as(m, r->reply);
	} else if (w->store_answer == STATUS_OK) {
		actor_forward(w->real_store, m);
	}
}

void world_release_store(struct world *w)
{
	w->store_stalls = false;
	for (unsigned i = 0; i < w->stalled_count; i++)
		actor_send_msg(w->server.store, &w->stalled[i]);
	w->stalled_count = 0;
	world_run(w);
}

int64_t world_store_writes(void)
{
	return metric_read(METRIC_store_writes);
}

/* --- the world --- */

static const struct behaviour edge_probe = { .name = "edge probe", .placement = ACTOR_PINNED, .receive = edge_receive };
static const struct behaviour desk_probe = { .name = "desk probe", .placement = ACTOR_FLOATING,
					     .receive = desk_receive };
static const struct behaviour pool_probe = { .name = "pool probe", .placement = ACTOR_FLOATING,
					     .receive = pool_receive };
static const struct behaviour store_probe = { .name = "store probe", .placement = ACTOR_FLOATING,
					      .receive = store_receive };

static struct store *open_store(const char *uri, enum store_access access)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(uri, access, &s, &error) != STATUS_OK)
		fail_msg("%s", error);
	return s;
}

static void add_accounts(struct store *s)
{
	static const char *const names[] = { "alice@localhost", "romeo@localhost", "carol@localhost",
					     "dave@localhost" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(store_put(s, STORE_ACCOUNT, span_of(names[i]), SPAN_LIT("keys")), STATUS_OK);
}

/* Extensions that the configuration names are as they are. */
static void load_extensions(struct world *w)
{
	struct config_problems problems = { 0 };

	w->extensions = extensions_load(w->conf, &problems);
	for (size_t i = 0; i < problems.count; i++)
		fail_msg("%s", problems.items[i].text);
	w->server.extensions = w->extensions;
	components_spawn(&w->server);
	caps_fill(&w->server);
}

struct world *world_new_seeded(const char *lines, uint64_t seed)
{
	static unsigned number;
	struct world *w = xcalloc(1, sizeof(*w));
	struct server *s = &w->server;
	char uri[32];

	engine_init(&(struct engine_options){ .workers = 2, .simulate = true, .seed = seed });
	(void)snprintf(uri, sizeof(uri), "memory:session%u", ++number);
	w->conf = config_for_test(lines);
	w->xml = xml_pool_new();
	w->reader = open_store(uri, STORE_WRITER);
	add_accounts(w->reader);
	s->conf = w->conf;
	s->workers = s->shards = s->desks = 2;
	s->desk_on = w->conf->desk_seats.count > 0;
	w->real_store = store_spawn(open_store(uri, STORE_WRITER));
	s->store = actor_spawn(&store_probe, w, 0);
	load_extensions(w);
	s->pool = actor_spawn(&pool_probe, w, 0);
	s->auths = 1;
	s->auth[0] = auth_spawn(s, uri);
	for (unsigned i = 0; i < 2; i++) {
		s->desk[i] = actor_spawn(&desk_probe, w, 0);
		s->edge[i] = actor_spawn(&edge_probe, w, i);
		s->shard[i] = shard_spawn(s, i);
	}
	s->admin = admin_spawn(s, uri);
	world_run(w);
	return w;
}

struct world *world_new(const char *lines)
{
	return world_new_seeded(lines, 1);
}

void world_free(struct world *w)
{
	engine_stop();
	for (unsigned i = 0; i < w->stalled_count; i++)
		msg_free(w->stalled[i]);
	for (unsigned i = 0; i < w->client_count; i++) {
		struct client *c = &w->clients[i];

		for (unsigned k = 0; k < c->kept_count; k++)
			packet_clear(&c->kept[k].packet);
		buf_fini(&c->log);
		jid_unref(c->full);
	}
	buf_fini(&w->desk);
	buf_fini(&w->pool);
	free(w->shown);
	store_close(w->reader);
	free(w->server.components);
	extensions_free(w->extensions);
	xml_pool_free(w->xml);
	config_free(w->conf);
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

/* --- clients --- */

unsigned client_new(struct world *w, const char *bare, const char *resource)
{
	struct shard_bind *m = MSG_NEW(shard_bind, shard_bind);
	unsigned i = w->client_count++;

	assert_true(i < WORLD_CLIENTS);
	m->bare = jid_parse(span_of(bare));
	assert_non_null(m->bare);
	m->link = (struct link){ w->server.edge[i % 2], i, 1 };
	m->resource = resource ? xstrdup(resource) : NULL;
	m->since = w->since;
	m->class = server_class(&w->server, m->bare);
	m->confidential = !w->unsafe;
	m->known_client = w->known;
	m->carbons = w->carbons;
	(void)snprintf(m->address, sizeof(m->address), "192.0.2.%u", i + 1);
	actor_send(server_shard(&w->server, m->bare), &m);
	world_run(w);
	return i;
}

unsigned client_online(struct world *w, const char *bare, const char *resource)
{
	unsigned i = client_new(w, bare, resource);

	client_send(w, i, "<presence/>");
	for (unsigned k = 0; k < w->client_count; k++)
		buf_clear(&w->clients[k].log);
	return i;
}

static struct stanza *parse(struct world *w, const char *xml)
{
	struct buf text = BUF_INIT;
	struct stanza *s = NULL;
	const char *rest = strpbrk(xml, " />");

	/* the content namespace is in scope on a stream */
	buf_add(&text, xml, (size_t)(rest - xml));
	buf_addf(&text, " xmlns='jabber:client'%s", rest);
	if (xml_parse_document(w->xml, buf_span(&text), &no_limits, &s) != STREAM_ERROR_NONE)
		fail_msg("not well-formed: %s", xml);
	buf_fini(&text);
	return s;
}

static struct jid *parse_jid(struct span text)
{
	struct jid *j = text.p ? jid_parse(text) : NULL;

	assert_true(!text.p || j);
	return j;
}

static void send_numbered(struct world *w, unsigned client, const char *xml, uint64_t number)
{
	struct client *c = &w->clients[client];
	struct shard_inbound *m = MSG_NEW(shard_inbound, shard_inbound);
	struct stanza *s = parse(w, xml);
	struct jid *to = parse_jid(stanza_to(s));

	m->session = c->session;
	m->packet = packet_make(s, c->full, to, 0);
	if (number)
		m->packet.pledge = pledge_new(w->server.edge[client % 2], client, 1, number);
	jid_unref(to);
	actor_send(server_shard(&w->server, c->full), &m);
}

void client_send_later(struct world *w, unsigned client, const char *xml)
{
	send_numbered(w, client, xml, 0);
}

void client_send_owed(struct world *w, unsigned client, const char *xml, uint64_t number)
{
	send_numbered(w, client, xml, number);
	world_run(w);
}

void client_send(struct world *w, unsigned client, const char *xml)
{
	client_send_later(w, client, xml);
	world_run(w);
}

void client_writes(struct world *w, unsigned client)
{
	struct client *c = &w->clients[client];
	unsigned count = c->kept_count;

	c->kept_count = 0;
	for (unsigned i = 0; i < count; i++) {
		write_packet(&c->log, &c->kept[i].packet);
		packet_clear(&c->kept[i].packet);
		if (c->kept[i].receipt)
			tell_written(w, c, c->kept[i].receipt);
	}
	world_run(w);
}

void client_drop(struct world *w, unsigned client, enum close_reason reason)
{
	struct client *c = &w->clients[client];
	struct shard_closed *closed = MSG_NEW(shard_closed, shard_closed);

	c->gone = true;
	for (unsigned i = 0; i < c->kept_count; i++)
		give_back(w, c, &c->kept[i].packet, c->session);
	c->kept_count = 0;
	closed->session = c->session;
	closed->reason = reason;
	actor_send(server_shard(&w->server, c->full), &closed);
	world_run(w);
}

void world_removed_at(struct world *w, const char *bare, uint64_t removal, bool again)
{
	struct shard_removed *m = MSG_NEW(shard_removed, shard_removed);

	m->account = jid_parse(span_of(bare));
	m->removal = removal;
	m->again = again;
	actor_send(server_shard(&w->server, m->account), &m);
	world_run(w);
}

void world_removed(struct world *w, const char *bare)
{
	world_removed_at(w, bare, 0, false);
}

void client_liveness(struct world *w, unsigned client, bool alive)
{
	struct shard_liveness *m = MSG_NEW(shard_liveness, shard_liveness);

	m->session = w->clients[client].session;
	m->alive = alive;
	actor_send(server_shard(&w->server, w->clients[client].full), &m);
	world_run(w);
}

void world_route(struct world *w, const char *xml, uint32_t flags)
{
	struct packet_msg *m = MSG_NEW(shard_route, packet_msg);
	struct stanza *s = parse(w, xml);
	struct jid *from = parse_jid(stanza_from(s)), *to = parse_jid(stanza_to(s));

	m->packet = packet_make(s, from, to, flags);
	actor_send(server_shard(&w->server, to), &m);
	jid_unref(from);
	jid_unref(to);
	world_run(w);
}

void world_contact(struct world *w, const char *user, const char *contact, const char *name, const char *group)
{
	struct shard_contact *m = MSG_NEW(shard_contact, shard_contact);

	m->user = jid_parse(span_of(user));
	m->contact = jid_parse(span_of(contact));
	m->remove = name == NULL;
	m->name = name ? xstrdup(name) : NULL;
	m->group = group ? xstrdup(group) : NULL;
	actor_send(server_shard(&w->server, m->user), &m);
	world_run(w);
}

/* --- looking --- */

static const char *show(struct world *w, struct buf *log)
{
	free(w->shown);
	w->shown = buf_take_text(log);
	return w->shown;
}

const char *client_log(struct world *w, unsigned client)
{
	return show(w, &w->clients[client].log);
}

const char *world_desk(struct world *w)
{
	return show(w, &w->desk);
}

const char *world_pool(struct world *w)
{
	return show(w, &w->pool);
}

static uint64_t count_rows(struct world *w, enum store_collection c, const char *bare)
{
	uint64_t rows = 0;

	assert_int_equal(store_log_count(w->reader, c, span_of(bare), &rows), STATUS_OK);
	return rows;
}

uint64_t world_offline_rows(struct world *w, const char *bare)
{
	return count_rows(w, STORE_OFFLINE, bare);
}

uint64_t world_pending_rows(struct world *w, const char *bare)
{
	return count_rows(w, STORE_PENDING, bare);
}

void assert_has_at(const char *text, const char *part, const char *file, int line)
{
	if (!strstr(text, part)) {
		print_error("'%s'\n\tis not in\n'%s'\n", part, text);
		_fail(file, line);
	}
}
