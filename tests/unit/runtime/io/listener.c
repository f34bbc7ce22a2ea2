/* Listening sockets on loopback, on ports the kernel chooses. */
#include "tests/support/io.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "runtime/io/listener.h"
#include "runtime/log.h"
#include "runtime/metric.h"

struct door {
	struct listener *l;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned accepted; /* under the lock */
	struct address last;
};

static void on_accept(void *ctx, int fd, const struct address *peer)
{
	struct door *d = ctx;

	ASSERT(actor_self() == hired[0]);
	ASSERT((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	close(fd);
	pthread_mutex_lock(&d->lock);
	d->accepted++;
	d->last = *peer;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void start(void *arg)
{
	struct door *d = arg;

	listener_start(d->l, on_accept, d);
}
static void stop(void *arg)
{
	listener_free(((struct door *)arg)->l);
}

static void open_door(struct door *d, struct listener_options o)
{
	char *error = NULL;

	*d = (struct door){ 0 };
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	o.backlog = 64;
	d->l = listener_open(&o, true, &error);
	if (!d->l)
		fail_msg("%s", error);
}

/* Listeners are opened before the engine runs, and started by their owners. */
static void run(struct door *d)
{
	engine_start();
	io_call(0, start, d);
}

static void close_door(struct door *d)
{
	io_call(0, stop, d);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
}

/* A blocking client; -1 when it was refused. */
static int knock(const char *ip, uint16_t port)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_v6 = inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!is_v6)
		assert_int_equal(inet_pton(AF_INET, ip, &v4.sin_addr), 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void clients_of_both_families_reach_all_interfaces(void **state)
{
	static const struct {
		const char *ip;
	} rows[] = { { "127.0.0.1" }, { "::1" } };
	struct door d;
	unsigned reached = 0;

	(void)state;
	open_door(&d, (struct listener_options){ .interface = "*" });
	run(&d);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[ADDRESS_TEXT_MAX];
		int fd;

		if (strchr(rows[i].ip, ':') && !has_ipv6())
			continue;
		fd = knock(rows[i].ip, listener_port(d.l));
		assert_true(fd >= 0);
		reached++;
		side_wait(&d, d.accepted == reached);
		address_text(&d.last, text);
		assert_string_equal(text, rows[i].ip);
		assert_true(d.last.port > 0);
		close(fd);
	}
	close_door(&d);
}

static void one_interface_is_one_interface(void **state)
{
	struct door d;
	int fd;

	(void)state;
	open_door(&d, (struct listener_options){ .interface = "127.0.0.1" });
	run(&d);
	fd = knock("127.0.0.1", listener_port(d.l));
	assert_true(fd >= 0);
	side_wait(&d, d.accepted == 1);
	assert_int_equal(knock("127.0.0.2", listener_port(d.l)), -1);
	close(fd);
	close_door(&d);
}

static void workers_share_a_port_but_strangers_do_not(void **state)
{
	struct door d;
	struct listener_options o = { .interface = "127.0.0.1", .backlog = 1 };
	struct listener *second;
	char *error = NULL, port[16];

	(void)state;
	open_door(&d, o);
	o.port = listener_port(d.l);
	second = listener_open(&o, false, &error); /* of another worker */
	assert_non_null(second);
	listener_free(second);
	assert_null(listener_open(&o, true, &error)); /* as another program would see it */
	snprintf(port, sizeof(port), "port %u", o.port);
	assert_non_null(strstr(error, port));
	assert_non_null(strstr(error, "in use"));
	free(error);
	run(&d);
	close_door(&d);
}

static void an_address_that_is_not_here_is_named(void **state)
{
	static const char *const rows[] = { "192.0.2.1", "2001:db8::1", "nonsense" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct listener_options o = { .interface = rows[i], .port = 0, .backlog = 1 };
		char *error = NULL;

		assert_null(listener_open(&o, true, &error));
		assert_non_null(error);
		if (strcmp(rows[i], "2001:db8::1") != 0 || has_ipv6())
			assert_non_null(strstr(error, rows[i]));
		free(error);
	}
}

static void excess_connections_are_closed_at_once(void **state)
{
	int64_t before = metric_read(METRIC_connections_refused);
	struct door d;
	int fds[50];

	(void)state;
	open_door(&d, (struct listener_options){ .interface = "127.0.0.1", .accepts_per_second = 2 });
	run(&d);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = knock("127.0.0.1", listener_port(d.l));
		assert_true(fds[i] >= 0);
		expect_eof(fds[i]); /* accepted or not, the other end is closed here */
		close(fds[i]);
	}
	assert_true(metric_read(METRIC_connections_refused) > before);
	pthread_mutex_lock(&d.lock);
	assert_true(d.accepted >= 2);
	assert_int_equal(d.accepted + (unsigned)(metric_read(METRIC_connections_refused) - before), ARRAY_LEN(fds));
	pthread_mutex_unlock(&d.lock);
	close_door(&d);
}

static void running_out_of_descriptors_is_survived(void **state)
{
	int64_t before = metric_read(METRIC_connections_refused);
	struct rlimit old, none;
	struct door d;
	int fd, waiting;

	(void)state;
	open_door(&d, (struct listener_options){ .interface = "127.0.0.1" });
	run(&d);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	none.rlim_cur = (rlim_t)fd + 1; /* every number below is taken, and so is this one */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	{
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(listener_port(d.l)),
					  .sin_addr = { htonl(INADDR_LOOPBACK) } };
		const struct timeval wait = { .tv_sec = WAIT_S };

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	}
	expect_eof(fd); /* it was told, thanks to the reserve */
	assert_true(metric_read(METRIC_connections_refused) > before);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	waiting = knock("127.0.0.1", listener_port(d.l)); /* waits until the pause is over */
	side_wait(&d, d.accepted == 1);
	close(waiting);
	close(fd);
	close_door(&d);
}

static void a_stopped_listener_refuses(void **state)
{
	struct door d;
	uint16_t port;
	int fd;

	(void)state;
	open_door(&d, (struct listener_options){ .interface = "127.0.0.1" });
	run(&d);
	port = listener_port(d.l);
	fd = knock("127.0.0.1", port);
	assert_true(fd >= 0);
	side_wait(&d, d.accepted == 1);
	close_door(&d);
	assert_int_equal(knock("127.0.0.1", port), -1);
	close(fd);
}

/* --- simulation: no sockets --- */

struct porch {
	struct listener *l;
	unsigned knocks;
	struct conn *c;
};

static size_t porch_input(void *ctx, struct span bytes, bool drained)
{
	(void)ctx;
	(void)drained;
	return bytes.n;
}
static void porch_end(void *ctx, enum conn_end why)
{
	(void)ctx;
	(void)why;
}
static void porch_accept(void *ctx, int fd, const struct address *peer)
{
	static const struct conn_events events = { .on_input = porch_input, .on_end = porch_end };
	static const struct conn_limits limits;
	struct porch *p = ctx;

	assert_int_equal(fd, -1);
	p->knocks++;
	p->c = conn_memory_new(peer, &limits, &events, p);
}
static void porch_start(void *state, actor_id self)
{
	struct porch *p = state;

	(void)self;
	listener_start(p->l, porch_accept, p);
}
static void porch_stop(void *state)
{
	conn_free(((struct porch *)state)->c);
}
static void porch_receive(void *state, struct msg *m)
{
	(void)state;
	(void)m;
}
static size_t nothing_taken(void *ctx, struct span bytes)
{
	(void)ctx;
	(void)bytes;
	return 0;
}
static void count_close(void *ctx)
{
	++*(unsigned *)ctx;
}

static void under_simulation_clients_connect_by_hand(void **state)
{
	static const struct behaviour porch = { .name = "porch", .placement = ACTOR_PINNED, .receive = porch_receive,
						.on_start = porch_start, .on_stop = porch_stop };
	static const struct conn_memory_peer peer = { nothing_taken, count_close };
	const struct address from = { .port = 9 };
	struct porch p = { 0 };
	struct conn *c;
	char *error = NULL;
	unsigned closes = 0;

	(void)state;
	engine_init(&(struct engine_options){ .simulate = true, .workers = 2, .seed = 1 });
	p.l = listener_open(&(struct listener_options){ .interface = "*", .port = 5222, .accepts_per_second = 1 }, true, &error);
	assert_non_null(p.l);
	assert_null(listener_memory_connect(5222, 1, &from, &peer, &closes)); /* not started */
	actor_spawn(&porch, &p, 1);
	engine_sim_run(0);
	assert_null(listener_memory_connect(5222, 0, &from, &peer, &closes)); /* another worker */
	assert_null(listener_memory_connect(5223, 1, &from, &peer, &closes)); /* another port */
	c = listener_memory_connect(5222, 1, &from, &peer, &closes);
	assert_non_null(c);
	assert_ptr_equal(c, p.c);
	assert_null(listener_memory_connect(5222, 1, &from, &peer, &closes)); /* over its rate */
	assert_int_equal(p.knocks, 1);
	listener_free(p.l);
	assert_null(listener_memory_connect(5222, 1, &from, &peer, &closes));
	engine_stop();
	assert_int_equal(closes, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, io_prepare, io_teardown)
	const struct CMUnitTest tests[] = {
		TEST(clients_of_both_families_reach_all_interfaces),
		TEST(one_interface_is_one_interface),
		TEST(workers_share_a_port_but_strangers_do_not),
		TEST(an_address_that_is_not_here_is_named),
		TEST(excess_connections_are_closed_at_once),
		TEST(running_out_of_descriptors_is_survived),
		TEST(a_stopped_listener_refuses),
		cmocka_unit_test(under_simulation_clients_connect_by_hand),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return RUN(tests);
}
