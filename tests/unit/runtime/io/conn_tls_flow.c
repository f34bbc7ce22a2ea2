/* Connections under TLS when much comes or nobody reads, when they pause, move to another worker, or are freed at once. */
#include "conn_tls_side.h"

static void write_much(void *arg)
{
	struct side *s = arg;

	fill_pattern(conn_out(s->c), *(size_t *)s->extra);
	conn_flush_later(s->c);
}

static void read_pattern(SSL *client, size_t n)
{
	struct buf text = BUF_INIT;
	char *all = malloc(n);
	size_t got = 0;

	fill_pattern(&text, n);
	while (got < n) {
		int more = SSL_read(client, all + got, (int)(n - got));

		assert_true(more > 0);
		got += (size_t)more;
	}
	assert_memory_equal(all, buf_span(&text).p, n);
	free(all);
	buf_fini(&text);
}

static void a_flood_is_shown_in_pieces_under_tls_too(void **state)
{
	struct buf text = BUF_INIT;
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	fill_pattern(&text, 3000000);
	side_init(&s);
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	assert_int_equal(SSL_write(client, buf_span(&text).p, 3000000), 3000000);
	side_wait(&s, buf_len(&s.input) == 3000000 && s.drained);
	assert_true(s.largest <= 65536);
	assert_memory_equal(buf_span(&s.input).p, buf_span(&text).p, 3000000);
	SSL_free(client);
	buf_fini(&text);
	side_close(&s, fd);
}

static void one_who_does_not_read_is_cut_under_tls_too(void **state)
{
	size_t n = 20000000;
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.limits.stall_ms = 50;
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	side_wait(&s, s.secure);
	s.extra = &n;
	io_call(0, write_much, &s);
	expect_end(&s, CONN_END_STALLED);
	SSL_free(client);
	side_close(&s, fd);
}

static size_t take_one_and_pause(struct side *s, struct span bytes, bool drained)
{
	(void)drained;
	conn_pause(s->c);
	return bytes.n > 0;
}
static void pause_now(struct side *s)
{
	conn_pause(s->c);
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
static void resume_side(void *arg)
{
	conn_resume(((struct side *)arg)->c);
}

static void a_secure_connection_moves_with_all_it_holds(void **state)
{
	size_t n = 20000000;
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.take = take_one_and_pause;
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	assert_int_equal(SSL_write(client, "abc", 3), 3);
	side_wait(&s, buf_len(&s.input) == 1);
	s.extra = &n;
	io_call(0, write_much, &s); /* more than the kernel takes */
	s.take = NULL;
	io_call(0, detach_side, &s);
	io_call(1, attach_side, &s);
	side_wait(&s, span_is(buf_span(&s.input), "abc"));
	assert_int_equal(SSL_write(client, "def", 3), 3);
	side_wait(&s, span_is(buf_span(&s.input), "abcdef"));
	read_pattern(client, n);
	side_wait(&s, s.sent == n);
	SSL_free(client);
	side_close(&s, fd);
}

static void it_may_pause_as_soon_as_it_is_secure(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.when_secure = pause_now;
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	SSL_write(client, "later", 5);
	side_wait(&s, s.secure);
	s.extra = (char[]){ "x" };
	io_call(0, write_extra, &s);
	expect_read(client, "x"); /* a turn has passed */
	pthread_mutex_lock(&s.lock);
	assert_int_equal(s.inputs, 0);
	pthread_mutex_unlock(&s.lock);
	io_call(0, resume_side, &s);
	side_wait(&s, span_is(buf_span(&s.input), "later"));
	SSL_free(client);
	side_close(&s, fd);
}

static void free_now(struct side *s)
{
	conn_free(s->c);
	s->freed = true;
}
static void leave_now(struct side *s)
{
	conn_detach(s->c);
	io_send_call(1, attach_side, s, NULL);
}

static void it_may_be_freed_in_on_secure(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.when_secure = free_now;
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	side_wait(&s, s.secure);
	SSL_free(client);
	side_close(&s, fd);
}

static void it_may_leave_in_on_secure(void **state)
{
	struct side s;
	SSL *client;
	int fd;

	(void)state;
	side_init(&s);
	s.when_secure = leave_now;
	fd = open_tls(&s);
	client = must_shake_hands(fd, "a.example", 0);
	assert_int_equal(SSL_write(client, "hello", 5), 5);
	side_wait(&s, span_is(buf_span(&s.input), "hello"));
	assert_int_equal(s.worker, 1);
	SSL_free(client);
	side_close(&s, fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_shown_in_pieces_under_tls_too),
		cmocka_unit_test(one_who_does_not_read_is_cut_under_tls_too),
		cmocka_unit_test(a_secure_connection_moves_with_all_it_holds),
		cmocka_unit_test(it_may_pause_as_soon_as_it_is_secure),
		cmocka_unit_test(it_may_be_freed_in_on_secure),
		cmocka_unit_test(it_may_leave_in_on_secure),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
