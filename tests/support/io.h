#pragma once
/* For tests of runtime/io on real workers: an actor that runs what a test tells it to, and a record of a connection's
 * events that a test can wait for. The test's own thread plays the client, with blocking sockets. */
#include "tests/support/check.h"

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "runtime/actor/engine.h"
#include "runtime/io/conn.h"

#define WAIT_S 20 /* nothing takes that long: a test that gets there has failed */

/* --- an actor for hire --- */

struct call_msg {
	struct msg m;
	void (*run)(void *);
	void *arg;
	sem_t *done;
};
static void call_receive(void *state, struct msg *m)
{
	struct call_msg *call = (struct call_msg *)(void *)m;

	(void)state;
	call->run(call->arg);
	if (call->done)
		sem_post(call->done);
}
static const struct msg_kind call_kind = { "CALL", sizeof(struct call_msg), 0, NULL, "Run this." };
static const struct behaviour worker_behaviour = {
	.name = "for hire", .placement = ACTOR_PINNED, .receive = call_receive
};

static actor_id hired[2];

static inline void io_send_call(unsigned worker, void (*run)(void *), void *arg, sem_t *done)
{
	struct msg *m = msg_new(&call_kind);
	struct call_msg *call = (struct call_msg *)(void *)m;

	call->run = run;
	call->arg = arg;
	call->done = done;
	actor_send_msg(hired[worker], &m);
}

/* Runs it in the actor's context on that worker and waits for it. */
static inline void io_call(unsigned worker, void (*run)(void *), void *arg)
{
	sem_t done;

	sem_init(&done, 0, 0);
	io_send_call(worker, run, arg, &done);
	sem_wait(&done);
	sem_destroy(&done);
}

static inline int io_prepare(void **state)
{
	(void)state;
	engine_init(&(struct engine_options){ .workers = 2 });
	conn_prepare();
	for (unsigned i = 0; i < 2; i++)
		hired[i] = actor_spawn(&worker_behaviour, NULL, i);
	return 0;
}
static inline int io_setup(void **state)
{
	io_prepare(state);
	engine_start();
	return 0;
}
static inline int io_teardown(void **state)
{
	(void)state;
	engine_stop();
	return 0;
}

/* --- a connection and what happened to it --- */

struct side {
	struct conn *c;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	struct buf input; /* consumed */
	size_t largest;   /* of what was shown at once */
	unsigned inputs;
	bool drained; /* at the last input */
	bool secure, ended, freed;
	enum conn_end why;
	uint64_t sent;
	/* set by the test before it matters */
	size_t (*take)(struct side *s, struct span bytes, bool drained); /* instead of consuming all; on the worker */
	void (*when_secure)(struct side *s);
	void (*when_sent)(struct side *s);
	void (*when_ended)(struct side *s);
	struct conn_limits limits;
	int fd; /* to be handed to the connection */
	unsigned worker;
	void *extra;
};

static inline void side_note(struct side *s)
{
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static inline size_t side_on_input(void *ctx, struct span bytes, bool drained)
{
	struct side *s = ctx;
	size_t used = s->take ? s->take(s, bytes, drained) : bytes.n;

	pthread_mutex_lock(&s->lock);
	buf_add(&s->input, bytes.p, used);
	s->inputs++;
	s->drained = drained;
	if (bytes.n > s->largest)
		s->largest = bytes.n;
	side_note(s);
	return used;
}
static inline void side_on_secure(void *ctx)
{
	struct side *s = ctx;

	if (s->when_secure)
		s->when_secure(s);
	pthread_mutex_lock(&s->lock);
	s->secure = true;
	side_note(s);
}
static inline void side_on_sent(void *ctx, uint64_t sent)
{
	struct side *s = ctx;

	if (s->when_sent)
		s->when_sent(s);
	pthread_mutex_lock(&s->lock);
	ASSERT(sent > s->sent); /* not cmocka's: this is another thread */
	s->sent = sent;
	side_note(s);
}
static inline void side_on_end(void *ctx, enum conn_end why)
{
	struct side *s = ctx;

	if (s->when_ended)
		s->when_ended(s);
	pthread_mutex_lock(&s->lock);
	ASSERT(!s->ended);
	s->ended = true;
	s->why = why;
	side_note(s);
}
static const struct conn_events side_events = { side_on_input, side_on_secure, side_on_sent, side_on_end };

/* side_wait(s, condition): with the lock held while it is looked at. */
#define side_wait(s, condition) \
	do { \
		struct timespec until_; \
		clock_gettime(CLOCK_REALTIME, &until_); \
		until_.tv_sec += WAIT_S; \
		pthread_mutex_lock(&(s)->lock); \
		while (!(condition)) \
			if (pthread_cond_timedwait(&(s)->changed, &(s)->lock, &until_) != 0) \
				break; \
		if (!(condition)) { \
			pthread_mutex_unlock(&(s)->lock); \
			fail_msg("waited in vain for " #condition); \
		} \
		pthread_mutex_unlock(&(s)->lock); \
	} while (0)

static inline void expect_alive(struct side *s)
{
	pthread_mutex_lock(&s->lock);
	assert_false(s->ended);
	pthread_mutex_unlock(&s->lock);
}

static inline void side_make(void *arg)
{
	static const struct address peer = { .ip = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 }, .port = 1 };
	struct side *s = arg;

	s->c = conn_new(s->fd, &peer, &s->limits, &side_events, s);
}

static inline void side_drop(void *arg)
{
	struct side *s = arg;

	if (!s->freed)
		conn_free(s->c);
	s->freed = true;
}

static inline void side_init(struct side *s)
{
	*s = (struct side){ .limits = { .linger_ms = 5000, .handshake_ms = 10000, .stall_ms = 10000 } };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
}

/* Opens a connection on worker 0 for one end of a stream; returns the client's end. */
static inline int side_open_on(struct side *s, int family)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fds[2];

	if (family == AF_INET) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
		socklen_t n = sizeof(at);
		int listening = socket(AF_INET, SOCK_STREAM, 0);

		assert_int_equal(bind(listening, (struct sockaddr *)&at, n) | listen(listening, 1), 0);
		assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &n), 0);
		fds[1] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[1], (struct sockaddr *)&at, n), 0);
		fds[0] = accept(listening, NULL, NULL);
		close(listening);
	} else {
		assert_int_equal(socketpair(AF_UNIX, family, 0, fds), 0); /* SOCK_STREAM, SOCK_SEQPACKET */
	}
	setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	s->fd = fds[0];
	io_call(s->worker, side_make, s);
	return fds[1];
}

/* Frees what the test left. */
static inline void side_close(struct side *s, int client)
{
	if (client >= 0)
		close(client);
	io_call(s->worker, side_drop, s);
	buf_fini(&s->input);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
}

static inline void send_text(int fd, const void *text, size_t n)
{
	while (n) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		assert_true(done > 0);
		text = (const char *)text + done;
		n -= (size_t)done;
	}
}

static inline void expect_text(int fd, const char *text)
{
	char got[256] = "";
	size_t n = strlen(text), done = 0;

	assert_true(n < sizeof(got));
	while (done < n) {
		ssize_t more = recv(fd, got + done, n - done, 0);

		assert_true(more > 0);
		done += (size_t)more;
	}
	assert_string_equal(got, text);
}

static inline void expect_eof(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

/* A text whose every position is recognisable. */
static inline void fill_pattern(struct buf *b, size_t n)
{
	char *at = buf_reserve(b, n);

	for (size_t i = 0; i < n; i++)
		at[i] = (char)((i * 31 + (i >> 8) * 7) & 0xff);
	buf_commit(b, n);
}
