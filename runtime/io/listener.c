#include "runtime/io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/actor/engine.h"
#include "runtime/io/conn.h"
#include "runtime/log.h"
#include "runtime/mem/buf.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

#define ACCEPTS_A_TURN 64
#define FAILURES_A_TURN 8 /* then it is not this or that connection any more */
#define PAUSE_S 0.1

struct listener {
	struct listener *next_simulated;
	unsigned worker; /* simulation only */
	int fd, reserve; /* reserve: a descriptor to give up when there are no more */
	struct listener_options options;
	listener_accept_f *accept;
	void *ctx;
	actor_id owner;
	ev_io io;
	ev_timer pause;
	bool started;
	uint64_t second;   /* of the rate limit */
	uint32_t accepted; /* in it */
	uint64_t told_ms;  /* last warning */
};

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool socket_address(const struct listener_options *o, bool want_v6, union socket_address *out, socklen_t *n)
{
	memset(out, 0, sizeof(*out));
	if (strcmp(o->interface, "*") == 0 ? want_v6 : strchr(o->interface, ':') != NULL) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(o->port);
		*n = sizeof(out->v6);
		return strcmp(o->interface, "*") == 0 || inet_pton(AF_INET6, o->interface, &out->v6.sin6_addr) == 1;
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons(o->port);
	*n = sizeof(out->v4);
	return strcmp(o->interface, "*") == 0 || inet_pton(AF_INET, o->interface, &out->v4.sin_addr) == 1;
}

static int bind_socket(const struct listener_options *o, bool want_v6, bool share, int *error)
{
	union socket_address address;
	socklen_t n;
	int on = 1, off = 0, fd;

	if (!socket_address(o, want_v6, &address, &n)) {
		*error = EINVAL;
		return -1;
	}
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, strcmp(o->interface, "*") == 0 ? &off : &on, sizeof(on));
	if ((share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
	    bind(fd, &address.any, n) != 0) {
		*error = errno;
		close(fd);
		return -1;
	}
	return fd;
}

/* "*" is one socket for both families where there is IPv6, and IPv4 alone where there is not. */
static int bind_any(const struct listener_options *o, bool share, int *error)
{
	int fd = bind_socket(o, true, share, error);

	if (fd < 0 && strcmp(o->interface, "*") == 0 && (*error == EAFNOSUPPORT || *error == EADDRNOTAVAIL))
		fd = bind_socket(o, false, share, error);
	return fd;
}

static char *explain(const struct listener_options *o, int error)
{
	struct buf text = BUF_INIT;

	if (error == EADDRINUSE)
		buf_addf(&text, "port %u is in use on %s: stop the other program or choose another port", o->port,
			 o->interface);
	else if (error == EACCES)
		buf_addf(&text, "port %u on %s: not allowed; ports below 1024 need CAP_NET_BIND_SERVICE", o->port,
			 o->interface);
	else if (error == EADDRNOTAVAIL || error == EINVAL)
		buf_addf(&text, "port %u: this machine has no address %s", o->port, o->interface);
	else
		buf_addf(&text, "port %u on %s: %s", o->port, o->interface, strerror(error));
	return buf_take_text(&text);
}

static uint16_t bound_port(int fd)
{
	union socket_address address;
	socklen_t n = sizeof(address);

	if (getsockname(fd, &address.any, &n) != 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static struct listener *simulated; /* all there are */

static struct listener *make(const struct listener_options *o, int fd)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->fd = fd;
	l->reserve = -1;
	l->options = *o;
	l->options.interface = NULL; /* borrowed for the call only */
	return l;
}

struct listener *listener_open(const struct listener_options *o, bool check, char **error)
{
	struct listener *l;
	int fd, problem = 0;

	if (engine_is_simulated()) {
		l = make(o, -1);
		l->next_simulated = simulated;
		simulated = l;
		return l;
	}
	if (check) { /* with SO_REUSEPORT alone a second server would silently take half of the connections */
		fd = bind_any(o, false, &problem);
		if (fd < 0) {
			*error = explain(o, problem);
			return NULL;
		}
		close(fd);
	}
	fd = bind_any(o, true, &problem);
	if (fd < 0 || listen(fd, o->backlog) != 0) {
		*error = explain(o, fd < 0 ? problem : errno);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	l = make(o, fd);
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (o->port == 0)
		l->options.port = bound_port(fd);
	conn_prepare();
	return l;
}

static void from_socket_address(const union socket_address *from, struct address *out)
{
	*out = (struct address){ .ip = { [10] = 0xff, [11] = 0xff } };
	if (from->any.sa_family == AF_INET6) {
		memcpy(out->ip, &from->v6.sin6_addr, 16);
		out->port = ntohs(from->v6.sin6_port);
	} else {
		memcpy(out->ip + 12, &from->v4.sin_addr, 4);
		out->port = ntohs(from->v4.sin_port);
	}
}

static void warn(struct listener *l, const char *what)
{
	uint64_t now = outside_mono_ms();

	if (l->told_ms && now - l->told_ms < 10000)
		return;
	l->told_ms = now;
	LOG_WARNING("listener", "port %u: %s", l->options.port, what);
}

static bool over_rate(struct listener *l)
{
	uint64_t second = outside_mono_ms() / 1000;

	if (second != l->second) {
		l->second = second;
		l->accepted = 0;
	}
	return l->options.accepts_per_second && ++l->accepted > l->options.accepts_per_second;
}

static void keep_reserve(struct listener *l)
{
	if (l->reserve < 0)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int events)
{
	struct listener *l = w->data;

	(void)events;
	keep_reserve(l); /* there may have been none to take */
	ev_io_start(loop, &l->io);
}

/* The socket stays ready while nobody can be taken from it: without a pause the loop would spin. */
static void pause_accepting(struct ev_loop *loop, struct listener *l)
{
	ev_io_stop(loop, &l->io);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(loop, &l->pause);
}

/* No descriptor left: one connection is taken with the reserve and closed, so that its client learns of it. Another
 * thread may be faster with the descriptor; then the client waits for the next time. */
static void refuse_one(struct listener *l)
{
	int fd;

	metric_inc(METRIC_connections_refused);
	warn(l, "out of file descriptors, connections are refused; raise the limit (LimitNOFILE)");
	if (l->reserve >= 0) {
		close(l->reserve);
		l->reserve = -1;
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
	keep_reserve(l);
}

/* After a failed accept: whether to try the next one now (accept(2): many errors are those of the connection that would
 * have been next, which is gone). */
static bool goes_on(struct ev_loop *loop, struct listener *l, int error, unsigned failures)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EINTR:
		return true;
	case EMFILE:
	case ENFILE:
		refuse_one(l);
		break;
	case ENOBUFS:
	case ENOMEM:
		warn(l, "the kernel has no memory for new connections");
		break;
	case ECONNABORTED:
	case EPROTO:
	case EPERM: /* a firewall's rule */
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		if (failures < FAILURES_A_TURN)
			return true;
		/* fall through */
	default:
		warn(l, strerror(error));
		break;
	}
	pause_accepting(loop, l);
	return false;
}

static void on_acceptable(struct ev_loop *loop, ev_io *w, int events)
{
	struct listener *l = w->data;
	unsigned failures = 0;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		union socket_address from;
		socklen_t n = sizeof(from);
		struct address peer;
		int fd = accept4(l->fd, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (!goes_on(loop, l, errno, ++failures))
				return;
			continue;
		}
		if (over_rate(l)) {
			metric_inc(METRIC_connections_refused);
			metric_limit(METRIC_limit_accepts);
			warn(l, "more new connections per second than --new-connections-throttling allows");
			close(fd);
			continue;
		}
		from_socket_address(&from, &peer);
		actor_enter(l->owner);
		l->accept(l->ctx, fd, &peer);
		actor_leave();
		if (!l->started)
			return;
	}
}

void listener_start(struct listener *l, listener_accept_f *accept_f, void *ctx)
{
	l->accept = accept_f;
	l->ctx = ctx;
	l->owner = actor_self();
	l->started = true;
	l->worker = engine_worker();
	if (!engine_loop()) /* simulation: connections come by listener_memory_connect */
		return;
	ev_io_init(&l->io, on_acceptable, l->fd, EV_READ);
	ev_timer_init(&l->pause, on_pause_over, PAUSE_S, 0.);
	l->io.data = l->pause.data = l;
	ev_io_start(engine_loop(), &l->io);
}

uint16_t listener_port(const struct listener *l)
{
	return l->options.port;
}

void listener_stop(struct listener *l)
{
	if (l->started && engine_loop()) {
		ev_io_stop(engine_loop(), &l->io);
		ev_timer_stop(engine_loop(), &l->pause);
	}
	l->started = false;
	if (l->fd >= 0)
		close(l->fd);
	if (l->reserve >= 0)
		close(l->reserve);
	l->fd = l->reserve = -1;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	listener_stop(l);
	for (struct listener **link = &simulated; *link; link = &(*link)->next_simulated)
		if (*link == l) {
			*link = l->next_simulated;
			break;
		}
	free(l);
}

struct conn *listener_memory_connect(uint16_t port, unsigned worker, const struct address *from,
				     const struct conn_memory_peer *peer, void *ctx)
{
	struct listener *l = simulated;

	while (l && (l->options.port != port || l->worker != worker || !l->started))
		l = l->next_simulated;
	if (!l)
		return NULL;
	if (over_rate(l)) {
		metric_inc(METRIC_connections_refused);
		return NULL;
	}
	conn_memory_expect(peer, ctx);
	actor_enter(l->owner);
	l->accept(l->ctx, -1, from);
	actor_leave();
	return conn_memory_made();
}
