/* What the connections of one worker share: buffers for reading, the list of those with something to do at the end of
 * the turn, deadlines, two epoll sets. It exists while there are connections. Only its own worker touches it.
 *
 * The epoll sets are ours, each watched by the worker's loop as one descriptor, because connections move between workers:
 * libev leaves a descriptor it has stopped watching in its set until an event comes for it, and when that event is the
 * end of a connection that another worker just closed, it has to make the whole set anew.
 *
 * There are two because the kernel tells of sockets in the order in which they became ready: behind thousands who come back
 * at once a message would wait for all of them. Those who come (conn_limits.newcomer) or go are in the set of the door, of which
 * a turn serves a few; each turn does, however busy those inside are. */
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/actor/engine.h"
#include "runtime/io/conn_inner.h"
#include "runtime/outside.h"

#define WORKERS_MAX 256u /* as many as basic-conf/workers allows */
#define TICK_MS 50u
#define EVENTS_A_TURN 64
/* Of those at the door, when others have something to say too, and when they have not: a handshake is a millisecond of work. */
#define DOOR_EVENTS_BUSY 8
#define DOOR_EVENTS 16

struct ready_set {
	int epoll;
	ev_io any; /* whether something is ready in it */
};

struct conn_worker {
	_Alignas(64) struct ev_loop *loop; /* NULL under simulation */
	size_t conns;
	struct list todo;
	struct wheel *deadlines;
	ev_timer clock, again;
	struct ready_set inside, door;
	bool inside_busy;
	struct epoll_event ready[EVENTS_A_TURN]; /* of the present turn; data NULL: the connection has gone */
	int ready_count;
	uint64_t clock_ms; /* when the clock rings; 0 = it does not */
	char *scratch, *cipher_scratch;
	unsigned entered; /* callbacks that may be on the stack, using the scratch */
	bool servicing;
};

static struct conn_worker workers[WORKERS_MAX];

static void close_worker(struct conn_worker *w);

static struct conn_worker *worker_of(const struct conn *c)
{
	return &workers[c->worker];
}

char *conn_worker_scratch(const struct conn *c)
{
	return worker_of(c)->scratch;
}

char *conn_worker_cipher_scratch(const struct conn *c)
{
	struct conn_worker *w = worker_of(c);

	if (!w->cipher_scratch)
		w->cipher_scratch = xmalloc(CONN_SCRATCH_BYTES);
	return w->cipher_scratch;
}

bool conn_worker_has_loop(const struct conn *c)
{
	return worker_of(c)->loop != NULL;
}

/* --- deadlines: the clock only runs while there is one --- */

static void arm_clock(struct conn_worker *w)
{
	uint64_t next = wheel_next_ms(w->deadlines), now = outside_mono_ms();

	if (next == w->clock_ms || (next == UINT64_MAX && !w->clock_ms))
		return;
	ev_timer_stop(w->loop, &w->clock);
	w->clock_ms = next == UINT64_MAX ? 0 : next;
	if (!w->clock_ms)
		return;
	ev_now_update(w->loop);
	ev_timer_set(&w->clock, next > now ? (double)(next - now) / 1000. + 0.0005 : 0., 0.);
	ev_timer_start(w->loop, &w->clock);
}

static void on_clock(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct conn_worker *w = timer->data;
	struct wheel_node *node;

	(void)loop;
	(void)events;
	w->clock_ms = 0;
	while (w->deadlines && (node = wheel_pop(w->deadlines, outside_mono_ms()))) {
		struct conn *c = CONTAINER_OF(node, struct conn, deadline);
		bool entered = conn_worker_enter(c);

		conn_due(c);
		conn_worker_leave(c, entered);
	}
	if (w->deadlines)
		arm_clock(w);
}

void conn_worker_set_deadline(struct conn *c, uint32_t ms)
{
	struct conn_worker *w = worker_of(c);

	if (!w->loop)
		return;
	if (ms)
		wheel_set(w->deadlines, &c->deadline, outside_mono_ms() + ms);
	else
		wheel_clear(w->deadlines, &c->deadline);
	if (ms)
		arm_clock(w); /* a cleared one may ring in vain */
}

/* --- the epoll set --- */

void conn_worker_watch(struct conn *c, uint32_t events)
{
	struct conn_worker *w = worker_of(c);
	struct epoll_event e = { .events = events | (events & EPOLLIN ? EPOLLRDHUP : 0u), .data.ptr = c };
	int what = events == 0 ? EPOLL_CTL_DEL : c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (c->watched == events)
		return;
	c->watched = (uint8_t)events;
	if (epoll_ctl(c->at_door ? w->door.epoll : w->inside.epoll, what, c->fd, &e) != 0) {
		ASSERT(what == EPOLL_CTL_ADD && (errno == ENOSPC || errno == ENOMEM)); /* fs.epoll.max_user_watches */
		c->watched = 0;
		c->doomed = 1 + CONN_END_RESET;
		conn_worker_todo(c);
	}
	if (events == 0)
		for (int i = 0; i < w->ready_count; i++)
			if (w->ready[i].data.ptr == c)
				w->ready[i].data.ptr = NULL;
}

void conn_worker_place(struct conn *c, bool at_door)
{
	uint32_t events = c->watched;

	if (c->at_door == at_door)
		return;
	conn_worker_watch(c, 0);
	c->at_door = at_door;
	conn_worker_watch(c, events);
}

/* Consecutive connections of one owner are one stay in its context, with a look at the clock now and then: entering costs as
 * much as half a message. A callback under simulation is a turn of its own. */
#define STAY_CONNECTIONS 8u

struct stay {
	actor_id owner; /* ACTOR_NONE: outside */
	unsigned connections;
};

static void stay_leave(struct stay *stay)
{
	if (stay->owner != ACTOR_NONE)
		actor_leave();
	*stay = (struct stay){ ACTOR_NONE, 0 };
}

static void stay_with(struct stay *stay, const struct conn *c)
{
	if (!worker_of(c)->loop)
		return;
	if (stay->owner != c->owner || stay->connections == STAY_CONNECTIONS) {
		stay_leave(stay);
		stay->owner = c->owner;
		actor_enter(c->owner);
	}
	stay->connections++;
}

static void serve(struct conn_worker *w, const struct ready_set *set, int most)
{
	struct stay stay = { ACTOR_NONE, 0 };

	w->entered++; /* it stays, even if all connections go */
	w->ready_count = epoll_wait(set->epoll, w->ready, most, 0);
	for (int i = 0; i < w->ready_count; i++) {
		struct conn *c = w->ready[i].data.ptr;
		bool entered;

		if (!c)
			continue;
		stay_with(&stay, c);
		entered = conn_worker_enter(c);
		c->carrier->ready(c, w->ready[i].events);
		conn_worker_leave(c, entered);
	}
	stay_leave(&stay);
	w->ready_count = 0;
	w->entered--;
	close_worker(w);
}

static void on_inside(struct ev_loop *loop UNUSED, ev_io *io, int events UNUSED)
{
	struct conn_worker *w = io->data;

	w->inside_busy = true;
	serve(w, &w->inside, EVENTS_A_TURN);
}

static void on_door(struct ev_loop *loop UNUSED, ev_io *io, int events UNUSED)
{
	struct conn_worker *w = io->data;

	int most = w->inside_busy ? DOOR_EVENTS_BUSY : DOOR_EVENTS;

	w->inside_busy = false; /* until the next look at the door */
	serve(w, &w->door, most);
}

/* --- the worker's own life --- */

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events; /* there is another turn: that was all */
}

/* libev calls those of the higher priority first. */
static void open_set(struct conn_worker *w, struct ready_set *set, void (*ready)(struct ev_loop *, ev_io *, int), int priority)
{
	set->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (set->epoll < 0)
		BUG("no epoll set");
	ev_io_init(&set->any, ready, set->epoll, EV_READ);
	ev_set_priority(&set->any, priority);
	set->any.data = w;
	ev_io_start(w->loop, &set->any);
}

static void close_set(struct conn_worker *w, struct ready_set *set)
{
	ev_io_stop(w->loop, &set->any);
	close(set->epoll);
}

static void open_worker(struct conn_worker *w)
{
	w->loop = engine_loop();
	list_init(&w->todo);
	w->deadlines = wheel_new(outside_mono_ms(), TICK_MS);
	w->scratch = xmalloc(CONN_SCRATCH_BYTES);
	ev_timer_init(&w->clock, on_clock, 0., 0.);
	ev_timer_init(&w->again, on_again, 0., 0.);
	w->clock.data = w;
	w->clock_ms = 0;
	if (!w->loop)
		return;
	w->inside_busy = false;
	open_set(w, &w->inside, on_inside, 1);
	open_set(w, &w->door, on_door, 0);
}

static void close_worker(struct conn_worker *w)
{
	if (w->conns || w->entered || !w->deadlines)
		return;
	if (w->loop) {
		ev_timer_stop(w->loop, &w->clock);
		ev_timer_stop(w->loop, &w->again);
		close_set(w, &w->inside);
		close_set(w, &w->door);
	}
	wheel_free(w->deadlines);
	free(w->scratch);
	free(w->cipher_scratch);
	w->deadlines = NULL;
	w->scratch = w->cipher_scratch = NULL;
}

void conn_worker_join(struct conn *c)
{
	struct conn_worker *w;

	ASSERT(engine_worker() < WORKERS_MAX);
	c->worker = (uint16_t)engine_worker();
	w = worker_of(c);
	if (!w->deadlines)
		open_worker(w);
	w->conns++;
}

void conn_worker_part(struct conn *c)
{
	struct conn_worker *w = worker_of(c);

	list_remove(&c->link);
	wheel_clear(w->deadlines, &c->deadline);
	w->conns--;
	close_worker(w);
}

/* --- callbacks --- */

bool conn_worker_enter(struct conn *c)
{
	bool outside = actor_self() == ACTOR_NONE;

	ASSERT(c->attached && !c->busy && (outside || actor_self() == c->owner));
	if (outside)
		actor_enter(c->owner);
	worker_of(c)->entered++;
	c->busy = 1;
	return outside;
}

void conn_worker_leave(struct conn *c, bool entered)
{
	struct conn_worker *w = worker_of(c);

	if (c->freed)
		conn_destroy(c);
	else /* Release; pairs with the acquire in wait_until_idle: another worker takes over what is written here. */
		__atomic_store_n(&c->busy, 0, __ATOMIC_RELEASE);
	w->entered--;
	close_worker(w);
	if (entered)
		actor_leave(); /* last: under simulation it ends a turn, which may call back again */
}

bool conn_worker_is_entered(const struct conn *c)
{
	return worker_of(c)->entered > 0;
}

/* --- the end of a turn --- */

void conn_worker_todo(struct conn *c)
{
	if (c->attached && c->phase != CONN_ENDED && list_empty(&c->link))
		list_push_back(&worker_of(c)->todo, &c->link);
}

/* Those that have something to do now; what they cause comes next time. */
static void service_all(struct conn_worker *w)
{
	struct stay stay = { ACTOR_NONE, 0 };
	struct list now, *link;

	list_init(&now);
	while ((link = list_pop_front(&w->todo)))
		list_push_back(&now, link);
	while ((link = list_pop_front(&now))) {
		struct conn *c = CONTAINER_OF(link, struct conn, link);
		bool entered;

		stay_with(&stay, c);
		entered = conn_worker_enter(c);
		conn_service(c);
		conn_worker_leave(c, entered);
	}
	stay_leave(&stay);
}

void conn_worker_turn_end(unsigned worker)
{
	struct conn_worker *w = &workers[worker];

	if (w->servicing || !w->deadlines || list_empty(&w->todo))
		return;
	w->servicing = true;
	service_all(w);
	while (!w->loop && w->deadlines && !list_empty(&w->todo)) /* simulation has no other turn to wait for */
		service_all(w);
	w->servicing = false;
	/* Callbacks ran behind the owners' on_turn_end: a turn must follow, with or without events. */
	if (w->loop && w->deadlines && !ev_is_active(&w->again)) {
		ev_timer_set(&w->again, 0., 0.);
		ev_timer_start(w->loop, &w->again);
	}
}

void conn_prepare(void)
{
	engine_on_turn_end(conn_worker_turn_end);
}
