#include "tests/sim/rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ALL_KINDS(a, b, c, d) ((1u << (a)) | (1u << (b)) | (1u << (c)) | (1u << (d)))
#define LINE_KINDS ALL_KINDS(HISTORY_LOST, HISTORY_RESUME, HISTORY_LOGIN, HISTORY_CLOSE)

/* What became of one message: entries by index + 1, 0 = never. */
struct life {
	size_t sent, acked, close_acked, bounced, durable, held;
	size_t received; /* the first time, by whom it was for */
	unsigned resends;
};

struct view {
	const struct history *h;
	const struct rules_options *o;
	struct life *lives;
	struct rules_violation *out;
};

typedef bool rule_f(struct view *v);

static bool broken(struct view *v, const char *rule, const char *what, uint32_t message, const struct history_entry *e)
{
	*v->out = (struct rules_violation){ rule, what, message, e };
	return false;
}

static const struct history_entry *entry(const struct view *v, size_t place)
{
	return place ? &v->h->entries[place - 1] : NULL;
}

/* Is there an entry of these kinds, of this person, after place `from` and before `to`? */
static bool between(const struct view *v, size_t from, size_t to, uint32_t who, unsigned kinds)
{
	for (size_t i = from; i + 1 < to; i++)
		if (v->h->entries[i].who == who && kinds & 1u << v->h->entries[i].kind)
			return true;
	return false;
}

static bool crash_between(const struct view *v, size_t from, size_t to)
{
	return between(v, from, to, HISTORY_NONE, 1u << HISTORY_CRASH);
}

static bool is_for(const struct history *h, uint32_t message, uint32_t who)
{
	const struct history_message *m = &h->messages[message];

	if (m->to != HISTORY_NONE)
		return m->to == who;
	return h->persons[who].class == HISTORY_SEAT || h->persons[who].class == HISTORY_ROBOT;
}

/* --- the view --- */

static void note_first(size_t *place, size_t i)
{
	if (!*place)
		*place = i + 1;
}

static void note(struct view *v, size_t i)
{
	const struct history_entry *e = &v->h->entries[i];
	struct life *l;

	if (e->message == HISTORY_NONE)
		return;
	l = &v->lives[e->message];
	switch (e->kind) {
	case HISTORY_SEND: note_first(&l->sent, i); break;
	case HISTORY_RESEND: l->resends++; break;
	case HISTORY_ACK: note_first(&l->acked, i); break;
	case HISTORY_CLOSE_ACK: note_first(&l->close_acked, i); break;
	case HISTORY_BOUNCE: note_first(&l->bounced, i); break;
	case HISTORY_DURABLE: note_first(&l->durable, i); break;
	case HISTORY_HELD: note_first(&l->held, i); break;
	case HISTORY_RECEIVE:
		if (is_for(v->h, e->message, e->who))
			note_first(&l->received, i);
		break;
	default: break;
	}
}

/* --- what clients saw by themselves: stanzas that are none, h that cannot be, answers that never came --- */

static bool nothing_is_wrong(struct view *v)
{
	for (size_t i = 0; i < v->h->count; i++)
		if (v->h->entries[i].kind == HISTORY_WRONG)
			return broken(v, "protocol", v->h->entries[i].text, HISTORY_NONE, &v->h->entries[i]);
	return true;
}

/* --- I1 --- */

/* The place of the promise, 0 = none. That a stream was ended in good order says nothing about a later crash, and without
 * durability neither does h, but for what has been on the disk and stays there until its receiver acknowledges it (the desk's
 * rows go a while after an owner was shown them). */
static size_t promised(const struct view *v, uint32_t message)
{
	const struct life *l = &v->lives[message];

	if (l->acked && (v->o->durability || (l->durable && v->h->messages[message].to != HISTORY_NONE) || !crash_between(v, l->sent, v->h->count + 1)))
		return l->acked;
	/* Unless it may have been refused: the refusal of what somebody said who has gone is seen by nobody. */
	if (l->close_acked && !v->o->store_refuses && !crash_between(v, l->sent, v->h->count + 1) &&
	    v->h->persons[v->h->messages[message].sender].class <= HISTORY_VISITOR)
		return l->close_acked;
	return 0;
}

/* The line of somebody broke who did not acknowledge, or not yet: what was written to it is out of the server's hands once the
 * kernel has it. */
static bool may_be_lost(const struct view *v, uint32_t message)
{
	bool *was_lost = xcalloc(v->h->person_count + 1, sizeof(*was_lost)), may = false;

	for (size_t i = 0; i < v->h->count && !may; i++) {
		const struct history_entry *e = &v->h->entries[i];

		if (e->who == HISTORY_NONE || !(LINE_KINDS & 1u << e->kind) || !is_for(v->h, message, e->who))
			continue;
		/* The server may have written to a line that its client had given up before. */
		may = i >= v->lives[message].sent && was_lost[e->who];
		was_lost[e->who] = e->kind == HISTORY_LOST && !e->acknowledges;
		may |= i >= v->lives[message].sent && was_lost[e->who];
	}
	free(was_lost);
	return may;
}

static bool is_settled(const struct view *v, uint32_t message)
{
	const struct history_message *m = &v->h->messages[message];
	const struct life *l = &v->lives[message];

	/* The store is the end only for one who never comes back. */
	return l->received || l->bounced || (l->held && m->to != HISTORY_NONE && !v->h->persons[m->to].returns);
}

/* Without durability a message may be acknowledged, come back from a line that broke, and find the store full when its
 * sender has gone: nobody is there to be told. */
static bool may_be_refused_unseen(const struct view *v, uint32_t message)
{
	return v->o->store_refuses && !v->o->durability &&
	       between(v, v->lives[message].sent, v->h->count + 1, v->h->messages[message].sender,
		       1u << HISTORY_CLOSE | 1u << HISTORY_LOGIN);
}

static bool no_loss(struct view *v)
{
	for (uint32_t m = 0; m < v->h->message_count; m++)
		if (promised(v, m) && !is_settled(v, m) && !may_be_lost(v, m) && !may_be_refused_unseen(v, m))
			return broken(v, "I1 no loss", "acknowledged, but neither received nor returned", m, NULL);
	return true;
}

/* --- I2 --- */

static bool no_invention(struct view *v)
{
	for (size_t i = 0; i < v->h->count; i++) {
		const struct history_entry *e = &v->h->entries[i];

		if (e->kind != HISTORY_RECEIVE)
			continue;
		if (e->other != v->h->messages[e->message].sender)
			return broken(v, "I2 no invention", "received from somebody who did not send it", e->message, e);
		if (!is_for(v->h, e->message, e->who))
			return broken(v, "I2 no invention", "received by somebody it was not for", e->message, e);
		if (!v->lives[e->message].sent || v->lives[e->message].sent > i)
			return broken(v, "I2 no invention", "received before it was sent", e->message, e);
	}
	return true;
}

/* --- I3 --- */

static bool duplicates_only_at_resumption(struct view *v)
{
	size_t *last = xcalloc(v->h->message_count + 1, sizeof(*last));
	bool ok = true;

	for (uint32_t who = 0; who < v->h->person_count && ok; who++) {
		memset(last, 0, v->h->message_count * sizeof(*last));
		for (size_t i = 0; i < v->h->count && ok; i++) {
			const struct history_entry *e = &v->h->entries[i];

			if (e->kind != HISTORY_RECEIVE || e->who != who)
				continue;
			if (last[e->message] && entry(v, last[e->message])->number == e->number && !between(v, last[e->message], i + 1, who, LINE_KINDS) &&
			    !crash_between(v, last[e->message], i + 1) && !v->lives[e->message].resends)
				ok = broken(v, "I3 duplicates only at resumption", "received twice on one line", e->message, e);
			last[e->message] = i + 1;
		}
	}
	free(last);
	return ok;
}

/* --- I4 --- */

/* Per sender's session and address: the last message that was received for the first time, by whomever the desk chose if it was
 * for the desk (who takes over is shown again what another has had, in whatever order that came back). What goes to one client of a person needs
 * no presence and no store, so it keeps an order of its own. What was taken back from a session of the
 * receiver that ended may come late; so may what the desk gave to one whose line broke, for that is learnt late. After a
 * crash what was stored comes before what was not. */
struct order {
	uint32_t session, message;
};

static bool excuses_order(const struct view *v, uint32_t late, uint32_t who, size_t at)
{
	const struct life *l = &v->lives[late];

	for (size_t i = l->sent; v->h->messages[late].to == HISTORY_NONE && i < at; i++)
		if (v->h->entries[i].kind == HISTORY_LOST && is_for(v->h, late, v->h->entries[i].who))
			return true;
	return crash_between(v, l->sent, at) || between(v, l->sent, at, who, 1u << HISTORY_LOGIN | 1u << HISTORY_CLOSE);
}

static bool first_receipts_in_order(struct view *v)
{
	const struct history *h = v->h;
	struct order *orders = xcalloc(2 * (size_t)h->person_count * (h->person_count + 1) + 1, sizeof(*orders));
	bool ok = true;

	for (size_t i = 0; i < h->count && ok; i++) {
		const struct history_entry *e = &h->entries[i];
		const struct history_message *m;
		struct order *o;
		uint32_t session;

		if (e->kind != HISTORY_RECEIVE || v->lives[e->message].received != i + 1)
			continue;
		m = &h->messages[e->message];
		session = h->entries[v->lives[e->message].sent - 1].session;
		o = &orders[2 * ((size_t)(m->to == HISTORY_NONE ? h->person_count : m->to) * h->person_count + m->sender) +
			    m->to_full];
		if (o->session == session + 1 && h->messages[o->message].seq > m->seq &&
		    !excuses_order(v, e->message, e->who, i + 1))
			ok = broken(v, "I4 order", "received for the first time after a later one", e->message, e);
		if (o->session != session + 1 || h->messages[o->message].seq < m->seq)
			*o = (struct order){ session + 1, e->message };
	}
	free(orders);
	return ok;
}

/* --- I5 --- */

/* The last that happened to the receiver's line before this receipt was its end. */
static bool line_was_over(const struct view *v, size_t received)
{
	uint32_t who = entry(v, received)->who;

	for (size_t i = received - 1; i-- > 0;)
		if (v->h->entries[i].who == who && LINE_KINDS & 1u << v->h->entries[i].kind)
			return v->h->entries[i].kind == HISTORY_CLOSE || v->h->entries[i].kind == HISTORY_LOST;
	return false;
}

static bool bounced_or_delivered(struct view *v)
{
	for (uint32_t m = 0; m < v->h->message_count; m++) {
		const struct life *l = &v->lives[m];
		size_t first = l->received < l->bounced ? l->received : l->bounced, last = l->received + l->bounced - first;

		if (!l->received || !l->bounced || l->resends)
			continue;
		/* A receiver whose line broke before it could say that it had it; or that had ended its stream, and got it on
		 * the way out. */
		if (!line_was_over(v, l->received) &&
		    !crash_between(v, l->sent, last) && !between(v, l->sent, v->h->count, entry(v, l->received)->who, LINE_KINDS))
			return broken(v, "I5 bounce or deliver", "both received and returned", m, NULL);
	}
	return true;
}

/* --- I6 --- */

static bool h_is_sane(struct view *v)
{
	const struct history *h = v->h;
	struct h_seen {
		uint32_t session;
		uint64_t h;
	} *last = xcalloc(h->person_count + 1, sizeof(*last));
	bool ok = true;

	for (size_t i = 0; i < h->count && ok; i++) {
		const struct history_entry *e = &h->entries[i];

		if (e->kind != HISTORY_COUNT)
			continue;
		if (e->number > e->sent)
			ok = broken(v, "I6 h is sane", "more acknowledged than was sent", HISTORY_NONE, e);
		else if (last[e->who].session == e->session + 1 && e->number < last[e->who].h)
			ok = broken(v, "I6 h is sane", "h went back", HISTORY_NONE, e);
		last[e->who] = (struct h_seen){ e->session + 1, e->number };
	}
	free(last);
	return ok;
}

/* <resumed/> goes in front of what the session kept for its client: an error among that leaves in the same breath. */
static bool given_back_with_it(const struct view *v, size_t said)
{
	const struct history_entry *e = &v->h->entries[said];

	for (size_t i = said + 1; i < v->h->count && v->h->entries[i].at_us == e->at_us; i++)
		if (v->h->entries[i].kind == HISTORY_GIVEN_BACK && v->h->entries[i].message == e->message)
			return true;
	return false;
}

/* As the server itself did things (trace.h): what it says it answers for is on the disk, or somebody has said that they have it, or it is
 * in the hands of the kernel of one who never says so, or its sender has it back. */
static bool acknowledged_after_durable(struct view *v)
{
	const unsigned fates = ALL_KINDS(HISTORY_DURABLE, HISTORY_TAKEN, HISTORY_HANDED, HISTORY_GIVEN_BACK);
	bool *safe = xcalloc(v->h->message_count + 1, sizeof(*safe)), ok = true;

	for (size_t i = 0; v->o->durability && i < v->h->count && ok; i++) {
		const struct history_entry *e = &v->h->entries[i];

		if (e->message == HISTORY_NONE)
			continue;
		safe[e->message] |= (fates & 1u << e->kind) != 0;
		if (e->kind == HISTORY_SAID && !safe[e->message] && !given_back_with_it(v, i))
			ok = broken(v, "I6 durable first", "acknowledged while it was in memory only", e->message, e);
	}
	free(safe);
	return ok;
}

/* --- I8 --- */

/* From when on it could have been delivered: it was sent, and whom it is for is there. */
static uint64_t waits_since(const struct view *v, uint32_t message, size_t end)
{
	size_t since = v->lives[message].sent;
	uint32_t to = v->h->messages[message].to;

	for (size_t i = since; to != HISTORY_NONE && i < end; i++)
		if (v->h->entries[i].who == to && (v->h->entries[i].kind == HISTORY_LOGIN || v->h->entries[i].kind == HISTORY_RESUME))
			since = i + 1;
	return entry(v, since)->at_us;
}

static bool all_settles_in_time(struct view *v)
{
	uint64_t quiet_us = 0;

	for (size_t i = 0; i < v->h->count; i++)
		if (v->h->entries[i].kind == HISTORY_QUIET)
			quiet_us = v->h->entries[i].at_us;
	for (uint32_t m = 0; m < v->h->message_count; m++) {
		const struct life *l = &v->lives[m];
		size_t end = l->received && (!l->bounced || l->received < l->bounced) ? l->received : l->bounced;
		uint64_t from_us;

		if (!promised(v, m) || !end)
			continue; /* I1 has looked at those */
		if (v->h->messages[m].to == HISTORY_NONE && l->durable && l->durable < end)
			continue; /* it waited for a free seat, and its visitor was told */
		from_us = waits_since(v, m, end);
		if (from_us < quiet_us)
			from_us = quiet_us;
		if (entry(v, end)->at_us > from_us + v->o->settle_us)
			return broken(v, "I8 liveness", "settled too late", m, entry(v, end));
	}
	return true;
}

/* --- live chat, I7: notices tell the truth --- */

static size_t count(const struct view *v, size_t to, uint32_t who, unsigned kinds)
{
	size_t n = 0;

	for (size_t i = 0; i < to; i++)
		n += v->h->entries[i].who == who && kinds & 1u << v->h->entries[i].kind;
	return n;
}

/* Not more often than the visitor went; once more for each time the line of the one who is told broke, after which it may be
 * told again. A server that died has forgotten what it told. */
static bool notices_are_true(struct view *v)
{
	const unsigned going = 1u << HISTORY_LOST | 1u << HISTORY_CLOSE;

	for (size_t i = 0; i < v->h->count && v->h->entries[i].kind != HISTORY_CRASH; i++) {
		const struct history_entry *e = &v->h->entries[i];
		size_t told = 1, gone;

		if (e->kind != HISTORY_LEFT)
			continue;
		for (size_t k = 0; k < i; k++)
			told += v->h->entries[k].kind == HISTORY_LEFT && v->h->entries[k].who == e->who &&
				v->h->entries[k].other == e->other;
		gone = count(v, i, e->other, going);
		if (gone == 0)
			return broken(v, "live-chat I7", "told that a visitor has left who has not", HISTORY_NONE, e);
		if (told > gone + count(v, i, e->who, LINE_KINDS))
			return broken(v, "live-chat I7", "told more often than the visitor left", HISTORY_NONE, e);
	}
	return true;
}

#define REPLAY_US (5 * UINT64_C(1000000)) /* after a line broke old pushes come again */

/* What a seat has been told of one visitor, as far as that is known: nothing is after a crash or when its line broke, until it sees
 * anew that the visitor is there. */
struct told {
	uint64_t since_us; /* of this line */
	bool known, gone;
	unsigned times;                  /* since the visitor was there */
	const struct history_entry *last; /* notice of a leaving, on the present line */
};

static bool note_told(struct view *v, struct told *t, const struct history_entry *e)
{
	const struct history_entry *last = t->last;

	switch (e->kind) {
	case HISTORY_LEFT:
		if (last && last->number == e->number)
			return broken(v, "live-chat I7", "told twice of one leaving", HISTORY_NONE, e);
		t->times++;
		t->last = e;
		return true;
	case HISTORY_SHOWN_GONE:
		t->gone = true;
		return true;
	case HISTORY_SHOWN_HERE:
	case HISTORY_SHOWN_NOT:
		if (t->known && t->gone && t->times == 0)
			return broken(v, "live-chat I7", "a visitor had left, and its seat was not told", HISTORY_NONE, e);
		t->known = e->kind == HISTORY_SHOWN_HERE && e->at_us > t->since_us + REPLAY_US;
		t->gone = false;
		t->times = 0;
		return true;
	default:
		return true;
	}
}

static void forget_told(struct told *t, size_t n, uint64_t now_us)
{
	for (size_t i = 0; i < n; i++)
		t[i] = (struct told){ .since_us = now_us };
}

/* Each leaving is told to the seat once: that its roster shows who has left says that it was to be told. */
static bool leavings_are_told_once(struct view *v)
{
	const struct history *h = v->h;
	struct told *all = xcalloc((size_t)h->person_count * h->person_count + 1, sizeof(*all));
	const unsigned shown = ALL_KINDS(HISTORY_LEFT, HISTORY_SHOWN_HERE, HISTORY_SHOWN_GONE, HISTORY_SHOWN_NOT);
	bool ok = true;

	for (size_t i = 0; i < h->count && ok; i++) {
		const struct history_entry *e = &h->entries[i];

		if (e->kind == HISTORY_CRASH)
			forget_told(all, (size_t)h->person_count * h->person_count, e->at_us);
		else if (e->who == HISTORY_NONE || h->persons[e->who].class != HISTORY_SEAT)
			continue;
		else if (LINE_KINDS & 1u << e->kind)
			forget_told(&all[(size_t)e->who * h->person_count], h->person_count, e->at_us);
		else if (shown & 1u << e->kind && e->other != HISTORY_NONE)
			ok = note_told(v, &all[(size_t)e->who * h->person_count + e->other], e);
	}
	for (size_t i = 0; ok && i < (size_t)h->person_count * h->person_count; i++)
		if (all[i].known && all[i].gone && all[i].times == 0)
			ok = broken(v, "live-chat I7", "a visitor had left, and its seat was never told", HISTORY_NONE, &h->entries[h->count - 1]);
	free(all);
	return ok;
}

/* The order is that of a reader: what clients saw at once first, then the promises. */
static rule_f *const rules[] = {
	nothing_is_wrong, no_invention, no_loss, duplicates_only_at_resumption, first_receipts_in_order, bounced_or_delivered,
	h_is_sane, acknowledged_after_durable, all_settles_in_time, notices_are_true,
	leavings_are_told_once,
};

bool rules_check(const struct history *h, const struct rules_options *o, struct rules_violation *out)
{
	struct view v = { h, o, xcalloc(h->message_count + 1, sizeof(struct life)), out };
	bool ok = true;

	for (size_t i = 0; i < h->count; i++)
		note(&v, i);
	for (size_t i = 0; i < ARRAY_LEN(rules) && ok; i++)
		ok = rules[i](&v);
	free(v.lives);
	return ok;
}

void rules_print(FILE *to, const struct history *h, const struct rules_violation *v)
{
	fprintf(to, "%s: %s\n", v->rule, v->what);
	if (v->entry) {
		fputs("here:\n", to);
		history_print_entry(to, h, v->entry);
	}
	if (v->message == HISTORY_NONE)
		return;
	fputs("its life:\n", to);
	history_print_life(to, h, v->message);
}
