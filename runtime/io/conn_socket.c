/* Connections over a socket: the carrier that talks to the kernel. One watcher serves both directions. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/conn_inner.h"

static int socket_receive(struct conn *c, char *to, size_t room, bool *more)
{
	ssize_t n;
	int waiting = 0;

	do
		n = recv(c->io.fd, to, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	/* A full read may have been the last one: ask, so that `drained` is true. A short one was, and the kernel tells of what
	 * comes later. */
	*more = n == (ssize_t)room && ioctl(c->io.fd, FIONREAD, &waiting) == 0 && waiting > 0;
	if (n > 0)
		return (int)n;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return conn_failure(n == 0 ? CONN_END_PEER : CONN_END_RESET);
}

static int socket_transmit(struct conn *c, struct span bytes)
{
	ssize_t n;

	do
		n = send(c->io.fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : conn_failure(CONN_END_RESET);
}

static void socket_watch(struct conn *c)
{
	struct ev_loop *loop = conn_worker_loop(c);
	bool input = conn_wants_input(c), output = conn_is_live(c) && c->blocked;

	if (input == c->watches_input && output == c->watches_output)
		return;
	c->watches_input = input;
	c->watches_output = output;
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->io.fd, (input ? EV_READ : 0) | (output ? EV_WRITE : 0));
	if (input || output)
		ev_io_start(loop, &c->io);
}

static void socket_shut(struct conn *c)
{
	shutdown(c->io.fd, SHUT_WR);
}

static void socket_close(struct conn *c)
{
	if (c->watches_input || c->watches_output)
		ev_io_stop(conn_worker_loop(c), &c->io);
	c->watches_input = c->watches_output = false;
	close(c->io.fd);
}

static const struct conn_carrier carrier = {
	.receive = socket_receive,
	.transmit = socket_transmit,
	.watch = socket_watch,
	.shut = socket_shut,
	.close = socket_close,
};

static void on_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *c = io->data;
	bool entered = conn_worker_enter(c);

	(void)loop;
	if (events & EV_READ)
		conn_read(c, false);
	if (conn_is_live(c) && (events & EV_WRITE))
		conn_flush(c);
	if (conn_is_live(c))
		socket_watch(c);
	conn_worker_leave(c, entered);
}

struct conn *conn_new(int fd, const struct address *peer, const struct conn_limits *limits,
		      const struct conn_events *events, void *ctx)
{
	struct conn *c = xmalloc(sizeof(*c));
	int on = 1;

	conn_init(c, &carrier, peer, limits, events, ctx);
	ASSERT(conn_worker_loop(c)); /* no sockets under simulation */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a turn's output is one write already */
	ev_io_init(&c->io, on_ready, fd, EV_READ);
	c->io.data = c;
	socket_watch(c);
	return c;
}
