/* XEP-0012, last activity: of the server, since when it runs; of an account, when it was last there; of a client, what it says
 * itself. Only those who may see an account's presence are told of it or reach its clients with the question; all others, and
 * those who ask for an account that does not exist, get the same `forbidden`. Visitors are noted by nobody. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/session/contacts.h"
#include "actors/session/last_seen.h"
#include "actors/session/privacy.h"
#include "actors/store.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

static enum xep_verdict answer(struct passage *p, uint64_t since_us, struct span status)
{
	uint64_t now_us = outside_wall_us();
	struct builder *b = passage_open_result(p);
	char seconds[24];

	(void)snprintf(seconds, sizeof(seconds), "%" PRIu64, now_us > since_us ? (now_us - since_us) / 1000000 : 0);
	builder_open(b, "query", NS_LAST);
	builder_attr_text(b, "seconds", seconds);
	if (status.n)
		builder_text(b, status);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict answer_server(struct passage *p)
{
	return answer(p, p->server->started_wall_us, SPAN_NONE);
}

static bool is_there(const struct passage *p)
{
	return user_resources(p->users, p->user) != DELIVERY_NOBODY;
}

/* --- who may ask --- */

/* False: *v says what to do. */
static bool may_see(struct passage *p, enum xep_verdict *v)
{
	if (p->user->class == CLASS_VISITOR) {
		*v = passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
		return false;
	}
	*v = XEP_WAIT;
	if (jid_eq_bare(p->packet.from, p->user->bare))
		return true;
	if (!passage_knows_roster(p))
		return false;
	if (p->user->roster == FACT_YES && roster_shows(contacts_state(p->user, p->packet.from)) &&
	    privacy_shows(p, p->session, p->packet.from))
		return true;
	*v = passage_refuse(p, p->user->roster == FACT_LOST ? STANZA_ERROR_RESOURCE_CONSTRAINT : STANZA_ERROR_FORBIDDEN, NULL);
	return false;
}

static bool is_kept(const struct passage *p)
{
	return p->server->conf->db_write_online_status;
}

/* Asked by the account itself, or by somebody else. */
static enum xep_verdict answer_account(struct passage *p)
{
	const struct store_request *r;
	struct span status;
	uint64_t when_us;
	enum xep_verdict v;

	if (!may_see(p, &v))
		return v;
	if (is_there(p))
		return answer(p, UINT64_MAX, SPAN_NONE);
	if (last_seen_find(p->users->last_seen, p->user->bare, &when_us, &status))
		return answer(p, when_us, status);
	if (is_kept(p)) {
		r = passage_read(p, STORE_OP_GET, STORE_LAST_SEEN, jid_bare(p->user->bare), SPAN_NONE);
		if (!r)
			return XEP_WAIT;
		if (r->status == STATUS_OK && last_seen_load(buf_span(&r->value), &when_us, &status))
			return answer(p, when_us, status);
	}
	return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, "Not seen since the server started");
}

/* To one of the account's clients (XEP-0012 4). What a seat asks a visitor's page comes from the desk, which knows both. */
static enum xep_verdict handle(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	enum xep_verdict v;

	if (!passage_is(p, INBOUND, STANZA_IQ) || stanza_type(s) != STANZA_TYPE_GET || jid_is_bare(p->packet.to) ||
	    stanza_child(s, STANZA_TOP, "query", NS_LAST) == STANZA_NO_EL)
		return XEP_PASS;
	if (p->user->class == CLASS_VISITOR && (p->packet.flags & PACKET_FROM_DESK))
		return XEP_PASS;
	return may_see(p, &v) ? XEP_PASS : v;
}

/* --- noting ---
 *
 * A client whose active list hides it from somebody was never there for him: that it goes is noted for nobody, and the account was last
 * there when the last one went that hid from none. (Whom the default list denies presence may not ask.) */

static void note(struct passage *p, struct span status)
{
	uint64_t now_us = outside_wall_us();
	struct store_request *r;

	if (p->user->is_removed)
		return;
	last_seen_note(p->users->last_seen, p->user->bare, now_us, status);
	if (!is_kept(p))
		return;
	r = store_request_new(STORE_OP_PUT, STORE_LAST_SEEN, jid_bare(p->user->bare), SPAN_NONE, NULL);
	last_seen_save(&r->value, now_us, status);
	r->relaxed = true;
	outbox_store(p->out, p->server, NULL, r);
}

static enum xep_verdict tap(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;

	if (passage_is(p, OUTBOUND, STANZA_PRESENCE) && !p->packet.to && stanza_type(s) == STANZA_TYPE_UNAVAILABLE &&
	    p->session && !privacy_hides(p->session) && p->user->class != CLASS_VISITOR && !is_there(p))
		note(p, stanza_child_text(s, "status", NULL));
	return XEP_PASS;
}

/* One that had said good-bye before is noted already. */
static void closed(struct passage *p, enum close_reason reason UNUSED)
{
	if (p->user->class != CLASS_VISITOR && session_is_available(p->users, p->session) && !privacy_hides(p->session) && !is_there(p))
		note(p, SPAN_NONE);
}

static const char *const features[] = { NS_LAST, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_LAST, TARGET_BIT(TARGET_SERVER), answer_server },
	{ STANZA_TYPE_GET, "query", NS_LAST, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), answer_account },
};
const struct xep xep_last = {
	.plugin = CONFIG_PLUGIN_last,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.handle = handle,
	.handle_on = XEP_IN(STANZA_IQ),
	.tap = tap,
	.tap_on = XEP_OUT(STANZA_PRESENCE),
	.closed = closed,
};
