#pragma once
/* A small tenant for tests of the desk: real desks, a real pool and a real store actor on a store in memory, under
 * the seeded scheduler; one probe in place of the session shards, which writes down what it is told to deliver. */
#include "tests/support/check.h"

#include "actors/desk/inner.h"
#include "actors/store.h"
#include "runtime/actor/engine.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/parser.h"

#define WORLD_DESKS 2u
#define SEATS "sess-man/desk/seats[s]=alice@a.test,bob@a.test,carol@b.test\n"
#define ROBOTS "sess-man/desk/robots[s]=r1@a.test,r2@a.test,r3@a.test,rb@b.test\n"
#define VISITORS "sess-man/desk/visitors[s]=v*@a.test,v*@b.test\n"
#define DOMAINS "--virt-hosts=a.test,b.test\n"

struct record { /* one thing the shard was told */
	struct packet packet; /* of SHARD_ROUTE; stanza NULL for SHARD_CONTACT */
	char *to, *text;      /* text: XML, or "contact VISITOR GROUP" / "contact VISITOR removed" */
};

struct world {
	struct server server;
	struct config *conf;
	struct xml_pool *pool;
	struct record *records;
	size_t count, room, seen; /* records before `seen` are past: looked at or forgotten */
	actor_id edge;            /* hears what became of words sent with says_owed */
	unsigned handled;
	bool lazy;                /* what happens below waits for the next run() */
};

static struct world world;

static void probe_route(const struct packet_msg *m)
{
	struct buf text = BUF_INIT;
	struct record *r = &world.records[world.count++];

	stanza_write(&text, m->packet.stanza, jid_full(m->packet.from), jid_full(m->packet.to), STANZA_FORM_STREAM);
	*r = (struct record){ packet_copy(&m->packet), xstrdup(jid_full(m->packet.to).p), buf_take_text(&text) };
}

static void probe_contact(const struct shard_contact *m)
{
	struct buf text = BUF_INIT;
	struct record *r = &world.records[world.count++];

	buf_addf(&text, "contact %s %s", jid_bare(m->contact).p, m->remove ? "removed" : m->group);
	*r = (struct record){ { 0 }, xstrdup(jid_full(m->user).p), buf_take_text(&text) };
}

static void probe_receive(void *state, struct msg *m)
{
	(void)state;
	if (world.count == world.room) {
		world.room = world.room ? world.room * 2 : 64;
		world.records = xrealloc(world.records, world.room * sizeof(*world.records));
	}
	if (m->kind == &shard_route_kind)
		probe_route((struct packet_msg *)(void *)m);
	else if (m->kind == &shard_contact_kind)
		probe_contact((struct shard_contact *)(void *)m);
	else
		BUG("not for a shard");
}

static void edge_receive(void *state, struct msg *m)
{
	(void)state;
	if (m->kind != &edge_handled_kind)
		BUG("not for an edge");
	world.handled++;
}

static uint64_t run(uint64_t ms)
{
	return engine_sim_run(ms);
}

static UNUSED void settle(void)
{
	if (!world.lazy)
		run(0);
}

static void world_end(void)
{
	for (size_t i = 0; i < world.count; i++)
		packet_clear(&world.records[i].packet);
	engine_stop();
	for (size_t i = 0; i < world.count; i++) {
		free(world.records[i].to);
		free(world.records[i].text);
	}
	free(world.records);
	xml_pool_free(world.pool);
	config_free(world.conf);
	world = (struct world){ 0 };
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* `lines`: settings on top of the tenant's. The same store name finds what an earlier world left. */
static void world_begin(const char *lines, uint64_t seed, const char *store_name)
{
	static const struct behaviour probe = { .name = "probe", .placement = ACTOR_FLOATING, .receive = probe_receive };
	static const struct behaviour edge = { .name = "edge", .placement = ACTOR_FLOATING, .receive = edge_receive };
	const struct engine_options options = { .workers = 2, .simulate = true, .seed = seed };
	struct buf text = BUF_INIT, uri = BUF_INIT;
	struct store *writer = NULL;
	char *error = NULL, *settings, *where;

	log_set_level(LOG_LEVEL_ERROR);
	buf_addf(&text, DOMAINS SEATS ROBOTS VISITORS "%s", lines ? lines : "");
	settings = buf_take_text(&text);
	buf_addf(&uri, "memory:%s", store_name);
	where = buf_take_text(&uri);
	engine_init(&options);
	world.conf = config_for_test(settings);
	world.pool = xml_pool_new();
	world.server = (struct server){ .conf = world.conf, .workers = 2, .shards = 1, .desks = WORLD_DESKS,
					.desk_on = true };
	assert_int_equal(store_open(where, STORE_WRITER, &writer, &error), STATUS_OK);
	world.server.store = store_spawn(writer);
	world.server.shard[0] = actor_spawn(&probe, NULL, 0);
	world.edge = actor_spawn(&edge, NULL, 0);
	world.server.pool = pool_spawn(&world.server);
	for (unsigned i = 0; i < WORLD_DESKS; i++)
		world.server.desk[i] = desk_spawn(&world.server, i);
	free(settings);
	free(where);
	settle();
}

/* --- what happens --- */

static struct jid *jid(const char *text)
{
	struct jid *j = jid_parse(span_of(text));

	assert_non_null(j);
	return j;
}

static UNUSED void seat_state(const char *bare, const char *full, bool taking, enum agent_exit exit)
{
	struct pool_presence *p = MSG_NEW(pool_presence, pool_presence);

	p->account = jid(bare);
	p->best = full ? jid(full) : NULL;
	p->class = server_class(&world.server, p->account);
	p->taking_chats = taking;
	p->exit = exit;
	actor_send(world.server.pool, &p);
	settle();
}

static UNUSED void comes(const char *full)
{
	struct jid *j = jid(full), *bare = jid_to_bare(j);

	seat_state(jid_full(bare).p, full, true, AGENT_SIGNED_OUT);
	jid_unref(j);
	jid_unref(bare);
}

static UNUSED void signs_out(const char *bare)
{
	seat_state(bare, NULL, false, AGENT_SIGNED_OUT);
}

static UNUSED void line_lost(const char *bare)
{
	seat_state(bare, NULL, false, AGENT_LOST);
}

static UNUSED void is_removed(const char *bare)
{
	seat_state(bare, NULL, false, AGENT_REMOVED);
}

static UNUSED void visitor(const char *full, enum visitor_event event, enum close_reason how)
{
	struct desk_visitor *v = MSG_NEW(desk_visitor, desk_visitor);
	struct jid *j = jid(full);

	v->visitor = j;
	v->event = event;
	v->reason = how;
	v->sessions = event == VISITOR_LEFT ? 0 : 1;
	actor_send(server_desk(&world.server, j), &v);
	settle();
}

static UNUSED void packet_owed(actor_id desk, const struct msg_kind *kind, const char *from, const char *to,
			       const char *xml, struct pledge *pledge)
{
	struct packet_msg *m = (struct packet_msg *)(void *)msg_new(kind);
	static const struct xml_limits no_limits;
	struct jid *f = jid(from), *t = to ? jid(to) : NULL;
	struct stanza *s = NULL;

	assert_int_equal(xml_parse_document(world.pool, span_of(xml), &no_limits, &s), STREAM_ERROR_NONE);
	m->packet = packet_make(s, f, t, 0);
	m->packet.pledge = pledge;
	jid_unref(f);
	jid_unref(t);
	actor_send(desk, &m);
}

static UNUSED void packet_to(actor_id desk, const struct msg_kind *kind, const char *from, const char *to,
			     const char *xml)
{
	packet_owed(desk, kind, from, to, xml, NULL);
}

/* The server could not keep what was said to this visitor. */
static UNUSED void cannot_be_kept(const char *visitor_jid, const char *to, const char *id)
{
	struct packet_msg *m = MSG_NEW(desk_from_visitor, packet_msg);
	static const struct xml_limits no_limits;
	struct jid *v = jid(visitor_jid), *t = jid(to);
	struct stanza *s = NULL;
	struct buf xml = BUF_INIT;

	buf_addf(&xml, "<message xmlns='jabber:client' type='error' id='%s'><body>x</body><error type='wait'/></message>", id);
	assert_int_equal(xml_parse_document(world.pool, buf_span(&xml), &no_limits, &s), STREAM_ERROR_NONE);
	m->packet = packet_make(s, v, t, PACKET_SERVER);
	actor_send(server_desk(&world.server, v), &m);
	settle();
	buf_fini(&xml);
	jid_unref(v);
	jid_unref(t);
}

static UNUSED void visitor_sends(const char *from, const char *to, const char *xml)
{
	struct jid *f = jid(from);

	packet_to(server_desk(&world.server, f), &desk_from_visitor_kind, from, to, xml);
	jid_unref(f);
}

/* The server could neither deliver nor keep what was said to this visitor. */
static UNUSED void visitor_misses(const char *visitor_bare, const char *face, const char *id)
{
	struct packet_msg *m = MSG_NEW(desk_from_visitor, packet_msg);
	static const struct xml_limits no_limits;
	struct jid *f = jid(visitor_bare), *t = jid(face);
	struct buf xml = BUF_INIT;
	struct stanza *s = NULL;

	buf_addf(&xml, "<message xmlns='jabber:client' type='error' id='%s'><body>x</body><error type='wait'/></message>", id);
	assert_int_equal(xml_parse_document(world.pool, buf_span(&xml), &no_limits, &s), STREAM_ERROR_NONE);
	m->packet = packet_make(s, f, t, PACKET_SERVER);
	actor_send(server_desk(&world.server, f), &m);
	settle();
	buf_fini(&xml);
	jid_unref(f);
	jid_unref(t);
}

static UNUSED void to_visitor(const char *from, const char *to, const char *xml)
{
	struct jid *t = jid(to);

	packet_to(server_desk(&world.server, t), &desk_to_visitor_kind, from, to, xml);
	jid_unref(t);
}

static UNUSED char *message_xml(const char *id, const char *body)
{
	struct buf xml = BUF_INIT;

	buf_addf(&xml, "<message xmlns='jabber:client' type='chat' id='%s'><body>%s</body></message>", id, body);
	return buf_take_text(&xml);
}

static UNUSED void says(const char *from, const char *to, const char *id)
{
	char *xml = message_xml(id, "text");

	visitor_sends(from, to, xml);
	settle();
	free(xml);
}

static bool is_to(const struct record *r, const char *to)
{
	size_t n = strlen(to);

	return strncmp(r->to, to, n) == 0 && (r->to[n] == '\0' || r->to[n] == '/');
}

/* Clients of this address acknowledge all they got. */
static UNUSED void acknowledges(const char *to)
{
	for (size_t i = 0; i < world.count; i++)
		if (is_to(&world.records[i], to))
			pledge_drop(&world.records[i].packet.pledge);
	settle();
}

/* From a client with stream management. */
static UNUSED void says_owed(const char *from, const char *to, const char *id)
{
	char *xml = message_xml(id, "text");
	struct jid *f = jid(from);

	packet_owed(server_desk(&world.server, f), &desk_from_visitor_kind, from, to, xml, pledge_new(world.edge, 0, 0, 1));
	settle();
	jid_unref(f);
	free(xml);
}

/* A client that acknowledges what it has before it speaks. */
static UNUSED void answers(const char *from, const char *to, const char *id)
{
	char *xml = message_xml(id, "answer");
	struct jid *f = jid(from), *bare = jid_to_bare(f);

	acknowledges(jid_full(bare).p);
	jid_unref(f);
	jid_unref(bare);
	to_visitor(from, to, xml);
	settle();
	free(xml);
}

static UNUSED void asks_roster(const char *from, const char *id)
{
	struct jid *f = jid(from);
	struct buf xml = BUF_INIT;
	char *text;

	buf_addf(&xml, "<iq xmlns='jabber:client' type='get' id='%s'><query xmlns='jabber:iq:roster'/></iq>", id);
	text = buf_take_text(&xml);
	packet_to(server_desk(&world.server, f), &desk_roster_get_kind, from, NULL, text);
	free(text);
	jid_unref(f);
}

/* The shard could not hand over what record `r` is. */
static UNUSED void comes_back(struct record *r)
{
	struct packet_msg *m = MSG_NEW(desk_undelivered, packet_msg);

	m->packet = packet_copy(&r->packet);
	pledge_drop(&r->packet.pledge);
	actor_send(server_desk(&world.server, r->packet.from), &m);
	settle();
}

/* --- what was seen --- */

/* Records to this address (bare: any resource) that contain the text, since the last forget(). */
static UNUSED size_t count(const char *to, const char *text)
{
	size_t n = 0;

	for (size_t i = world.seen; i < world.count; i++)
		n += is_to(&world.records[i], to) && strstr(world.records[i].text, text) != NULL;
	return n;
}

static UNUSED struct record *find(const char *to, const char *text)
{
	for (size_t i = world.seen; i < world.count; i++)
		if (is_to(&world.records[i], to) && strstr(world.records[i].text, text))
			return &world.records[i];
	return NULL;
}

static UNUSED void forget(void)
{
	world.seen = world.count;
}

static UNUSED void print_records(void)
{
	for (size_t i = world.seen; i < world.count && i < world.seen + 40; i++)
		printf("%s <- %s\n", world.records[i].to, world.records[i].text);
}

#define assert_seen(times, to, text) \
	do { \
		size_t seen_ = count((to), (text)); \
		if (seen_ != (times)) { \
			print_records(); \
			fail_msg("%s:%d: %s: \"%s\" seen %zu times, not %zu", __FILE__, __LINE__, (to), (text), seen_, \
				 (size_t)(times)); \
		} \
	} while (0)

/* Rows in the log of left messages. */
static UNUSED uint64_t rows(const char *store_name, const char *domain)
{
	struct buf uri = BUF_INIT;
	struct store *reader = NULL;
	char *error = NULL, *where;
	uint64_t n = 0;

	buf_addf(&uri, "memory:%s", store_name);
	where = buf_take_text(&uri);
	assert_int_equal(store_open(where, STORE_READER, &reader, &error), STATUS_OK);
	assert_int_equal(store_log_count(reader, STORE_DESK_LEFT, span_of(domain), &n), STATUS_OK);
	store_close(reader);
	free(where);
	return n;
}

/* Messages with these ids ("1 2 3") reached the address, in this order, and no other with a body that is no notice;
 * `from` NULL = from anybody. */
static UNUSED bool got_from(const char *to, const char *from, const char *ids)
{
	struct buf seen = BUF_INIT;
	char *text;
	bool same;

	for (size_t i = world.seen; i < world.count; i++) {
		const struct record *r = &world.records[i];

		if (!is_to(r, to) || !r->packet.stanza || stanza_kind(r->packet.stanza) != STANZA_MESSAGE ||
		    !stanza_has_body(r->packet.stanza) || stanza_type(r->packet.stanza) == STANZA_TYPE_ERROR ||
		    stanza_child(r->packet.stanza, STANZA_TOP, "event", "urn:switchboard:desk:1") != STANZA_NO_EL)
			continue;
		if (from && !span_is(jid_bare(r->packet.from), from))
			continue;
		buf_addf(&seen, "%s%.*s", buf_len(&seen) ? " " : "", SPAN_FMT(stanza_id(r->packet.stanza)));
	}
	text = buf_take_text(&seen);
	same = strcmp(text ? text : "", ids) == 0;
	if (!same)
		printf("%s got \"%s\", not \"%s\"\n", to, text ? text : "", ids);
	free(text);
	return same;
}

static UNUSED bool got(const char *to, const char *ids)
{
	return got_from(to, NULL, ids);
}
