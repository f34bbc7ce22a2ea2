/* Connections over real sockets, on real workers. */
#include "tests/support/io.h"

#include "runtime/io/conn_inner.h"

static void write_extra(void *arg) /* extra: a text */
{
	struct side *s = arg;

	conn_write(s->c, span_of(s->extra));
}

static void close_side(void *arg)
{
	conn_close(((struct side *)arg)->c);
}
static void pause_side(void *arg)
{
	conn_pause(((struct side *)arg)->c);
}
static void resume_side(void *arg)
{
	conn_resume(((struct side *)arg)->c);
}

static void write_much(void *arg) /* extra: size_t */
{
	struct side *s = arg;

	fill_pattern(conn_out(s->c), *(size_t *)s->extra);
	conn_flush_later(s->c);
}

/* --- the plain way --- */

static void bytes_go_both_ways(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "hello", 5);
	side_wait(&s, span_is(buf_span(&s.input), "hello"));
	assert_true(s.drained);
	s.extra = (char[]){ "world" };
	io_call(0, write_extra, &s);
	expect_text(fd, "world");
	side_wait(&s, s.sent == 5);
	side_close(&s, fd);
}

static size_t take_whole_lines(struct side *s, struct span bytes, bool drained)
{
	const char *end = memrchr(bytes.p, '\n', bytes.n);

	(void)s;
	(void)drained;
	return end ? (size_t)(end - bytes.p) + 1 : 0;
}

static void what_is_not_consumed_is_shown_again_in_front(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_whole_lines;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "one\ntw", 6);
	side_wait(&s, span_is(buf_span(&s.input), "one\n"));
	send_text(fd, "o", 1);
	side_wait(&s, s.inputs == 2);
	assert_int_equal(s.largest, 6);
	send_text(fd, "\nthree", 6);
	side_wait(&s, span_is(buf_span(&s.input), "one\ntwo\n"));
	assert_int_equal(s.largest, 9); /* "two\nthree" */
	side_close(&s, fd);
}

static void write_two(void *arg)
{
	struct side *s = arg;

	conn_write(s->c, SPAN_LIT("one"));
	conn_write(s->c, SPAN_LIT("two"));
	ASSERT(conn_queued(s->c) == 6 && conn_unsent(s->c) == 6);
}

static void the_output_of_one_turn_leaves_in_one_write(void **state)
{
	char got[16];
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, SOCK_SEQPACKET); /* keeps the borders of writes */
	io_call(0, write_two, &s);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 6);
	assert_memory_equal(got, "onetwo", 6);
	side_close(&s, fd);
}

static void a_flood_is_shown_in_pieces_and_its_end_is_known(void **state)
{
	struct buf text = BUF_INIT;
	struct side s;
	int fd;

	(void)state;
	fill_pattern(&text, 3000000);
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	send_text(fd, buf_span(&text).p, buf_len(&text));
	side_wait(&s, buf_len(&s.input) == 3000000 && s.drained);
	assert_true(s.largest <= 65536);
	assert_memory_equal(buf_span(&s.input).p, buf_span(&text).p, 3000000);
	buf_fini(&text);
	side_close(&s, fd);
}

static void an_idle_connection_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct conn) < 300);
}

/* --- the end --- */

static void a_peer_that_closes_ends_it(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "bye", 3);
	close(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_PEER);
	assert_true(span_is(buf_span(&s.input), "bye"));
	side_close(&s, -1);
}

static void a_reset_ends_it(void **state)
{
	const struct linger now = { .l_onoff = 1 };
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_RESET);
	side_close(&s, -1);
}

static size_t answer(struct side *s, struct span bytes, bool drained)
{
	(void)drained;
	conn_write(s->c, SPAN_LIT("answer"));
	return bytes.n;
}

static void a_peer_that_ended_only_its_side_gets_its_answer(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = answer;
	fd = side_open_on(&s, AF_INET);
	io_call(0, pause_side, &s); /* so that question and end are read in one turn */
	send_text(fd, "question", 8);
	shutdown(fd, SHUT_WR);
	io_call(0, resume_side, &s);
	expect_text(fd, "answer");
	expect_eof(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_PEER);
	side_close(&s, fd);
}

static void writing_to_one_who_has_gone_raises_no_signal(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, SOCK_STREAM);
	io_call(0, pause_side, &s); /* the end is not read */
	close(fd);
	s.extra = (char[]){ "x" };
	io_call(0, write_extra, &s);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_RESET);
	side_close(&s, -1);
}

static void closing_flushes_everything_and_waits_for_the_peer(void **state)
{
	size_t n = 5000000, got = 0;
	struct buf text = BUF_INIT;
	char *all = malloc(n);
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	io_call(0, close_side, &s);
	while (got < n) {
		ssize_t more = recv(fd, all + got, n - got, 0);

		assert_true(more > 0);
		got += (size_t)more;
	}
	expect_eof(fd);
	fill_pattern(&text, n);
	assert_memory_equal(all, buf_span(&text).p, n);
	side_wait(&s, s.sent == n);
	send_text(fd, "not shown", 9);
	expect_alive(&s);
	close(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_CLOSED);
	assert_int_equal(s.inputs, 0);
	buf_fini(&text);
	free(all);
	side_close(&s, -1);
}

static void lingering_has_an_end(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.linger_ms = 50;
	fd = side_open_on(&s, AF_INET);
	io_call(0, close_side, &s);
	expect_eof(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_CLOSED);
	side_close(&s, fd);
}

static void lingering_ends_for_one_who_does_not_read_either(void **state)
{
	size_t n = 20000000;
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.linger_ms = 50;
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	io_call(0, close_side, &s);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_CLOSED);
	side_close(&s, fd);
}

/* --- back-pressure --- */

static void a_paused_connection_reads_nothing(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	fd = side_open_on(&s, AF_INET);
	io_call(0, pause_side, &s);
	send_text(fd, "later", 5);
	s.extra = (char[]){ "x" };
	io_call(0, write_extra, &s);
	expect_text(fd, "x"); /* a turn has passed */
	pthread_mutex_lock(&s.lock);
	assert_int_equal(s.inputs, 0);
	pthread_mutex_unlock(&s.lock);
	io_call(0, resume_side, &s);
	side_wait(&s, span_is(buf_span(&s.input), "later"));
	side_close(&s, fd);
}

static size_t take_one_and_pause(struct side *s, struct span bytes, bool drained)
{
	(void)drained;
	conn_pause(s->c);
	return bytes.n > 0;
}

static void what_is_kept_is_shown_after_a_resume(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_one_and_pause;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "abc", 3);
	for (unsigned i = 1; i <= 3; i++) {
		side_wait(&s, buf_len(&s.input) == i);
		io_call(0, resume_side, &s);
	}
	assert_true(span_is(buf_span(&s.input), "abc"));
	side_close(&s, fd);
}

static void one_who_does_not_read_is_cut_after_the_stall_time(void **state)
{
	size_t n = 20000000;
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.stall_ms = 50;
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_STALLED);
	side_close(&s, fd);
}

static void one_who_does_not_read_is_cut_at_the_hard_bound(void **state)
{
	size_t n = 20000000;
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.out_hard = 100000;
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_STALLED);
	side_close(&s, fd);
}

static void a_burst_that_the_kernel_takes_is_within_the_hard_bound(void **state)
{
	size_t n = 100000, got = 0;
	char piece[4096];
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.out_hard = 1000;
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	while (got < n) {
		ssize_t more = recv(fd, piece, sizeof(piece), 0);

		assert_true(more > 0);
		got += (size_t)more;
	}
	side_wait(&s, s.sent == n);
	expect_alive(&s);
	side_close(&s, fd);
}

static void look_if_full(void *arg)
{
	struct side *s = arg;

	*(bool *)s->extra = conn_is_full(s->c);
}

static void the_soft_bound_is_felt_until_the_peer_reads(void **state)
{
	size_t n = 20000000, got = 0;
	char *piece = malloc(1000000);
	bool full = false;
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.out_soft = 100000;
	fd = side_open_on(&s, AF_INET);
	s.extra = &n;
	io_call(0, write_much, &s);
	s.extra = &full;
	io_call(0, look_if_full, &s);
	assert_true(full);
	while (got < n) {
		ssize_t more = recv(fd, piece, 1000000, 0);

		assert_true(more > 0);
		got += (size_t)more;
	}
	side_wait(&s, s.sent == n);
	io_call(0, look_if_full, &s);
	assert_false(full);
	free(piece);
	side_close(&s, fd);
}

/* --- calls from inside of callbacks --- */

static size_t take_and_free(struct side *s, struct span bytes, bool drained)
{
	size_t sum = 0;

	(void)drained;
	conn_free(s->c);
	s->freed = true;
	for (size_t i = 0; i < bytes.n; i++) /* still there */
		sum += (unsigned char)bytes.p[i];
	return sum > 0 ? bytes.n : 0;
}
static void free_now(struct side *s)
{
	conn_free(s->c);
	s->freed = true;
}

static void it_may_be_freed_in_on_input(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_and_free;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "xyz", 3);
	side_wait(&s, s.inputs == 1);
	expect_eof(fd);
	side_close(&s, fd);
	assert_false(s.ended);
}

static void it_may_be_freed_in_on_sent(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.when_sent = free_now;
	s.extra = (char[]){ "x" };
	fd = side_open_on(&s, AF_INET);
	io_call(0, write_extra, &s);
	expect_text(fd, "x");
	expect_eof(fd);
	side_close(&s, fd);
}

static void it_may_be_freed_in_on_end(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.when_ended = free_now;
	fd = side_open_on(&s, AF_INET);
	close(fd);
	side_wait(&s, s.ended);
	side_close(&s, -1);
}

static size_t take_and_close(struct side *s, struct span bytes, bool drained)
{
	(void)bytes;
	(void)drained;
	conn_write(s->c, SPAN_LIT("bye"));
	conn_close(s->c);
	return 0;
}

static void it_may_be_closed_in_on_input(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_and_close;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "x", 1);
	expect_text(fd, "bye");
	expect_eof(fd);
	close(fd);
	side_wait(&s, s.ended);
	assert_int_equal(s.why, CONN_END_CLOSED);
	assert_int_equal(s.inputs, 1);
	side_close(&s, -1);
}

/* --- moving --- */

static void nothing(void *arg)
{
	(void)arg;
}

static void attach_side(void *arg)
{
	struct side *s = arg;

	s->worker = engine_worker();
	conn_attach(s->c, &side_events, s);
	conn_resume(s->c);
}
static void detach_side(void *arg)
{
	conn_detach(((struct side *)arg)->c);
}

static void input_and_output_travel_to_another_worker(void **state)
{
	size_t n = 20000000, got = 0;
	struct buf text = BUF_INIT;
	char *all = malloc(n);
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_one_and_pause;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "abc", 3);
	side_wait(&s, buf_len(&s.input) == 1);
	s.extra = &n;
	io_call(0, write_much, &s); /* more than the kernel takes */
	s.take = NULL;
	io_call(0, detach_side, &s);
	io_call(1, attach_side, &s);
	side_wait(&s, span_is(buf_span(&s.input), "abc"));
	send_text(fd, "def", 3);
	side_wait(&s, span_is(buf_span(&s.input), "abcdef"));
	while (got < n) {
		ssize_t more = recv(fd, all + got, n - got, 0);

		assert_true(more > 0);
		got += (size_t)more;
	}
	fill_pattern(&text, n);
	assert_memory_equal(all, buf_span(&text).p, n);
	side_wait(&s, s.sent == n);
	buf_fini(&text);
	free(all);
	side_close(&s, fd);
}

static size_t take_one_and_leave(struct side *s, struct span bytes, bool drained)
{
	(void)bytes;
	(void)drained;
	conn_detach(s->c);
	io_send_call(1 - s->worker, attach_side, s, NULL);
	return 1;
}

static void it_may_leave_in_on_input_again_and_again(void **state)
{
	struct buf text = BUF_INIT;
	struct side s;
	int fd;

	(void)state;
	fill_pattern(&text, 500);
	side_init(&s);
	s.take = take_one_and_leave;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, buf_span(&text).p, buf_len(&text));
	side_wait(&s, buf_len(&s.input) == 500);
	assert_memory_equal(buf_span(&s.input).p, buf_span(&text).p, 500);
	/* the last attach may still be on its way: both workers have done what was sent before */
	io_call(0, nothing, NULL);
	io_call(1, nothing, NULL);
	buf_fini(&text);
	side_close(&s, fd);
}

static void one_lost_on_its_way_may_be_freed_by_anyone(void **state)
{
	struct side s;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_one_and_pause;
	fd = side_open_on(&s, AF_INET);
	send_text(fd, "abc", 3);
	side_wait(&s, s.inputs == 1);
	io_call(0, detach_side, &s);
	side_drop(&s);
	expect_eof(fd);
	side_close(&s, fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(what_is_not_consumed_is_shown_again_in_front),
		cmocka_unit_test(the_output_of_one_turn_leaves_in_one_write),
		cmocka_unit_test(a_flood_is_shown_in_pieces_and_its_end_is_known),
		cmocka_unit_test(an_idle_connection_is_small),
		cmocka_unit_test(a_peer_that_closes_ends_it),
		cmocka_unit_test(a_reset_ends_it),
		cmocka_unit_test(a_peer_that_ended_only_its_side_gets_its_answer),
		cmocka_unit_test(writing_to_one_who_has_gone_raises_no_signal),
		cmocka_unit_test(closing_flushes_everything_and_waits_for_the_peer),
		cmocka_unit_test(lingering_has_an_end),
		cmocka_unit_test(lingering_ends_for_one_who_does_not_read_either),
		cmocka_unit_test(a_paused_connection_reads_nothing),
		cmocka_unit_test(what_is_kept_is_shown_after_a_resume),
		cmocka_unit_test(one_who_does_not_read_is_cut_after_the_stall_time),
		cmocka_unit_test(one_who_does_not_read_is_cut_at_the_hard_bound),
		cmocka_unit_test(a_burst_that_the_kernel_takes_is_within_the_hard_bound),
		cmocka_unit_test(the_soft_bound_is_felt_until_the_peer_reads),
		cmocka_unit_test(it_may_be_freed_in_on_input),
		cmocka_unit_test(it_may_be_freed_in_on_sent),
		cmocka_unit_test(it_may_be_freed_in_on_end),
		cmocka_unit_test(it_may_be_closed_in_on_input),
		cmocka_unit_test(input_and_output_travel_to_another_worker),
		cmocka_unit_test(it_may_leave_in_on_input_again_and_again),
		cmocka_unit_test(one_lost_on_its_way_may_be_freed_by_anyone),
	};

	return cmocka_run_group_tests(tests, io_setup, io_teardown);
}
