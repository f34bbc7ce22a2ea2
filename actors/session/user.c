#include "actors/session/user.h"

#include <stdlib.h>

#include "actors/owners.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "xmpp/rules/privacy.h"
#include "xmpp/rules/roster.h"

#include "actors/session/contacts.h"
#include "actors/session/custody.h"
#include "actors/session/kept.h"
#include "actors/session/last_seen.h"
#include "actors/session/offline.h"
#include "actors/session/pace.h"
#include "actors/session/recipients.h"

#define NO_SLOT UINT32_MAX

void users_init(struct users *u, const struct server *server)
{
	*u = (struct users){ .server = server, .by_bare = map_new(), .custodies = map_new(), .first_free = NO_SLOT };
	list_init(&u->unsaved);
	list_init(&u->failed);
	list_init(&u->paced);
	list_init(&u->leaving);
	u->privacy_owners = owners_new();
	u->last_seen = last_seen_new((uint64_t)server->conf->last_max);
}

/* --- users --- */

struct user *users_find(const struct users *u, const struct jid *any)
{
	return map_find_hashed(u->by_bare, any->bare_hash, jid_bare(any));
}

struct user *users_get(struct users *u, struct jid *any)
{
	struct user *user = users_find(u, any);

	if (user)
		return user;
	user = xcalloc(1, sizeof(*user));
	user->bare = jid_to_bare(any);
	user->host = config_vhost(u->server->conf, jid_domain(any));
	user->class = server_class(u->server, any);
	list_init(&user->sessions);
	list_init(&user->waiting);
	list_init(&user->custodies);
	list_init(&user->returned);
	/* Whom the desk knows is known; visitors have no roster of their own. */
	if (user->class != CLASS_USER)
		user->account = FACT_YES;
	if (user->class == CLASS_VISITOR)
		contacts_begin(user);
	map_put(u->by_bare, jid_bare(user->bare), user);
	return user;
}

static void free_user(struct user *user)
{
	struct list *link;

	while ((link = list_pop_front(&user->waiting)))
		waiting_free(CONTAINER_OF(link, struct waiting, link));
	while ((link = list_pop_front(&user->returned)))
		waiting_free(CONTAINER_OF(link, struct waiting, link));
	contacts_end(user);
	offline_free(user);
	recipients_free(user->recipients);
	kept_forget(user);
	privacy_free(user->privacy);
	jid_unref(user->told_best);
	jid_unref(user->bare);
	free(user);
}

void users_settle(struct users *u, struct user *user)
{
	if (user->session_count || user->waiting_count || user->pending || user->flush || user->contacts ||
	    !list_empty(&user->custodies))
		return;
	map_remove(u->by_bare, jid_bare(user->bare));
	free_user(user);
}

static void free_all(void *ctx, struct span key UNUSED, void *value)
{
	struct users *u = ctx;
	struct user *user = value;

	while (!list_empty(&user->sessions)) {
		struct session *s = CONTAINER_OF(user->sessions.next, struct session, link);

		session_unlink(u, s);
		session_free(s);
	}
	custody_free_all(u, user);
	free_user(user);
}

/* --- gone, and not told yet --- */

struct leaving {
	struct list link;
	struct jid *full; /* counted */
	char *list;       /* owned */
};

static char *leaving_free(struct leaving *l)
{
	char *list = l->list;

	list_remove(&l->link);
	jid_unref(l->full);
	free(l);
	return list;
}

void users_note_leaving(struct users *u, struct jid *full, const char *list)
{
	struct leaving *l = xcalloc(1, sizeof(*l));

	l->full = jid_ref(full);
	l->list = xstrdup(list);
	list_push_back(&u->leaving, &l->link);
}

char *users_take_leaving(struct users *u, const struct jid *full)
{
	LIST_EACH(it, &u->leaving) {
		struct leaving *l = CONTAINER_OF(it, struct leaving, link);

		if (jid_eq(l->full, full))
			return leaving_free(l);
	}
	return NULL;
}

void users_fini(struct users *u)
{
	while (!list_empty(&u->leaving))
		free(leaving_free(CONTAINER_OF(u->leaving.next, struct leaving, link)));
	map_each(u->by_bare, free_all, u);
	map_free(u->by_bare);
	map_free(u->custodies);
	last_seen_free(u->last_seen);
	owners_free(u->privacy_owners);
	free(u->slots);
}

/* --- sessions --- */

struct session *users_session(const struct users *u, uint64_t handle)
{
	uint32_t slot = (uint32_t)handle, gen = (uint32_t)(handle >> 32);

	return slot < u->slot_count && u->slots[slot].gen == gen ? u->slots[slot].session : NULL;
}

static uint64_t take_slot(struct users *u, struct session *s)
{
	uint32_t slot = u->first_free;

	if (slot == NO_SLOT) {
		uint32_t old = u->slot_count;

		u->slot_count = old ? old * 2 : 64;
		u->slots = xrealloc(u->slots, u->slot_count * sizeof(*u->slots));
		for (uint32_t i = u->slot_count; i-- > old;) {
			u->slots[i] = (struct session_slot){ NULL, 1, u->first_free };
			u->first_free = i;
		}
		slot = old;
	}
	u->first_free = u->slots[slot].next_free;
	u->slots[slot].session = s;
	return (uint64_t)u->slots[slot].gen << 32 | slot;
}

static void give_slot(struct users *u, uint64_t handle)
{
	struct session_slot *slot = &u->slots[(uint32_t)handle];

	slot->session = NULL;
	if (++slot->gen == 0)
		slot->gen = 1; /* so that no handle is 0 */
	slot->next_free = u->first_free;
	u->first_free = (uint32_t)handle;
}

struct session *session_open(struct users *u, struct user *user, struct jid *full, const struct shard_bind *bind)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->user = user;
	s->full = full;
	s->client = bind->link;
	s->is_older = bind->since < user->removal;
	s->transport = bind->transport;
	s->alive = true;
	s->is_confidential = bind->confidential;
	list_init(&s->paced);
	s->handle = take_slot(u, s);
	list_push_back(&user->sessions, &s->link);
	user->session_count++;
	metric_add(METRIC_sessions_open, 1);
	if (session_is_available(u, s))
		s->available_order = ++u->order;
	return s;
}

void session_unlink(struct users *u, struct session *s)
{
	list_remove(&s->link);
	session_set_carbons(s, false);
	pace_forget(s);
	s->user->session_count--;
	give_slot(u, s->handle);
	metric_add(METRIC_sessions_open, -1);
}

void session_set_carbons(struct session *s, bool on)
{
	s->user->carbons += (unsigned)on - (unsigned)s->carbons;
	s->carbons = on;
}

static void forget_directed(struct session *s)
{
	for (unsigned i = 0; i < s->directed_count; i++)
		jid_unref(s->directed[i]);
	free(s->directed);
	s->directed = NULL;
	s->directed_count = 0;
}

void session_free(struct session *s)
{
	forget_directed(s);
	stanza_unref(s->presence);
	jid_unref(s->full);
	free(s);
}

void session_inherit(struct session *s, struct session *old)
{
	s->presence = old->presence;
	s->directed = old->directed;
	s->directed_count = old->directed_count;
	s->priority = old->priority;
	s->is_busy = old->is_busy;
	if (old->available_order)
		s->available_order = old->available_order;
	old->presence = NULL;
	old->directed = NULL;
	old->directed_count = 0;
}

struct session *user_resource(const struct user *user, const struct jid *full)
{
	LIST_EACH(it, &user->sessions) {
		struct session *s = CONTAINER_OF(it, struct session, link);

		if (span_eq(jid_resource(s->full), jid_resource(full)))
			return s;
	}
	return NULL;
}

bool user_is_alive(const struct user *user)
{
	LIST_EACH(it, &user->sessions)
		if (CONTAINER_OF(it, struct session, link)->alive)
			return true;
	return false;
}

static bool presence_counts(const struct users *u, const struct session *s)
{
	return u->server->conf->plugins[CONFIG_PLUGIN_presence_state] && s->user->class != CLASS_VISITOR;
}

bool session_is_available(const struct users *u, const struct session *s)
{
	return s->presence || !presence_counts(u, s);
}

int session_priority(const struct users *u, const struct session *s)
{
	return presence_counts(u, s) ? s->priority : 0;
}

enum delivery_resources user_resources(const struct users *u, const struct user *user)
{
	enum delivery_resources found = DELIVERY_NOBODY;

	LIST_EACH(it, &user->sessions) {
		const struct session *s = CONTAINER_OF(it, struct session, link);

		if (!session_is_available(u, s))
			continue;
		if (session_priority(u, s) >= 0)
			return DELIVERY_SOMEBODY;
		found = DELIVERY_NEGATIVE;
	}
	return found;
}

bool user_must_be_here(const struct stanza *s)
{
	enum stanza_type type = stanza_type(s);

	if (stanza_kind(s) == STANZA_IQ)
		return type == STANZA_TYPE_RESULT || type == STANZA_TYPE_ERROR;
	if (stanza_kind(s) == STANZA_PRESENCE)
		return type < STANZA_TYPE_SUBSCRIBE || type > STANZA_TYPE_UNSUBSCRIBED;
	return type == STANZA_TYPE_ERROR;
}

/* --- presence --- */

/* RFC 6121 4.7.2.3: -128 to 127; what is no such number counts as 0. */
static int8_t read_priority(const struct stanza *presence)
{
	struct span text = stanza_child_text(presence, "priority", NULL);
	bool minus = text.n > 0 && text.p[0] == '-';
	int value = 0;

	if (text.n == 0 || text.n > 4 || (minus && text.n == 1))
		return 0;
	for (size_t i = minus; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		value = value * 10 + (text.p[i] - '0');
	}
	value = minus ? -value : value;
	return value < -128 || value > 127 ? 0 : (int8_t)value;
}

static bool shows_busy(const struct stanza *presence)
{
	struct span show = stanza_child_text(presence, "show", NULL);

	return span_is(show, "away") || span_is(show, "xa") || span_is(show, "dnd");
}

void session_note_presence(struct users *u, struct session *s, struct stanza *presence)
{
	bool available = stanza_type(presence) == STANZA_TYPE_NONE;

	stanza_unref(s->presence);
	s->presence = available ? stanza_ref(presence) : NULL;
	s->priority = available ? read_priority(presence) : 0;
	s->is_busy = available ? shows_busy(presence) : true;
	if (!available)
		forget_directed(s);
	if (!session_is_available(u, s))
		s->available_order = 0;
	else if (!s->available_order)
		s->available_order = ++u->order;
}

/* Room grows by powers of two; it is full whenever the count is one of them. */
static void add_directed(struct session *s, struct jid *to)
{
	unsigned n = s->directed_count;

	if ((n & (n - 1)) == 0)
		s->directed = xrealloc(s->directed, (n ? 2 * n : 1) * sizeof(struct jid *));
	s->directed[s->directed_count++] = jid_ref(to);
}

void session_note_directed(struct session *s, struct jid *to, bool available)
{
	unsigned at = 0;

	while (at < s->directed_count && !jid_eq(s->directed[at], to))
		at++;
	if (at < s->directed_count) {
		if (available)
			return;
		jid_unref(s->directed[at]);
		s->directed[at] = s->directed[--s->directed_count];
		return;
	}
	if (!available)
		return;
	if (s->directed_count == SESSION_DIRECTED_MAX) {
		jid_unref(s->directed[0]);
		s->directed[0] = jid_ref(to);
		return;
	}
	add_directed(s, to);
}

/* --- what waits --- */

struct waiting *waiting_new(struct packet *p, bool outbound, uint64_t session)
{
	struct waiting *w = xmalloc(sizeof(*w));

	*w = (struct waiting){ .packet = packet_take(p), .outbound = outbound, .session = session };
	return w;
}

void waiting_free(struct waiting *w)
{
	packet_clear(&w->packet);
	free(w);
}

void user_release_returned(struct user *user, uint64_t session)
{
	struct list *before = user->waiting.next;

	LIST_EACH_SAFE(it, tmp, &user->returned) {
		if (CONTAINER_OF(it, struct waiting, link)->session != session)
			continue;
		list_remove(it);
		list_push_back(before, it);
		user->waiting_count++;
	}
}
