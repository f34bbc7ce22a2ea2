#include "actors/desk/conversation.h"

#include <stdlib.h>

struct conversation *conversation_new(struct jid *visitor, const char *id)
{
	struct conversation *c = xcalloc(1, sizeof(*c));

	c->visitor = jid_to_bare(visitor);
	ASSERT(strlen(id) < sizeof(c->id));
	memcpy(c->id, id, strlen(id));
	c->reason = REASON_FIRST_MESSAGE;
	list_init(&c->owner_link);
	list_init(&c->words);
	list_init(&c->gets);
	list_init(&c->claims);
	list_init(&c->place);
	list_init(&c->move);
	wheel_node_init(&c->timer);
	return c;
}

void word_free(struct word *w)
{
	stanza_unref(w->stanza);
	stanza_unref(w->sent);
	jid_unref(w->from);
	pledge_drop(&w->pledge);
	free(w);
}

static void drop_held(struct list *head, unsigned *count)
{
	struct packet p;

	while (held_pop(head, count, &p))
		packet_clear(&p);
}

void conversation_free(struct conversation *c)
{
	struct list *link;

	ASSERT(list_empty(&c->place) && list_empty(&c->move) && !c->owner && !wheel_is_set(&c->timer));
	while ((link = list_pop_front(&c->words)))
		word_free(CONTAINER_OF(link, struct word, link));
	drop_held(&c->gets, &c->get_count);
	drop_held(&c->claims, &c->claim_count);
	for (unsigned i = 0; i < c->session_count; i++)
		jid_unref(c->sessions[i]);
	jid_unref(c->visitor);
	jid_unref(c->seat);
	jid_unref(c->robot);
	jid_unref(c->face);
	jid_unref(c->iq_asker);
	free(c);
}

/* --- the visitor --- */

static void forget_session(struct conversation *c, unsigned index)
{
	jid_unref(c->sessions[index]);
	c->session_count--;
	memmove(&c->sessions[index], &c->sessions[index + 1], (c->session_count - index) * sizeof(c->sessions[0]));
}

void conversation_add_session(struct conversation *c, struct jid *full, unsigned bound)
{
	for (unsigned i = 0; i < c->session_count; i++)
		if (jid_eq(c->sessions[i], full)) {
			forget_session(c, i);
			break;
		}
	/* Only the end of the last session is reported: of the others those that are left over are most likely the
	 * oldest. */
	if (bound == 0 || bound > CONVERSATION_SESSIONS_MAX)
		bound = CONVERSATION_SESSIONS_MAX;
	while (c->session_count >= bound)
		forget_session(c, 0);
	c->sessions[c->session_count++] = jid_ref(full);
}

bool conversation_came(struct conversation *c)
{
	bool had_left = c->visitor_phase == VISITOR_PHASE_LEFT;

	c->visitor_phase = VISITOR_PHASE_HERE;
	c->due[DUE_GRACE] = c->due[DUE_SLOT] = c->due[DUE_CLOSE] = 0;
	return had_left;
}

void conversation_silent(struct conversation *c, uint64_t now_ms, uint64_t wall_us, const struct conversation_times *t)
{
	if (c->visitor_phase != VISITOR_PHASE_HERE)
		return;
	c->visitor_phase = VISITOR_PHASE_ABSENT;
	c->left_how = CLOSE_SOCKET_LOST;
	c->left_at_us = wall_us;
	c->due[DUE_GRACE] = now_ms + t->notify_grace_ms;
}

bool conversation_left_on_purpose(const struct conversation *c)
{
	return c->left_how == CLOSE_STREAM_END || c->left_how == CLOSE_TERMINATE;
}

void conversation_ended(struct conversation *c, enum close_reason how, uint64_t now_ms, uint64_t wall_us,
			const struct conversation_times *t)
{
	uint64_t due = now_ms + t->notify_grace_ms;

	while (c->session_count)
		forget_session(c, 0);
	if (c->visitor_phase == VISITOR_PHASE_LEFT)
		return;
	if (how == CLOSE_STREAM_END)
		due = now_ms;
	else if (how == CLOSE_TERMINATE)
		due = now_ms + t->terminate_grace_ms;
	if (c->visitor_phase == VISITOR_PHASE_HERE)
		c->left_at_us = wall_us;
	else if (c->due[DUE_GRACE] < due)
		due = c->due[DUE_GRACE];
	c->visitor_phase = VISITOR_PHASE_ABSENT;
	c->left_how = how;
	c->due[DUE_GRACE] = due;
}

void conversation_left(struct conversation *c, uint64_t now_ms, const struct conversation_times *t)
{
	ASSERT(c->visitor_phase == VISITOR_PHASE_ABSENT);
	c->visitor_phase = VISITOR_PHASE_LEFT;
	c->due[DUE_GRACE] = 0;
	c->due[DUE_SLOT] = now_ms + (conversation_left_on_purpose(c) ? 0 : t->hold_ms);
	c->due[DUE_CLOSE] = now_ms + t->return_window_ms;
}

const char *conversation_left_reason(const struct conversation *c)
{
	switch (c->left_how) {
	case CLOSE_STREAM_END: return "closed";
	case CLOSE_TERMINATE: return "terminated";
	case CLOSE_ERROR: return "error";
	default: return "timeout";
	}
}

/* --- owner --- */

static uint8_t seen_bit(struct conversation *c, struct agent *a)
{
	unsigned slot;

	for (unsigned i = 0; i < CONVERSATION_SEEN_MAX; i++)
		if (c->seen[i] == a)
			return (uint8_t)(1u << i);
	slot = c->seen_next++ % CONVERSATION_SEEN_MAX;
	c->seen[slot] = a;
	c->notified &= (uint8_t)~(1u << slot);
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		w->shown &= (uint8_t)~(1u << slot);
		w->arrived &= (uint8_t)~(1u << slot);
		w->ways[slot] = 0;
	}
	return (uint8_t)(1u << slot);
}

static uint8_t known_bit(const struct conversation *c, const struct agent *a)
{
	for (unsigned i = 0; a && i < CONVERSATION_SEEN_MAX; i++)
		if (c->seen[i] == a)
			return (uint8_t)(1u << i);
	return 0;
}

static unsigned bit_index(uint8_t bit)
{
	return (unsigned)__builtin_ctz(bit);
}

bool conversation_own(struct conversation *c, struct agent *a)
{
	if (c->owner == a)
		return false;
	conversation_disown(c);
	c->owner = a;
	c->epoch++;
	c->tries = 0;
	(void)seen_bit(c, a);
	list_push_back(&a->conversations, &c->owner_link);
	return true;
}

void conversation_disown(struct conversation *c)
{
	if (!c->owner)
		return;
	c->last_owner = c->owner;
	c->owner = NULL;
	list_remove(&c->owner_link);
	c->due[DUE_ROBOT] = c->due[DUE_RETRY] = 0;
	conversation_mark_late(c);
	LIST_EACH(it, &c->words)
		CONTAINER_OF(it, struct word, link)->answered = false; /* on its way still: the next one gets it */
}

bool conversation_is_notified(const struct conversation *c)
{
	return (c->notified & known_bit(c, c->owner)) != 0;
}

void conversation_note_notified(struct conversation *c)
{
	c->notified |= known_bit(c, c->owner);
}

void conversation_bar_owner(struct conversation *c)
{
	uint8_t bit = known_bit(c, c->owner);

	ASSERT(c->owner);
	memmove(&c->barred[1], &c->barred[0], sizeof(c->barred) - sizeof(c->barred[0]));
	c->barred[0].agent = c->owner;
	c->barred[0].life = c->owner->life;
	if (c->owner->class != CLASS_ROBOT)
		return;
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (w->shown & bit)
			w->robots_failed++;
		w->shown &= (uint8_t)~bit;
		w->arrived &= (uint8_t)~bit;
		w->ways[bit_index(bit)] = 0;
	}
}

bool conversation_is_barred(const struct conversation *c, const struct agent *a)
{
	for (size_t i = 0; i < POLICY_BARRED_MAX; i++)
		if (c->barred[i].agent == a && c->barred[i].life == a->life)
			return true;
	return false;
}

bool conversation_suits_robots(const struct conversation *c)
{
	if (c->visitor_phase == VISITOR_PHASE_LEFT)
		return false;
	LIST_EACH(it, &c->words)
		if (CONTAINER_OF(it, struct word, link)->robots_failed >= CONVERSATION_ROBOTS_MAX)
			return false;
	return true;
}

/* --- words --- */

static void unlink_word(struct conversation *c, struct word *w)
{
	list_remove(&w->link);
	c->word_count--;
}

bool conversation_is_shown(const struct conversation *c, const struct word *w)
{
	return (w->shown & known_bit(c, c->owner)) != 0;
}

struct word *conversation_add_word(struct conversation *c, struct stanza *s, struct jid *from, uint64_t number,
				   uint64_t time_us, unsigned max, struct list *dropped)
{
	struct list *before = c->words.prev;
	struct word *w;

	if (c->word_count >= max) {
		w = CONTAINER_OF(c->words.next, struct word, link);
		if (!conversation_has_arrived(c, w))
			return NULL;
		unlink_word(c, w);
		list_push_back(dropped, &w->link);
		before = c->words.prev;
	}
	w = xcalloc(1, sizeof(*w));
	w->stanza = stanza_ref(s);
	w->from = jid_ref(from);
	w->number = number;
	w->time_us = time_us;
	while (before != &c->words && CONTAINER_OF(before, struct word, link)->time_us > time_us)
		before = before->prev;
	list_push_back(before->next, &w->link);
	c->word_count++;
	return w;
}

struct word *conversation_next_word(const struct conversation *c)
{
	uint8_t bit = known_bit(c, c->owner);

	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (c->owner && !(w->shown & bit))
			return w;
	}
	return NULL;
}

void conversation_show(struct conversation *c, struct word *w, struct stanza *sent, uint64_t handover)
{
	uint8_t bit = known_bit(c, c->owner);

	stanza_ref(sent);
	stanza_unref(w->sent);
	w->sent = sent;
	w->ways[bit_index(bit)] = handover;
	w->shown |= bit;
	w->late = true; /* whoever gets it after this one gets it later */
	c->talked = true;
}

void conversation_answered(struct conversation *c, struct list *answered)
{
	LIST_EACH_SAFE(it, tmp, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (!conversation_is_shown(c, w))
			continue;
		if (!conversation_has_arrived(c, w)) {
			w->answered = true;
			continue;
		}
		unlink_word(c, w);
		list_push_back(answered, &w->link);
	}
	c->due[DUE_ROBOT] = 0;
	c->tries = 0;
	memset(c->barred, 0, sizeof(c->barred));
}

struct word *conversation_came_back(struct conversation *c, const struct stanza *s, const struct agent *a)
{
	uint8_t bit = known_bit(c, a);
	struct span id = stanza_id(s);
	struct word *found = NULL;

	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (!(w->shown & bit))
			continue;
		if (w->sent == s || w->stanza == s) {
			found = w;
			break;
		}
		/* rewritten on its way */
		if (!found && !span_empty(id) && span_eq(id, stanza_id(w->stanza)))
			found = w;
	}
	if (found) {
		found->shown &= (uint8_t)~bit;
		found->arrived &= (uint8_t)~bit;
		found->answered = false;
		found->ways[bit_index(bit)] = 0;
	}
	return found;
}

/* The owner this way led to, as a bit; 0 = not this word's. */
static uint8_t end_way(struct word *w, uint64_t handover)
{
	for (unsigned i = 0; i < CONVERSATION_SEEN_MAX; i++)
		if (w->ways[i] == handover) {
			w->ways[i] = 0;
			return (uint8_t)(1u << i);
		}
	return 0;
}

void conversation_arrived(struct conversation *c, uint64_t handover, struct list *answered)
{
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);
		uint8_t bit = end_way(w, handover);

		if (!bit)
			continue;
		w->arrived |= bit;
		pledge_drop(&w->pledge);
		if (w->answered && conversation_has_arrived(c, w)) {
			unlink_word(c, w);
			list_push_back(answered, &w->link);
		}
		return;
	}
}

bool conversation_has_arrived(const struct conversation *c, const struct word *w)
{
	return (w->arrived & known_bit(c, c->owner)) != 0;
}

bool conversation_needs_words(const struct conversation *c)
{
	LIST_EACH(it, &c->words)
		if (!conversation_has_arrived(c, CONTAINER_OF(it, struct word, link)))
			return true;
	return false;
}

bool conversation_has_unsafe(const struct conversation *c)
{
	LIST_EACH(it, &c->words) {
		const struct word *w = CONTAINER_OF(it, struct word, link);

		if (!w->row && !w->storing && !conversation_has_arrived(c, w))
			return true;
	}
	return false;
}

struct word *conversation_find_word(const struct conversation *c, uint64_t number)
{
	LIST_EACH(it, &c->words) {
		struct word *w = CONTAINER_OF(it, struct word, link);

		if (w->number == number)
			return w;
	}
	return NULL;
}

void conversation_remove_word(struct conversation *c, struct word *w)
{
	unlink_word(c, w);
	word_free(w);
}

void conversation_mark_late(struct conversation *c)
{
	LIST_EACH(it, &c->words)
		CONTAINER_OF(it, struct word, link)->late = true;
}

uint64_t conversation_since_us(const struct conversation *c)
{
	return conversation_is_owed(c) ? CONTAINER_OF(c->words.next, struct word, link)->time_us : 0;
}

/* --- held stanzas and deadlines --- */

bool held_push(struct list *head, unsigned *count, unsigned max, struct packet *p)
{
	struct held_packet *h;

	if (*count >= max)
		return false;
	h = xmalloc(sizeof(*h));
	h->packet = packet_take(p);
	list_push_back(head, &h->link);
	++*count;
	return true;
}

bool held_pop(struct list *head, unsigned *count, struct packet *out)
{
	struct list *link = list_pop_front(head);
	struct held_packet *h;

	if (!link)
		return false;
	h = CONTAINER_OF(link, struct held_packet, link);
	*out = h->packet;
	free(h);
	--*count;
	return true;
}

uint64_t conversation_next_due(const struct conversation *c)
{
	uint64_t next = 0;

	for (size_t i = 0; i < DUE_COUNT; i++)
		if (c->due[i] && (!next || c->due[i] < next))
			next = c->due[i];
	return next;
}
