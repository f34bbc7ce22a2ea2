/* What is known of a session with stream management after the server died: whose it was and its h, in the record SM_STATE
 * under its id. So <failed h='…'/> tells the client which of its stanzas it need not send again (XEP-0198 5). Written
 * behind the acknowledgements, not before them: a client that was told more knows more. What the session's queue held is in
 * the store anyway (decision 0005). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/edge/login.h"
#include "actors/edge/sm.h"
#include "actors/store.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

static bool is_kept(const struct stream *s)
{
	return s->sm->id[0] && config_durability(s->edge->conf, jid_domain(s->full)) != CONFIG_DURABILITY_D0;
}

static struct store_request *request(enum store_op op, struct span id, const struct msg_kind *reply)
{
	return store_request_new(op, STORE_SM_STATE, id, SPAN_NONE, reply);
}

void sm_state_later(struct stream *s)
{
	struct sm *m = s->sm;

	if (m->note_by_ms || m->noted == m->in.handled || !is_kept(s))
		return;
	m->note_by_ms = actor_now_ms() + (uint64_t)s->edge->conf->durability_delay;
	stream_rearm(s);
}

/* What was answered with an error is not safe while its client has yet to say that it has the error, which is kept nowhere: an
 * earlier record, or none, says less, and the stanza is sent again. */
void sm_state_write(struct stream *s)
{
	struct sm *m = s->sm;
	struct store_request *r;

	m->note_by_ms = 0;
	if (sm_owes_errors(m))
		return;
	r = request(STORE_OP_PUT, span_of(m->id), NULL);
	m->noted = m->in.handled;
	m->recorded = true;
	buf_addf(&r->value, "%" PRIu64 " %" PRIu32 " %.*s", outside_wall_us() / 1000000, (uint32_t)m->in.handled,
		 SPAN_FMT(jid_bare(s->full)));
	r->relaxed = true;
	metric_inc(METRIC_sm_recorded);
	actor_send(s->edge->server->store, &r);
}

static void forget(struct edge *e, struct span id)
{
	struct store_request *r = request(STORE_OP_DELETE, id, NULL);

	r->relaxed = true;
	actor_send(e->server->store, &r);
}

struct sm_lost {
	char id[SM_ID_MAX];
};

/* Its client may ask for it yet; the one that was lost longest ago gives way. */
static void keep(struct edge *e, const char *id)
{
	uint64_t most = (uint64_t)e->conf->sm_remembered;
	struct sm_lost *place;

	if (most == 0) {
		forget(e, span_of(id));
		return;
	}
	if (!e->lost)
		e->lost = xcalloc(most, sizeof(*e->lost));
	place = &e->lost[e->lost_count++ % most];
	if (place->id[0])
		forget(e, span_of(place->id));
	memcpy(place->id, id, sizeof(place->id));
}

void sm_state_end(struct stream *s)
{
	struct sm *m = s->sm;
	bool lost = s->reason == CLOSE_SOCKET_LOST || s->reason == CLOSE_INACTIVITY;

	if (s->edge->stopping && is_kept(s))
		sm_state_write(s); /* its client will ask the next server */
	else if (m->recorded && lost && !sm_owes_errors(m))
		keep(s->edge, m->id);
	else if (m->recorded)
		forget(s->edge, span_of(m->id));
}

/* --- asking --- */

void sm_state_ask(struct stream *s, struct span previd)
{
	struct store_request *r = request(STORE_OP_GET, previd, &edge_stored_kind);

	r->note[0] = s->slot;
	r->note[1] = s->gen;
	stream_pause(s, STREAM_PAUSE_ANSWER);
	actor_send(s->edge->server->store, &r);
}

bool sm_state_read(struct span text, uint64_t *written_s, uint32_t *h, struct span *bare)
{
	char copy[64], *number, *end;
	size_t n = text.n < sizeof(copy) - 1 ? text.n : sizeof(copy) - 1;

	memcpy(copy, text.p, n);
	copy[n] = '\0';
	*written_s = strtoull(copy, &end, 10);
	if (end == copy || *end != ' ')
		return false;
	number = end + 1;
	*h = (uint32_t)strtoul(number, &end, 10);
	if (end == number || *end != ' ')
		return false;
	end++;
	*bare = (struct span){ text.p + (end - copy), text.n - (size_t)(end - copy) };
	return bare->n > 0;
}

void sm_state_answer(struct edge *e, struct store_request *r)
{
	struct stream *s = edge_find(e, (uint32_t)r->note[0], (uint32_t)r->note[1]);
	struct sm_grave grave = { 0 };
	uint64_t written_s;
	struct span bare;
	bool known, settling = s && s->phase == STREAM_SETTLING;

	if (!s || (s->phase != STREAM_UNBOUND && !settling))
		return; /* its client did not wait */
	known = r->status == STATUS_OK && sm_state_read(buf_span(&r->value), &written_s, &grave.h, &bare) &&
		span_eq(bare, jid_bare(s->login->user));
	sm_refuse(s, STANZA_ERROR_ITEM_NOT_FOUND, known ? &grave : NULL);
	if (!settling) /* else the login goes on, and answers */
		stream_resume(s, STREAM_PAUSE_ANSWER);
}
