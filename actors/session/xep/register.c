/* XEP-0077 with a session: what is registered, a new password, an account that its owner gives up. Making one comes before login
 * and is the edge's (actors/edge/register.c).
 *
 * A session is all that is asked for, so it can do no more than its owner would: nobody but the own account, no password over a
 * line that others can read, and seats, robots and administrators, whom the operator appoints, stay. Each request costs a slow
 * hash, so an account has one at a time and none soon after. */
#include "actors/session/pipeline.h"
#include "xmpp/ns.h"

static bool logs_in_with_cookie(const struct passage *p)
{
	return p->user->class == CLASS_SEAT && p->server->conf->desk_seat_auth == CONFIG_SEAT_AUTH_COOKIE;
}

/* A client of this server whose account has a password of its own; false: it was refused. */
static bool owns_account(struct passage *p)
{
	const struct jid *to = p->packet.to;

	if (p->user && p->direction == OUTBOUND && p->user->class != CLASS_VISITOR && !logs_in_with_cookie(p) &&
	    (!to || span_eq(jid_domain(to), jid_domain(p->user->bare))))
		return true;
	passage_refuse(p, STANZA_ERROR_NOT_ALLOWED, NULL);
	return false;
}

static enum xep_verdict answer_get(struct passage *p)
{
	struct builder *b;

	if (!owns_account(p))
		return XEP_REFUSED;
	b = passage_open_result(p);
	builder_open(b, "query", NS_REGISTER);
	builder_leaf(b, "registered", NULL, SPAN_NONE);
	builder_leaf(b, "username", NULL, jid_local(p->user->bare));
	builder_leaf(b, "password", NULL, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static bool is_appointed(const struct passage *p)
{
	const struct config_list *admins = &p->server->conf->admins;

	for (size_t i = 0; i < admins->count; i++)
		if (jid_matches_glob(p->user->bare, admins->items[i]))
			return true;
	return p->user->class != CLASS_USER;
}

/* The password must not come back in an error. */
static enum xep_verdict refuse(struct passage *p, enum stanza_error condition, const char *text)
{
	struct stanza *head = stanza_head(p->builder, p->packet.stanza);

	stanza_unref(p->packet.stanza);
	p->packet.stanza = head;
	return passage_refuse(p, condition, text);
}

static bool is_too_soon(struct passage *p)
{
	uint64_t now = actor_now_ms();

	if (p->user->account_busy || now < p->user->account_by_ms)
		return true;
	p->user->account_by_ms = now + (uint64_t)p->server->conf->register_interval * 1000;
	return false;
}

static enum xep_verdict give_up(struct passage *p, stanza_el query)
{
	const struct config_vhost *host = config_vhost(p->server->conf, jid_domain(p->user->bare));
	stanza_el first = stanza_first(p->packet.stanza, query);

	if (stanza_next(p->packet.stanza, first) != STANZA_NO_EL)
		return refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	if (!host || !host->registration || is_appointed(p))
		return refuse(p, STANZA_ERROR_NOT_ALLOWED, "This account is removed by the operator alone.");
	if (is_too_soon(p))
		return refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	return passage_account(p, ACCOUNT_REMOVE, SPAN_NONE);
}

/* Absent: the own one. */
static bool names_itself(const struct passage *p, stanza_el query)
{
	stanza_el name = stanza_child(p->packet.stanza, query, "username", NS_REGISTER);
	struct jid *user;
	bool own;

	if (name == STANZA_NO_EL)
		return true;
	user = jid_make(stanza_text(p->packet.stanza, name), jid_domain(p->user->bare), SPAN_NONE);
	own = user && jid_eq_bare(user, p->user->bare);
	jid_unref(user);
	return own;
}

static enum xep_verdict change(struct passage *p, stanza_el query)
{
	stanza_el word = stanza_child(p->packet.stanza, query, "password", NS_REGISTER);

	if (!names_itself(p, query))
		return refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	if (word == STANZA_NO_EL || span_empty(stanza_text(p->packet.stanza, word)))
		return refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
	if (!p->session || !p->session->is_confidential)
		return refuse(p, STANZA_ERROR_NOT_AUTHORIZED, "A password needs an encrypted connection.");
	if (is_too_soon(p))
		return refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, "Try again in a moment.");
	return passage_account(p, ACCOUNT_CHANGE, stanza_text(p->packet.stanza, word));
}

static enum xep_verdict answer_set(struct passage *p)
{
	stanza_el query = stanza_first(p->packet.stanza, STANZA_TOP);

	if (!owns_account(p))
		return XEP_REFUSED;
	if (stanza_child(p->packet.stanza, query, "remove", NS_REGISTER) != STANZA_NO_EL)
		return give_up(p, query);
	return change(p, query);
}

static void accounted(struct passage *p, const struct account_request *r)
{
	switch (r->status) {
	case STATUS_OK: passage_result(p); break;
	case STATUS_INVALID: refuse(p, STANZA_ERROR_NOT_ACCEPTABLE, "This password cannot be used."); break;
	case STATUS_NOT_FOUND: refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL); break;
	default: refuse(p, STANZA_ERROR_INTERNAL_SERVER_ERROR, NULL); break;
	}
}

static const char *const features[] = { NS_REGISTER, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "query", NS_REGISTER, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer_get },
	{ STANZA_TYPE_SET, "query", NS_REGISTER, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_SERVER), answer_set },
};
const struct xep xep_register = {
	.plugin = CONFIG_PLUGIN_register,
	.features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.accounted = accounted,
};
