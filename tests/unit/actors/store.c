/* The store actor under the simulated engine, on a real database, so that what is committed can be told from what is not. */
#include "tests/support/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "actors/packet.h"
#include "actors/store.h"
#include "runtime/actor/engine.h"
#include "xmpp/parser.h"

struct order {
	struct msg m;
	struct store_request *request; /* owned until sent */
};
static void order_drop(struct msg *m);
#define PROBE_PROTOCOL(M) \
	M(PROBE_SEND, probe_send, order, order_drop, "Send this to the store.") \
	M(PROBE_ANSWER, probe_answer, store_request, store_request_drop, "It came home.")
MSG_DECLARE(probe, PROBE_PROTOCOL)
MSG_DEFINE(PROBE_PROTOCOL)

static void order_drop(struct msg *m)
{
	struct order *o = (struct order *)(void *)m;

	if (o->request)
		msg_free(&o->request->m);
}

#define ANSWERS 256

struct probe {
	actor_id store;
	struct store *reader;
	struct store_request *answers[ANSWERS];
	size_t count;
};

static void on_probe_send(struct probe *self, struct order *o)
{
	struct store_request *r = o->request;

	o->request = NULL;
	actor_send(self->store, &r);
}

/* A write that is answered must be there for everybody. */
static void expect_committed(struct probe *self, const struct store_request *r)
{
	struct buf got = BUF_INIT;

	if (r->op != STORE_OP_PUT || r->status != STATUS_OK)
		return;
	assert_int_equal(store_get(self->reader, r->collection, span_of(r->owner), &got), STATUS_OK);
	assert_true(span_eq(buf_span(&got), buf_span(&r->value)));
	buf_fini(&got);
}

static void on_probe_answer(struct probe *self, struct store_request *r)
{
	expect_committed(self, r);
	assert_true(self->count < ANSWERS);
	self->answers[self->count++] = r;
	actor_keep(&r->m);
}

MSG_RECEIVE(probe, struct probe, PROBE_PROTOCOL)
static const struct behaviour probe_behaviour = { .name = "probe", .placement = ACTOR_PINNED, .receive = probe_receive };

struct world {
	struct probe probe;
	actor_id probe_id;
	char folder[64], uri[100];
};

static struct store *open_store(const char *uri, enum store_access access)
{
	struct store *s = NULL;
	char *error = NULL;

	if (store_open(uri, access, &s, &error) != STATUS_OK)
		fail_msg("%s", error);
	return s;
}

static void world_raise(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->folder, sizeof(w->folder), "/tmp/switchboard-actor-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->uri, sizeof(w->uri), "sqlite:%s/db", w->folder);
	engine_init(&(struct engine_options){ .simulate = true, .seed = seed, .workers = 1 });
	w->probe.store = store_spawn(open_store(w->uri, STORE_WRITER));
	w->probe.reader = open_store(w->uri, STORE_READER);
	w->probe_id = actor_spawn(&probe_behaviour, &w->probe, 0);
}

static void forget_answers(struct world *w)
{
	for (size_t i = 0; i < w->probe.count; i++)
		msg_free(&w->probe.answers[i]->m);
	w->probe.count = 0;
}

static void world_stop(struct world *w)
{
	store_close(w->probe.reader);
	engine_stop();
	forget_answers(w);
}

static void remove_files(const struct world *w)
{
	static const char *const names[] = { "db", "db-wal", "db-shm" };
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->folder), 0);
}

static void world_lower(struct world *w)
{
	world_stop(w);
	remove_files(w);
}

static struct store_request *make(enum store_op op, enum store_collection c, const char *owner, const char *key, const char *value)
{
	struct store_request *r = store_request_new(op, c, span_of(owner), span_of(key), &probe_answer_kind);

	if (value)
		buf_add_text(&r->value, value);
	return r;
}

static void ask(struct world *w, struct store_request *r)
{
	struct order *o = MSG_NEW(probe_send, order);

	o->request = r;
	actor_send(w->probe_id, &o);
}

/* Asks and waits for the answer; the probe owns it. */
static struct store_request *answer_to(struct world *w, struct store_request *r)
{
	size_t before = w->probe.count;

	ask(w, r);
	engine_sim_run(0);
	assert_int_equal(w->probe.count, before + 1);
	return w->probe.answers[before];
}

static enum status status_of(struct world *w, struct store_request *r)
{
	return answer_to(w, r)->status;
}

static void every_operation_is_answered(void **state)
{
	struct world w;
	struct store_request *r;
	uint64_t first;

	(void)state;
	world_raise(&w, 1);
	assert_int_equal(status_of(&w, make(STORE_OP_GET, STORE_ACCOUNT, "a", NULL, NULL)), STATUS_NOT_FOUND);
	assert_int_equal(status_of(&w, make(STORE_OP_PUT, STORE_ACCOUNT, "a", NULL, "1")), STATUS_OK);
	r = answer_to(&w, make(STORE_OP_GET, STORE_ACCOUNT, "a", NULL, "what was in the buffer before"));
	assert_int_equal(r->status, STATUS_OK);
	assert_true(span_is(buf_span(&r->value), "1"));
	assert_int_equal(status_of(&w, make(STORE_OP_DELETE, STORE_ACCOUNT, "a", NULL, NULL)), STATUS_OK);
	assert_int_equal(status_of(&w, make(STORE_OP_DELETE, STORE_ACCOUNT, "a", NULL, NULL)), STATUS_NOT_FOUND);

	assert_int_equal(status_of(&w, make(STORE_OP_MAP_PUT, STORE_ROSTER, "a", "k", "1")), STATUS_OK);
	assert_int_equal(status_of(&w, make(STORE_OP_MAP_PUT, STORE_ROSTER, "a", "l", "2")), STATUS_OK);
	r = answer_to(&w, make(STORE_OP_MAP_ALL, STORE_ROSTER, "a", NULL, NULL));
	assert_int_equal(r->row_count, 2);
	assert_string_equal(r->rows[1].key, "l");
	assert_memory_equal(r->rows[1].bytes, "2", 1);
	r = answer_to(&w, make(STORE_OP_MAP_GET, STORE_ROSTER, "a", "l", "what was in the buffer before"));
	assert_int_equal(r->status, STATUS_OK);
	assert_true(span_is(buf_span(&r->value), "2"));
	assert_int_equal(status_of(&w, make(STORE_OP_MAP_GET, STORE_ROSTER, "a", "m", NULL)), STATUS_NOT_FOUND);
	assert_int_equal(status_of(&w, make(STORE_OP_MAP_DELETE, STORE_ROSTER, "a", "k", NULL)), STATUS_OK);
	assert_int_equal(answer_to(&w, make(STORE_OP_MAP_ALL, STORE_ROSTER, "a", NULL, NULL))->row_count, 1);

	r = make(STORE_OP_LOG_APPEND, STORE_OFFLINE, "a", "t", "1");
	r->time_us = 77;
	first = answer_to(&w, r)->seq;
	assert_true(first > 0);
	assert_true(answer_to(&w, make(STORE_OP_LOG_APPEND, STORE_OFFLINE, "a", "u", "2"))->seq > first);
	assert_int_equal(answer_to(&w, make(STORE_OP_LOG_COUNT, STORE_OFFLINE, "a", NULL, NULL))->seq, 2);
	r = answer_to(&w, make(STORE_OP_LOG_READ, STORE_OFFLINE, "a", NULL, NULL)); /* no tag = any */
	assert_int_equal(r->row_count, 2);
	assert_int_equal(r->rows[0].seq, first);
	assert_int_equal(r->rows[0].time_us, 77);
	assert_string_equal(r->rows[0].key, "t");
	assert_int_equal(answer_to(&w, make(STORE_OP_LOG_READ, STORE_OFFLINE, "a", "u", NULL))->row_count, 1);
	r = make(STORE_OP_LOG_READ, STORE_OFFLINE, "a", NULL, NULL);
	r->limit = 1;
	assert_int_equal(answer_to(&w, r)->row_count, 1);
	r = make(STORE_OP_LOG_DELETE_ONE, STORE_OFFLINE, "a", NULL, NULL);
	r->seq = first;
	assert_int_equal(status_of(&w, r), STATUS_OK);
	r = make(STORE_OP_LOG_DELETE_UPTO, STORE_OFFLINE, "a", NULL, NULL);
	r->seq = UINT64_MAX;
	assert_int_equal(status_of(&w, r), STATUS_OK);
	assert_int_equal(answer_to(&w, make(STORE_OP_LOG_COUNT, STORE_OFFLINE, "a", NULL, NULL))->seq, 0);
	world_lower(&w);
}

/* However the scheduler cuts the mailbox into batches: answers in order of the requests, each write visible when answered. */
static void answers_come_in_order_after_their_commit(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct world w;

		world_raise(&w, seed);
		for (uint64_t i = 0; i < 50; i++) {
			struct store_request *r;
			char text[24];

			snprintf(text, sizeof(text), "%llu", (unsigned long long)i);
			r = make(STORE_OP_PUT, STORE_ACCOUNT, text, NULL, text);
			r->note[0] = i;
			r->note[2] = ~i;
			ask(&w, r);
		}
		engine_sim_run(0);
		assert_int_equal(w.probe.count, 50);
		for (uint64_t i = 0; i < 50; i++) {
			assert_int_equal(w.probe.answers[i]->status, STATUS_OK);
			assert_true(w.probe.answers[i]->note[0] == i && w.probe.answers[i]->note[2] == ~i);
		}
		world_lower(&w);
	}
}

static void a_refused_request_leaves_its_neighbours_alone(void **state)
{
	static const enum status wanted[] = { STATUS_OK, STATUS_OK, STATUS_LIMIT, STATUS_NOT_FOUND, STATUS_OK };
	struct world w;

	(void)state;
	world_raise(&w, 2);
	ask(&w, make(STORE_OP_PUT, STORE_ACCOUNT, "a", NULL, "1"));
	for (int i = 0; i < 2; i++) {
		struct store_request *r = make(STORE_OP_LOG_APPEND, STORE_OFFLINE, "a", "t", "1");

		r->limit = 1;
		ask(&w, r);
	}
	ask(&w, make(STORE_OP_DELETE, STORE_ROSTER, "nobody", NULL, NULL));
	ask(&w, make(STORE_OP_PUT, STORE_ACCOUNT, "b", NULL, "2"));
	engine_sim_run(0);
	assert_int_equal(w.probe.count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_int_equal(w.probe.answers[i]->status, wanted[i]);
	world_lower(&w);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* No file may grow: the log of the database cannot take the transaction. */
static void a_failed_commit_is_every_writers_answer(void **state)
{
	struct world w;
	struct buf got = BUF_INIT;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	world_raise(&w, 3);
	assert_int_equal(status_of(&w, make(STORE_OP_PUT, STORE_ACCOUNT, "before", NULL, "1")), STATUS_OK);
	forget_answers(&w);
	for (int i = 0; i < 4; i++) {
		struct store_request *r = make(STORE_OP_PUT, STORE_ACCOUNT, i % 2 ? "x" : "y", NULL, NULL);

		memset(buf_reserve(&r->value, 200000), 'v', 200000);
		buf_commit(&r->value, 200000);
		ask(&w, r);
	}
	ask(&w, make(STORE_OP_GET, STORE_ACCOUNT, "before", NULL, NULL));
	limit_files(100000);
	engine_sim_run(0);
	limit_files(RLIM_INFINITY);
	assert_int_equal(w.probe.count, 5);
	for (int i = 0; i < 4; i++)
		assert_int_equal(w.probe.answers[i]->status, STATUS_IO);
	assert_int_equal(w.probe.answers[4]->status, STATUS_OK); /* reading was possible */
	assert_int_equal(store_get(w.probe.reader, STORE_ACCOUNT, SPAN_LIT("x"), &got), STATUS_NOT_FOUND);
	assert_int_equal(status_of(&w, make(STORE_OP_PUT, STORE_ACCOUNT, "after", NULL, "1")), STATUS_OK);
	world_lower(&w);
}

/* What is left behind by a deletion that failed would be given out once more. */
static void a_deletion_nobody_waits_for_is_tried_again(void **state)
{
	struct world w;
	struct store_request *r;
	uint64_t seq, count = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	world_raise(&w, 7);
	(void)answer_to(&w, make(STORE_OP_LOG_APPEND, STORE_OFFLINE, "a", "t", "kept"));
	seq = answer_to(&w, make(STORE_OP_LOG_APPEND, STORE_OFFLINE, "a", "t", "given out"))->seq;
	r = make(STORE_OP_LOG_DELETE_ONE, STORE_OFFLINE, "a", NULL, NULL);
	r->reply = NULL;
	r->seq = seq;
	ask(&w, r);
	limit_files(1);
	engine_sim_run(0);
	engine_sim_run(1000); /* the second time it fails too */
	limit_files(RLIM_INFINITY);
	assert_int_equal(store_log_count(w.probe.reader, STORE_OFFLINE, SPAN_LIT("a"), &count), STATUS_OK);
	assert_int_equal(count, 2);
	engine_sim_run(1000);
	assert_int_equal(store_log_count(w.probe.reader, STORE_OFFLINE, SPAN_LIT("a"), &count), STATUS_OK);
	assert_int_equal(count, 1);
	/* and once more, with the server's end in between: no word is lost over it, nor memory */
	r = make(STORE_OP_LOG_DELETE_UPTO, STORE_OFFLINE, "a", NULL, NULL);
	r->reply = NULL;
	r->seq = seq;
	ask(&w, r);
	limit_files(1);
	engine_sim_run(0);
	world_stop(&w);
	limit_files(RLIM_INFINITY);
	remove_files(&w);
}

static void a_request_without_reply_is_done_and_freed(void **state)
{
	struct world w;
	struct store_request *r;
	struct buf got = BUF_INIT;

	(void)state;
	world_raise(&w, 4);
	r = make(STORE_OP_PUT, STORE_ACCOUNT, "a", NULL, "1");
	r->reply = NULL;
	ask(&w, r);
	r = make(STORE_OP_PUT, STORE_ACCOUNT, "b", NULL, "1"); /* from outside any actor: nobody to answer */
	actor_send(w.probe.store, &r);
	engine_sim_run(0);
	assert_int_equal(w.probe.count, 0);
	assert_int_equal(store_get(w.probe.reader, STORE_ACCOUNT, SPAN_LIT("a"), &got), STATUS_OK);
	assert_int_equal(store_get(w.probe.reader, STORE_ACCOUNT, SPAN_LIT("b"), &got), STATUS_OK);
	buf_fini(&got);
	world_lower(&w);
}

/* A packet waits for its write and is owned by the request on every way: home, and when nobody is there any more. */
static void a_waiting_packet_is_carried_home(void **state)
{
	struct builder *b = builder_new();
	struct stanza *stanza;
	struct world w;
	struct packet packet;
	struct jid *alice = jid_parse(SPAN_LIT("alice@example.com"));

	(void)state;
	builder_open(b, "message", "jabber:client");
	builder_close(b);
	stanza = builder_finish(b);
	world_raise(&w, 5);
	for (int i = 0; i < 2; i++) {
		struct store_request *r = make(STORE_OP_PUT, STORE_ACCOUNT, "a", NULL, "1");

		packet = packet_make(stanza_ref(stanza), alice, alice, 0);
		r->packet = packet_note_new(&packet);
		if (i == 1)
			r->reply = NULL;
		ask(&w, r);
	}
	engine_sim_run(0);
	assert_int_equal(w.probe.count, 1);
	assert_ptr_equal(w.probe.answers[0]->packet->packet.stanza, stanza);
	world_lower(&w);
	stanza_unref(stanza);
	jid_unref(alice);
	builder_free(b);
}

static void what_waits_when_the_engine_stops_is_kept(void **state)
{
	struct world w;
	struct store_request *r;
	struct store *s;
	struct buf got = BUF_INIT;

	(void)state;
	world_raise(&w, 6);
	r = make(STORE_OP_PUT, STORE_ACCOUNT, "a", NULL, "1");
	actor_send(w.probe.store, &r);
	assert_true(engine_drain(1000));
	world_stop(&w);
	s = open_store(w.uri, STORE_READER);
	assert_int_equal(store_get(s, STORE_ACCOUNT, SPAN_LIT("a"), &got), STATUS_OK);
	buf_fini(&got);
	store_close(s);
	remove_files(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_is_answered),
		cmocka_unit_test(answers_come_in_order_after_their_commit),
		cmocka_unit_test(a_refused_request_leaves_its_neighbours_alone),
		cmocka_unit_test(a_failed_commit_is_every_writers_answer),
		cmocka_unit_test(a_deletion_nobody_waits_for_is_tried_again),
		cmocka_unit_test(a_request_without_reply_is_done_and_freed),
		cmocka_unit_test(a_waiting_packet_is_carried_home),
		cmocka_unit_test(what_waits_when_the_engine_stops_is_kept),
	};

	return RUN(tests);
}
