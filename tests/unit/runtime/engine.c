/* Actors under real threads and under the seeded scheduler. */
#include "tests/support/check.h"

#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "runtime/actor/engine.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

struct number_msg {
	struct msg m;
	uint64_t value;
	char *owned;
};
static void number_drop(struct msg *m);
#define COUNTER_PROTOCOL(M) \
	M(COUNTER_ADD, counter_add, number_msg, number_drop, "A number.") \
	M(COUNTER_PING, counter_ping, number_msg, NULL, "Send it back with one less until it is 0.") \
	M(COUNTER_LATE, counter_late, number_msg, NULL, "A number that was delayed.")
MSG_DECLARE(counter, COUNTER_PROTOCOL)
MSG_DEFINE(COUNTER_PROTOCOL)

static uint64_t dropped;

static void number_drop(struct msg *m)
{
	struct number_msg *n = (struct number_msg *)(void *)m;

	if (n->owned)
		__atomic_add_fetch(&dropped, 1, __ATOMIC_SEQ_CST);
	free(n->owned);
}

struct counter {
	uint64_t last[8], count, wanted, turns, batches, begun;
	uint64_t late_ms;
	bool ordered, started, stopped_once;
	actor_id partner;
	sem_t *done;
};
static unsigned stops;

static void on_counter_add(struct counter *self, struct number_msg *n)
{
	uint64_t sender = n->value >> 32, number = n->value & 0xffffffffu;

	if (number != self->last[sender] + 1)
		self->ordered = false;
	self->last[sender] = number;
	if (++self->count == self->wanted)
		sem_post(self->done);
}

static void on_counter_ping(struct counter *self, struct number_msg *n)
{
	if (n->value == 0) {
		sem_post(self->done);
		return;
	}
	n->value--;
	if (n->m.from == self->partner)
		actor_reply_as(&n->m, &counter_ping_kind);
	else
		actor_forward(self->partner, &n->m);
}

static void on_counter_late(struct counter *self, struct number_msg *n)
{
	(void)n;
	self->late_ms = actor_now_ms();
	if (self->done)
		sem_post(self->done);
}

MSG_RECEIVE(counter, struct counter, COUNTER_PROTOCOL)

static void counter_start(void *state, actor_id self)
{
	struct counter *c = state;

	c->started = self == actor_self();
}
static void counter_stop(void *state)
{
	(void)state;
	__atomic_add_fetch(&stops, 1, __ATOMIC_SEQ_CST);
}
static void counter_turn(void *state)
{
	((struct counter *)state)->turns++;
}
static void counter_begin(void *state)
{
	((struct counter *)state)->begun++;
}
static void counter_end(void *state)
{
	((struct counter *)state)->batches++;
}

static const struct behaviour pinned = { .name = "pinned", .placement = ACTOR_PINNED, .receive = counter_receive,
	.on_start = counter_start, .on_stop = counter_stop, .on_turn_end = counter_turn };
static const struct behaviour floating = { .name = "floating", .placement = ACTOR_FLOATING, .receive = counter_receive,
	.on_start = counter_start, .on_stop = counter_stop };
static const struct behaviour threaded = { .name = "threaded", .placement = ACTOR_THREADED, .receive = counter_receive,
	.on_start = counter_start, .on_stop = counter_stop, .on_batch_begin = counter_begin, .on_batch_end = counter_end };
static const struct behaviour small = { .name = "small", .placement = ACTOR_PINNED, .receive = counter_receive,
	.on_stop = counter_stop, .mailbox_max = 100 };

static void send_number(actor_id to, uint64_t value, bool owning)
{
	struct number_msg *n = MSG_NEW(counter_add, number_msg);

	n->value = value;
	n->owned = owning ? xstrdup("owned") : NULL;
	actor_send(to, &n);
}

struct producer {
	actor_id to;
	uint64_t number, messages;
};

static void *produce(void *opaque)
{
	struct producer *p = opaque;

	for (uint64_t i = 1; i <= p->messages; i++)
		send_number(p->to, p->number << 32 | i, i % 3 == 0);
	return NULL;
}

/* Several threads send to one actor of each placement: nothing lost, order kept for each sender. */
static void order_is_kept_and_nothing_is_lost(void **state)
{
	const struct behaviour *kinds[] = { &pinned, &floating, &threaded };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		sem_t done;
		struct counter c = { .wanted = 4 * 20000, .ordered = true, .done = &done };
		struct producer p[4];
		pthread_t threads[4];
		actor_id id;

		sem_init(&done, 0, 0);
		stops = 0;
		engine_init(&(struct engine_options){ .workers = 2 });
		id = actor_spawn(kinds[k], &c, 1);
		engine_start();
		for (uint64_t i = 0; i < 4; i++) {
			p[i] = (struct producer){ id, i, 20000 };
			pthread_create(&threads[i], NULL, produce, &p[i]);
		}
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		sem_wait(&done);
		assert_true(c.ordered && c.started);
		assert_true(engine_drain(10000));
		engine_stop();
		assert_int_equal(stops, 1);
		assert_true(kinds[k] != &threaded || (c.batches > 0 && c.batches == c.begun));
		assert_true(kinds[k] != &pinned || c.turns > 0);
		sem_destroy(&done);
	}
}

/* A message to and fro between workers, threads and floating actors many times: a lost wake-up would stop it. */
static void no_wake_up_is_lost(void **state)
{
	const struct behaviour *kinds[] = { &pinned, &floating, &threaded };

	(void)state;
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 0; b < 3; b++) {
			sem_t done;
			struct counter one = { .done = &done }, two = { .done = &done };
			struct number_msg *n = MSG_NEW(counter_ping, number_msg);
			struct msg *m = &n->m;
			actor_id first, second;

			sem_init(&done, 0, 0);
			engine_init(&(struct engine_options){ .workers = 2 });
			first = actor_spawn(kinds[a], &one, 0);
			second = actor_spawn(kinds[b], &two, 1);
			engine_start();
			n->value = 2001;
			m->kind = &counter_ping_kind;
			one.partner = second;
			two.partner = first;
			actor_send_msg(first, &m);
			sem_wait(&done);
			engine_stop();
			sem_destroy(&done);
		}
}

/* --- actors that never leave off (F47) --- */

struct bystander {
	struct counter counter; /* first: it receives as a counter */
	struct ev_io io;
	int pipe[2];
	sem_t read;
};

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct bystander *b = w->data;
	char byte;

	(void)events;
	if (read(b->pipe[0], &byte, 1) == 1) {
		ev_io_stop(loop, w);
		sem_post(&b->read);
	}
}

static void bystander_start(void *state, actor_id self)
{
	struct bystander *b = state;

	(void)self;
	ev_io_init(&b->io, on_readable, b->pipe[0], EV_READ);
	b->io.data = b;
	ev_io_start(engine_loop(), &b->io);
}

static const struct behaviour watching = { .name = "watching", .placement = ACTOR_PINNED, .receive = counter_receive,
	.on_start = bystander_start };

static void keep_busy(actor_id one, actor_id other, struct counter states[2])
{
	struct number_msg *n = MSG_NEW(counter_ping, number_msg);
	struct msg *m = &n->m;

	states[0].partner = other;
	states[1].partner = one;
	n->value = UINT64_MAX; /* as good as for ever */
	actor_send_msg(one, &m);
}

/* Two actors write to each other for ever, and one to itself, on one worker: messages of others, delayed messages and sockets of the
 * same worker have their turn all the same. */
static void actors_that_never_rest_leave_room_for_others(void **state)
{
	const struct behaviour *kinds[] = { &pinned, &floating };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		sem_t done;
		struct counter pair[2] = { 0 }, lonely[2] = { 0 };
		struct bystander b = { .counter = { .ordered = true, .wanted = 20000, .done = &done } };
		struct number_msg *n = MSG_NEW(counter_late, number_msg);
		struct msg *m = &n->m;
		actor_id id, self;

		sem_init(&done, 0, 0);
		sem_init(&b.read, 0, 0);
		assert_int_equal(pipe(b.pipe), 0);
		engine_init(&(struct engine_options){ .workers = 1 });
		keep_busy(actor_spawn(kinds[k], &pair[0], 0), actor_spawn(kinds[k], &pair[1], 0), pair);
		self = actor_spawn(kinds[k], &lonely[0], 0);
		keep_busy(self, self, lonely);
		id = actor_spawn(&watching, &b, 0);
		engine_start();
		actor_send_after_msg(id, &m, 20);
		sem_wait(&done); /* the delayed one */
		assert_int_equal(write(b.pipe[1], "x", 1), 1);
		sem_wait(&b.read);
		produce(&(struct producer){ id, 1, 20000 });
		sem_wait(&done);
		assert_true(b.counter.ordered);
		engine_stop();
		close(b.pipe[0]);
		close(b.pipe[1]);
		sem_destroy(&b.read);
		sem_destroy(&done);
	}
}

static void a_message_to_nobody_is_a_dead_letter(void **state)
{
	struct counter c = { .ordered = true };
	int64_t before = metric_read(METRIC_actor_dead_letters);
	actor_id id;

	(void)state;
	dropped = 0;
	stops = 0;
	engine_init(&(struct engine_options){ .simulate = true, .seed = 1 });
	id = actor_spawn(&pinned, &c, 0);
	actor_stop(id);
	send_number(id, 1, true);
	engine_sim_run(0);
	send_number(id, 2, true);
	send_number(ACTOR_NONE, 3, true);
	assert_int_equal(stops, 1);
	assert_int_equal(dropped, 3);
	assert_int_equal(metric_read(METRIC_actor_dead_letters) - before, 3);
	assert_int_equal(c.count, 0);
	/* the slot serves again, the old id stays dead */
	assert_true(actor_spawn(&pinned, &c, 0) != id);
	send_number(id, 4, true);
	engine_sim_run(0);
	assert_int_equal(c.count, 0);
	engine_stop();
	assert_int_equal(dropped, 4);
}

static void messages_left_at_the_end_are_freed(void **state)
{
	struct counter c = { .ordered = true };
	actor_id id;

	(void)state;
	dropped = 0;
	engine_init(&(struct engine_options){ .workers = 1 });
	id = actor_spawn(&pinned, &c, 0);
	for (int i = 0; i < 100; i++)
		send_number(id, 1, true);
	engine_stop(); /* never started */
	assert_int_equal(dropped, 100);
}

static void delayed_messages_come_in_time_not_before(void **state)
{
	struct counter c = { 0 };
	struct number_msg *n = MSG_NEW(counter_late, number_msg);
	struct msg *m = &n->m;
	uint64_t begin;
	actor_id id;

	(void)state;
	engine_init(&(struct engine_options){ .simulate = true, .seed = 5 });
	begin = outside_mono_ms();
	id = actor_spawn(&pinned, &c, 0);
	actor_send_after_msg(id, &m, 60000);
	engine_sim_run(59999);
	assert_int_equal(c.late_ms, 0);
	engine_sim_run(20);
	assert_in_range(c.late_ms, begin + 60000, begin + 60010);
	assert_int_equal(outside_mono_ms(), begin + 60019);
	engine_stop();
}

static void delayed_messages_wake_a_sleeping_worker(void **state)
{
	sem_t done;
	struct counter c = { .done = &done };
	struct number_msg *n = MSG_NEW(counter_late, number_msg);
	struct msg *m = &n->m;
	uint64_t begin = outside_mono_ms();
	actor_id id;

	(void)state;
	sem_init(&done, 0, 0);
	engine_init(&(struct engine_options){ .workers = 2 });
	id = actor_spawn(&pinned, &c, 1);
	engine_start();
	actor_send_after_msg(id, &m, 30);
	sem_wait(&done);
	assert_true(c.late_ms >= begin + 30);
	engine_stop();
	sem_destroy(&done);
}

static void a_full_mailbox_presses_until_it_is_nearly_empty(void **state)
{
	sem_t done;
	struct counter c = { .done = &done, .ordered = true, .wanted = 80 };
	actor_id id;

	(void)state;
	sem_init(&done, 0, 0);
	engine_init(&(struct engine_options){ .workers = 1 });
	id = actor_spawn(&small, &c, 0);
	assert_false(actor_is_pressed(id));
	for (uint64_t i = 1; i <= 80; i++)
		send_number(id, i, false);
	assert_true(actor_is_pressed(id));
	assert_int_equal(actor_backlog(id), 81);
	engine_start();
	sem_wait(&done);
	assert_true(engine_drain(5000));
	assert_false(actor_is_pressed(id));
	engine_stop();
	sem_destroy(&done);
}

/* --- simulation --- */

struct relay {
	actor_id to[3];
	uint64_t seen;
};
#define RELAY_PROTOCOL(M) M(RELAY_PASS, relay_pass, number_msg, NULL, "Pass on with one less.")
MSG_DECLARE(relay, RELAY_PROTOCOL)
MSG_DEFINE(RELAY_PROTOCOL)

static void on_relay_pass(struct relay *self, struct number_msg *n)
{
	self->seen++;
	if (n->value > 0) {
		struct number_msg *next = MSG_NEW(relay_pass, number_msg);

		next->value = n->value - 1;
		if (outside_random_below(4) == 0)
			actor_send_after(self->to[n->value % 3], &next, outside_random_below(50));
		else
			actor_send(self->to[n->value % 3], &next);
	}
}
MSG_RECEIVE(relay, struct relay, RELAY_PROTOCOL)
static const struct behaviour relay_kinds[3] = {
	{ .name = "relay pinned", .placement = ACTOR_PINNED, .receive = relay_receive },
	{ .name = "relay floating", .placement = ACTOR_FLOATING, .receive = relay_receive },
	{ .name = "relay threaded", .placement = ACTOR_THREADED, .receive = relay_receive },
};

static uint64_t run_relays(uint64_t seed)
{
	struct relay relays[3] = { 0 };
	actor_id ids[3];
	uint64_t hash;

	engine_init(&(struct engine_options){ .simulate = true, .seed = seed, .workers = 2 });
	for (unsigned i = 0; i < 3; i++)
		ids[i] = actor_spawn(&relay_kinds[i], &relays[i], i % 2);
	for (unsigned i = 0; i < 3; i++)
		memcpy(relays[i].to, ids, sizeof(ids));
	for (uint64_t i = 0; i < 20; i++) {
		struct number_msg *n = MSG_NEW(relay_pass, number_msg);

		n->value = 30 + i;
		actor_send(ids[i % 3], &n);
	}
	engine_sim_run(100000);
	hash = engine_sim_hash();
	engine_stop();
	assert_int_equal(relays[0].seen + relays[1].seen + relays[2].seen, 20 * 31 + 190);
	return hash;
}

static void a_run_is_a_function_of_its_seed(void **state)
{
	uint64_t seen[50];

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		seen[seed] = run_relays(seed);
		assert_true(seen[seed] == run_relays(seed));
		for (uint64_t other = 0; other < seed; other++)
			assert_true(seen[other] != seen[seed]);
	}
}

static void a_simulator_may_go_step_by_step(void **state)
{
	struct counter c = { .ordered = true };
	struct number_msg *n = MSG_NEW(counter_late, number_msg);
	struct msg *m = &n->m;
	uint64_t begin;
	actor_id id;

	(void)state;
	engine_init(&(struct engine_options){ .simulate = true, .seed = 3, .elapsed_us = 5000000 });
	assert_true(engine_is_simulated());
	assert_int_equal(engine_sim_elapsed_us(), 5000000);
	begin = outside_mono_us();
	assert_int_equal(engine_sim_next_us(), UINT64_MAX);
	id = actor_spawn(&pinned, &c, 0);
	assert_true(engine_sim_step());
	assert_false(engine_sim_step());
	actor_send_after_msg(id, &m, 1000);
	engine_sim_advance(begin + 999000);
	assert_false(engine_sim_step());
	while (engine_sim_next_us() != UINT64_MAX) {
		assert_in_range(engine_sim_next_us(), begin, begin + 1010000);
		engine_sim_advance(engine_sim_next_us());
	}
	assert_true(engine_sim_step());
	assert_in_range(c.late_ms, begin / 1000 + 1000, begin / 1000 + 1010);
	engine_sim_advance(begin); /* never back */
	assert_true(outside_mono_us() >= begin + 1000000);
	engine_stop();
	assert_false(engine_is_simulated());
}

static void a_blocked_thread_is_not_run_until_its_time(void **state)
{
	struct counter c = { .ordered = true };
	uint64_t begin;
	actor_id id;

	(void)state;
	engine_init(&(struct engine_options){ .simulate = true, .seed = 3 });
	begin = outside_mono_us();
	id = actor_spawn(&threaded, &c, 0);
	while (engine_sim_step())
		;
	engine_sim_block(id, begin + 70000);
	send_number(id, 0, false);
	assert_false(engine_sim_step());
	assert_int_equal(engine_sim_next_us(), begin + 70000);
	engine_sim_run(60);
	assert_int_equal(c.count, 0);
	engine_sim_run(20);
	assert_int_equal(c.count, 1);
	engine_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_and_nothing_is_lost),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(actors_that_never_rest_leave_room_for_others),
		cmocka_unit_test(a_message_to_nobody_is_a_dead_letter),
		cmocka_unit_test(messages_left_at_the_end_are_freed),
		cmocka_unit_test(delayed_messages_come_in_time_not_before),
		cmocka_unit_test(delayed_messages_wake_a_sleeping_worker),
		cmocka_unit_test(a_full_mailbox_presses_until_it_is_nearly_empty),
		cmocka_unit_test(a_run_is_a_function_of_its_seed),
		cmocka_unit_test(a_simulator_may_go_step_by_step),
		cmocka_unit_test(a_blocked_thread_is_not_run_until_its_time),
	};

	return RUN(tests);
}
