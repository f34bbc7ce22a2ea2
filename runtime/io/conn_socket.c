/* Connections over a socket: the carrier that talks to the kernel. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/conn_inner.h"

static int socket_receive(struct conn *c, char *to, size_t room, bool *more)
{
	ssize_t n;
	int waiting = 0;

	do
		n = recv(c->fd, to, room, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	/* A full read may have been the last one: ask, so that `drained` is true. A short one was, and the kernel tells
	 * of what comes later. */
	*more = n == (ssize_t)room && ioctl(c->fd, FIONREAD, &waiting) == 0 && waiting > 0;
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
		n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : conn_failure(CONN_END_RESET);
}

static uint32_t wanted(const struct conn *c)
{
	return (conn_wants_input(c) ? EPOLLIN : 0u) | (conn_is_live(c) && c->blocked ? EPOLLOUT : 0u);
}

/* Input that is not wanted for a while stays asked for: most pauses end before any comes. */
static void socket_watch(struct conn *c)
{
	uint32_t want = wanted(c), have = c->watched;

	if ((want & ~have) || (have & ~want & EPOLLOUT) || !conn_is_live(c))
		conn_worker_watch(c, want);
}

static void socket_ready(struct conn *c, uint32_t events)
{
	/* Who leaves waits with those who come: the end of a session is as much work as its beginning. */
	if (!c->at_door && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		conn_worker_place(c, true);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn_read(c, false);
	if (conn_is_live(c) && c->blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		conn_flush(c);
	if (conn_is_live(c))
		conn_worker_watch(c, wanted(c)); /* what came unwanted must not come again */
}

static void give_up_after(struct conn *c, unsigned ms)
{
	setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* A line that is dead without a word takes output as long as the kernel has room: there the time counts from when the peer should
 * have acknowledged it (RFC 5482). The kernel gives up without telling the peer, so a peer that is alive and does not read must
 * be cut off by our own clock first. 0: the system's own, some fifteen minutes. */
#define AFTER_OURS_MS 2000u
static void socket_limited(struct conn *c)
{
	conn_worker_place(c, c->limits->newcomer);
	give_up_after(c, c->limits->stall_ms ? c->limits->stall_ms + AFTER_OURS_MS : 0);
}

static void socket_shut(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

static void socket_close(struct conn *c)
{
	conn_worker_watch(c, 0);
	give_up_after(c, 0); /* what is still on its way, and the end, may take the usual time: nobody waits for it here */
	close(c->fd);
}

static const struct conn_carrier carrier = {
	.receive = socket_receive,
	.transmit = socket_transmit,
	.watch = socket_watch,
	.ready = socket_ready,
	.limited = socket_limited,
	.shut = socket_shut,
	.close = socket_close,
};

struct conn *conn_new(int fd, const struct address *peer, const struct conn_limits *limits,
		      const struct conn_events *events, void *ctx)
{
	struct conn *c = xmalloc(sizeof(*c));
	int on = 1;

	conn_init(c, &carrier, peer, limits, events, ctx);
	ASSERT(conn_worker_has_loop(c)); /* no sockets under simulation */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a turn's output is one write already */
	c->fd = fd;
	socket_limited(c);
	socket_watch(c);
	return c;
}
