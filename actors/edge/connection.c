/* The base of everything that owns a socket: admission by the limits of its address, the lists of the edge, moving, the
 * end. */
#include <unistd.h>
#include <stdlib.h>

#include "actors/edge/budget.h"
#include "actors/edge/edge_inner.h"
#include "actors/edge/http_conn.h"
#include "actors/edge/tcp.h"
#include "actors/edge/throttle.h"
#include "runtime/log.h"
#include "runtime/metric.h"

static void refuse(int fd, const struct address *peer)
{
	char text[ADDRESS_TEXT_MAX];

	metric_inc(METRIC_connections_refused);
	address_text(peer, text);
	LOG_DEBUG("edge", "connection refused by a limit: %s", text);
	if (fd >= 0)
		close(fd);
}

/* An HTTP connection may be that of a BOSH session which is here already and wants what is kept for it: new sessions and WebSockets
 * are refused where they begin. */
static bool admit(struct edge *e, const struct address *peer, bool is_tcp)
{
	struct throttle *t = e->shared->throttle;

	if (e->stopping || (is_tcp && !budget_admits(e)))
		return false;
	if (!throttle_connection(t, peer, actor_now_ms())) {
		metric_limit(METRIC_limit_connection_rate);
		return false;
	}
	if (throttle_take(t, THROTTLE_OPEN, peer)) {
		if (throttle_take(t, THROTTLE_UNAUTH, peer))
			return true;
		throttle_release(t, THROTTLE_OPEN, peer);
	}
	metric_limit(METRIC_limit_connections);
	return false;
}

/* The total before login is shared out evenly: the kernel spreads new connections evenly too. */
static void make_room(struct edge *e)
{
	uint64_t most = (uint64_t)e->conf->limit_unauth_total / e->server->workers;

	if (e->conf->limit_unauth_total == 0)
		return;
	while (e->unauthenticated_count > most && e->unauthenticated_count > 1) {
		struct edge_connection *oldest =
			CONTAINER_OF(e->unauthenticated.next, struct edge_connection, unauthenticated);

		metric_limit(METRIC_limit_unauthenticated);
		oldest->kind->events->on_end(oldest, CONN_END_CLOSED);
	}
}

bool edge_accept(struct edge *e, const struct config_listener *listener, int fd, const struct address *peer,
		 struct conn **out_conn)
{
	bool is_tcp = listener->component == CONFIG_COMPONENT_c2s;
	struct edge_connection *c;

	if (!admit(e, peer, is_tcp)) {
		refuse(fd, peer);
		return false;
	}
	c = is_tcp ? tcp_new(e, listener, peer) : http_conn_new(e, listener);
	c->conn = fd >= 0 ? conn_new(fd, peer, c->kind->limits(c), c->kind->events, c)
			  : conn_memory_new(peer, c->kind->limits(c), c->kind->events, c);
	if (out_conn)
		*out_conn = c->conn;
	metric_inc(METRIC_connections_total);
	metric_inc(METRIC_connections_open);
	list_push_back(&e->connections, &c->all);
	list_push_back(&e->unauthenticated, &c->unauthenticated);
	c->counts_unauthenticated = true;
	e->unauthenticated_count++;
	if (is_tcp)
		tcp_opened(c);
	else
		http_conn_opened(c);
	if (listener->socket == CONFIG_SOCKET_SSL && fd >= 0)
		conn_start_tls(c->conn, e->server->tls, NULL, is_tcp ? "xmpp-client" : "http/1.1");
	make_room(e);
	return true;
}

void connection_init(struct edge_connection *c, const struct connection_kind *kind, struct edge *e,
		     const struct config_listener *listener)
{
	*c = (struct edge_connection){ .kind = kind, .edge = e, .listener = listener };
	list_init(&c->all);
	list_init(&c->unauthenticated);
	list_init(&c->leaving);
}

void connection_succeed(struct edge_connection *from, struct edge_connection *to)
{
	struct edge *e = from->edge;

	to->conn = from->conn;
	from->conn = NULL;
	list_push_back(&e->connections, &to->all);
	if (from->counts_unauthenticated) {
		/* It keeps its place: the oldest is the first to go. */
		list_push_back(&from->unauthenticated, &to->unauthenticated);
		list_remove(&from->unauthenticated);
		to->counts_unauthenticated = true;
		from->counts_unauthenticated = false;
	}
	conn_set_events(to->conn, to->kind->events, to);
	conn_set_limits(to->conn, to->kind->limits(to));
	list_remove(&from->all);
	from->kind->release(from);
	free(from);
}

void connection_admitted(struct edge_connection *c)
{
	if (!c->counts_unauthenticated)
		return;
	c->counts_unauthenticated = false;
	list_remove(&c->unauthenticated);
	c->edge->unauthenticated_count--;
	throttle_release(c->edge->shared->throttle, THROTTLE_UNAUTH, conn_peer(c->conn));
}

bool connection_expects_login(struct edge_connection *c)
{
	struct edge *e = c->edge;

	if (c->counts_unauthenticated)
		return true;
	if (!throttle_take(e->shared->throttle, THROTTLE_UNAUTH, conn_peer(c->conn))) {
		metric_limit(METRIC_limit_connections);
		return false;
	}
	c->counts_unauthenticated = true;
	list_push_back(&e->unauthenticated, &c->unauthenticated);
	e->unauthenticated_count++;
	make_room(e);
	return true;
}

void connection_leave(struct edge_connection *c, unsigned worker)
{
	ASSERT(!c->is_leaving && worker != c->edge->worker);
	c->is_leaving = true;
	c->leave_for = (uint16_t)worker;
	conn_pause(c->conn);
	list_push_back(&c->edge->leaving, &c->leaving);
}

void connection_free(struct edge_connection *c)
{
	/* Without an edge it is lost on its way at the end of the process, when there is nothing left to count in. */
	if (c->edge) {
		struct throttle *t = c->edge->shared->throttle;

		if (c->counts_unauthenticated) {
			throttle_release(t, THROTTLE_UNAUTH, conn_peer(c->conn));
			if (!list_empty(&c->unauthenticated))
				c->edge->unauthenticated_count--;
		}
		throttle_release(t, THROTTLE_OPEN, conn_peer(c->conn));
	}
	list_remove(&c->all);
	list_remove(&c->unauthenticated);
	list_remove(&c->leaving);
	c->kind->release(c);
	conn_free(c->conn);
	metric_add(METRIC_connections_open, -1);
	free(c);
}
