/* Connections without a socket, under the seeded scheduler: no threads, no ports, no waiting. */
#include "tests/support/check.h"

#include "runtime/actor/engine.h"
#include "runtime/io/conn.h"

/* An actor that owns one connection and does as told. */
struct owner {
	actor_id id;
	struct conn *c;
	struct conn_limits limits;
	struct buf input;
	uint64_t sent;
	unsigned inputs, ends, secures;
	enum conn_end why;
	bool drained;
	struct span answer;     /* to every input */
	size_t (*take)(struct owner *o, struct span bytes);
	bool free_at_end;
};

static size_t on_input(void *ctx, struct span bytes, bool drained)
{
	struct owner *o = ctx;
	size_t used = o->take ? o->take(o, bytes) : bytes.n;

	assert_true(actor_self() == o->id);
	buf_add(&o->input, bytes.p, used);
	o->inputs++;
	o->drained = drained;
	if (o->answer.n)
		conn_write(o->c, o->answer);
	return used;
}
static void on_secure(void *ctx)
{
	((struct owner *)ctx)->secures++;
}
static void on_sent(void *ctx, uint64_t sent)
{
	struct owner *o = ctx;

	assert_true(actor_self() == o->id);
	o->sent = sent;
}
static void on_end(void *ctx, enum conn_end why)
{
	struct owner *o = ctx;

	o->ends++;
	o->why = why;
	if (o->free_at_end) {
		conn_free(o->c);
		o->c = NULL;
	}
}
static const struct conn_events events = { on_input, on_secure, on_sent, on_end };

struct do_msg {
	struct msg m;
	void (*what)(struct owner *o);
};
static const struct msg_kind do_kind = { "DO", sizeof(struct do_msg), 0, NULL, "Do this." };

static void owner_receive(void *state, struct msg *m)
{
	((struct do_msg *)(void *)m)->what(state);
}
static const struct behaviour behaviour = { .name = "owner", .placement = ACTOR_PINNED, .receive = owner_receive };

static void tell(struct owner *o, void (*what)(struct owner *o))
{
	struct msg *m = msg_new(&do_kind);

	((struct do_msg *)(void *)m)->what = what;
	actor_send_msg(o->id, &m);
	engine_sim_run(0);
}

static void begin(struct owner *o)
{
	static const struct address peer = { .port = 1 };

	*o = (struct owner){ 0 };
	o->id = actor_spawn(&behaviour, o, 0);
	engine_sim_run(0);
	actor_enter(o->id);
	o->c = conn_memory_new(&peer, &o->limits, &events, o);
	actor_leave();
}

static void drop(struct owner *o)
{
	conn_free(o->c);
	o->c = NULL;
}

static void end(struct owner *o)
{
	if (o->c)
		tell(o, drop);
	buf_fini(&o->input);
}

static void expect_written(struct owner *o, const char *text)
{
	struct buf out = BUF_INIT;

	conn_memory_take(o->c, &out);
	if (!span_is(buf_span(&out), text))
		fail_msg("'%.*s' was written, not '%s'", SPAN_FMT(buf_span(&out)), text);
	buf_fini(&out);
}

static int setup(void **state)
{
	(void)state;
	engine_init(&(struct engine_options){ .simulate = true, .workers = 2, .seed = 1 });
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	engine_stop();
	return 0;
}

/* --- */

static void write_two(struct owner *o)
{
	conn_write(o->c, SPAN_LIT("one"));
	conn_write(o->c, SPAN_LIT("two"));
	assert_int_equal(conn_unsent(o->c), 6);
}
static void write_in_vain(struct owner *o)
{
	conn_write(o->c, SPAN_LIT("late"));
	assert_int_equal(conn_unsent(o->c), 0);
}
static void close_it(struct owner *o)
{
	conn_close(o->c);
}
static void pause(struct owner *o)
{
	conn_pause(o->c);
}
static void resume(struct owner *o)
{
	conn_resume(o->c);
}

static void what_is_fed_is_shown_and_what_is_written_is_collected(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	o.answer = SPAN_LIT("pong");
	conn_memory_feed(o.c, SPAN_LIT("ping"));
	assert_true(span_is(buf_span(&o.input), "ping"));
	assert_true(o.drained);
	expect_written(&o, "pong");
	assert_int_equal(o.sent, 4);
	tell(&o, write_two);
	expect_written(&o, "onetwo");
	assert_int_equal(o.sent, 10);
	assert_int_equal(conn_queued(o.c), 10);
	end(&o);
}

static void feed_inside(struct owner *o)
{
	conn_memory_feed(o->c, SPAN_LIT("inside"));
}

static size_t feed_more_once(struct owner *o, struct span bytes)
{
	if (o->inputs == 0)
		conn_memory_feed(o->c, SPAN_LIT("more"));
	return bytes.n;
}

static void feeding_works_in_the_owners_context_and_within_callbacks(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	tell(&o, feed_inside);
	assert_true(span_is(buf_span(&o.input), "inside"));
	buf_fini(&o.input);
	o.inputs = 0;
	o.take = feed_more_once;
	conn_memory_feed(o.c, SPAN_LIT("first"));
	assert_true(span_is(buf_span(&o.input), "firstmore"));
	assert_int_equal(o.inputs, 2);
	end(&o);
}

static size_t take_one(struct owner *o, struct span bytes)
{
	(void)o;
	return bytes.n > 0;
}

static void a_pause_keeps_what_is_fed(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	tell(&o, pause);
	conn_memory_feed(o.c, SPAN_LIT("abc"));
	engine_sim_run(1000);
	assert_int_equal(o.inputs, 0);
	o.take = take_one;
	tell(&o, resume);
	assert_true(span_is(buf_span(&o.input), "a"));
	tell(&o, resume); /* shows the kept again, though nothing came */
	assert_true(span_is(buf_span(&o.input), "ab"));
	end(&o);
}

static void a_flood_is_fed_in_pieces(void **state)
{
	char *text = calloc(1, 300000);
	struct owner o;

	(void)state;
	begin(&o);
	conn_memory_feed(o.c, (struct span){ text, 300000 });
	assert_int_equal(buf_len(&o.input), 300000);
	assert_int_equal(o.inputs, 5);
	assert_true(o.drained);
	free(text);
	end(&o);
}

static void a_stalled_peer_fills_the_output_up_to_the_bound(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	o.limits.out_soft = 7;
	o.limits.out_hard = 12;
	conn_memory_stall(o.c, true);
	tell(&o, write_two);
	assert_false(conn_is_full(o.c));
	assert_int_equal(o.sent, 0);
	conn_memory_stall(o.c, false); /* it reads again */
	assert_int_equal(o.sent, 6);
	expect_written(&o, "onetwo");
	conn_memory_stall(o.c, true);
	tell(&o, write_two);
	conn_memory_feed(o.c, SPAN_LIT("x"));
	assert_int_equal(o.ends, 0);
	o.answer = SPAN_LIT("12");
	conn_memory_feed(o.c, SPAN_LIT("x"));
	assert_true(conn_is_full(o.c));
	assert_int_equal(o.ends, 0);
	o.answer = SPAN_LIT("12345");
	conn_memory_feed(o.c, SPAN_LIT("x"));
	assert_int_equal(o.ends, 1);
	assert_int_equal(o.why, CONN_END_STALLED);
	tell(&o, write_in_vain);
	assert_int_equal(o.ends, 1);
	end(&o);
}

static void closing_writes_the_rest_and_ends(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	conn_memory_stall(o.c, true);
	tell(&o, write_two);
	tell(&o, close_it);
	assert_int_equal(o.ends, 0);
	conn_memory_feed(o.c, SPAN_LIT("not shown"));
	assert_int_equal(o.inputs, 0);
	conn_memory_stall(o.c, false);
	assert_int_equal(o.ends, 1);
	assert_int_equal(o.why, CONN_END_CLOSED);
	expect_written(&o, "onetwo");
	end(&o);
}

static size_t end_inside(struct owner *o, struct span bytes)
{
	conn_memory_end(o->c, CONN_END_RESET);
	return bytes.n;
}

static void the_peer_may_go_at_any_time(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	o.free_at_end = true;
	conn_memory_end(o.c, CONN_END_PEER);
	assert_int_equal(o.ends, 1);
	assert_int_equal(o.why, CONN_END_PEER);
	end(&o);
	begin(&o);
	o.free_at_end = true;
	o.take = end_inside;
	conn_memory_feed(o.c, SPAN_LIT("x"));
	assert_int_equal(o.inputs, 1);
	assert_int_equal(o.why, CONN_END_RESET);
	end(&o);
}

static size_t starttls(struct owner *o, struct span bytes)
{
	const char *bang = memchr(bytes.p, '!', bytes.n);

	if (!bang || conn_is_secure(o->c))
		return bytes.n;
	conn_write(o->c, SPAN_LIT("proceed"));
	conn_start_tls(o->c, NULL, NULL, "xmpp-client");
	return (size_t)(bang - bytes.p) + 1;
}

static void starttls_is_played_and_injection_found(void **state)
{
	uint8_t binding[TLS_BINDING_MAX];
	struct owner o;

	(void)state;
	begin(&o);
	o.take = starttls;
	conn_memory_feed(o.c, SPAN_LIT("go!"));
	assert_int_equal(o.secures, 1);
	assert_true(conn_is_secure(o.c));
	assert_int_equal(conn_binding_exporter(o.c, binding) + conn_binding_end_point(o.c, binding), 0);
	conn_memory_feed(o.c, SPAN_LIT("on!"));
	assert_true(span_is(buf_span(&o.input), "go!on!"));
	expect_written(&o, "proceed");
	end(&o);
	begin(&o);
	o.take = starttls;
	conn_memory_feed(o.c, SPAN_LIT("go!injected"));
	assert_int_equal(o.secures, 0);
	assert_int_equal(o.why, CONN_END_TLS);
	assert_true(span_is(buf_span(&o.input), "go!"));
	end(&o);
}

static void detach(struct owner *o)
{
	conn_detach(o->c);
}
static void attach(struct owner *o)
{
	conn_attach(o->c, &events, o);
}

static void it_moves_to_another_owner_on_another_worker(void **state)
{
	struct owner a, b = { 0 };

	(void)state;
	begin(&a);
	a.take = take_one;
	conn_memory_stall(a.c, true);
	conn_memory_feed(a.c, SPAN_LIT("xyz"));
	tell(&a, write_two);
	tell(&a, detach);
	b.id = actor_spawn(&behaviour, &b, 1);
	b.c = a.c;
	a.c = NULL;
	tell(&b, attach);
	assert_true(span_is(buf_span(&b.input), "yz"));
	conn_memory_stall(b.c, false);
	assert_int_equal(b.sent, 6);
	assert_int_equal(a.sent, 0);
	expect_written(&b, "onetwo");
	end(&a);
	end(&b);
}

/* --- the other end of a simulated wire --- */

struct far_end {
	struct buf got;
	size_t room;
	unsigned closes;
};

static size_t far_receive(void *ctx, struct span bytes)
{
	struct far_end *f = ctx;
	size_t n = bytes.n < f->room ? bytes.n : f->room;

	buf_add(&f->got, bytes.p, n);
	f->room -= n;
	return n;
}
static void far_closed(void *ctx)
{
	((struct far_end *)ctx)->closes++;
}
static const struct conn_memory_peer far_peer = { far_receive, far_closed };

static void a_peer_takes_what_it_has_room_for(void **state)
{
	struct far_end f = { .room = 4 };
	struct owner o;

	(void)state;
	conn_memory_expect(&far_peer, &f);
	assert_null(conn_memory_made());
	begin(&o);
	assert_ptr_equal(conn_memory_made(), o.c);
	tell(&o, write_two);
	assert_true(span_is(buf_span(&f.got), "onet"));
	assert_int_equal(o.sent, 4);
	f.room = 10;
	conn_memory_go_on(o.c);
	assert_true(span_is(buf_span(&f.got), "onetwo"));
	assert_int_equal(o.sent, 6);
	tell(&o, close_it);
	assert_int_equal(f.closes, 1);
	assert_null(conn_memory_made());
	end(&o);
	assert_int_equal(f.closes, 1);
	buf_fini(&f.got);
}

static void a_fin_comes_behind_what_was_fed(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	tell(&o, pause);
	conn_memory_feed(o.c, SPAN_LIT("last words"));
	conn_memory_finish(o.c);
	assert_int_equal(o.ends, 0);
	tell(&o, resume);
	assert_true(span_is(buf_span(&o.input), "last words"));
	assert_true(o.drained);
	assert_int_equal(o.ends, 1);
	assert_int_equal(o.why, CONN_END_PEER);
	end(&o);
}

static void a_reset_finds_it_on_its_way_to_another_worker(void **state)
{
	struct owner a, b = { 0 };

	(void)state;
	begin(&a);
	tell(&a, detach);
	conn_memory_end(a.c, CONN_END_RESET);
	assert_int_equal(a.ends, 0);
	b.id = actor_spawn(&behaviour, &b, 1);
	b.c = a.c;
	a.c = NULL;
	tell(&b, attach);
	assert_int_equal(b.ends, 1);
	assert_int_equal(b.why, CONN_END_RESET);
	end(&a);
	end(&b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_fed_is_shown_and_what_is_written_is_collected),
		TEST(feeding_works_in_the_owners_context_and_within_callbacks),
		TEST(a_pause_keeps_what_is_fed),
		TEST(a_flood_is_fed_in_pieces),
		TEST(a_stalled_peer_fills_the_output_up_to_the_bound),
		TEST(closing_writes_the_rest_and_ends),
		TEST(the_peer_may_go_at_any_time),
		TEST(starttls_is_played_and_injection_found),
		TEST(it_moves_to_another_owner_on_another_worker),
		TEST(a_peer_takes_what_it_has_room_for),
		TEST(a_fin_comes_behind_what_was_fed),
		TEST(a_reset_finds_it_on_its_way_to_another_worker),
	};

	return RUN(tests);
}
