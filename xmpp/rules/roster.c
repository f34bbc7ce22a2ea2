#include "xmpp/rules/roster.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "xmpp/ns.h"

/* --- the subscription tables --- */

#define N ROSTER_NONE
#define NO ROSTER_NONE_OUT
#define NI ROSTER_NONE_IN
#define NOI ROSTER_NONE_OUT_IN
#define T ROSTER_TO
#define TI ROSTER_TO_IN
#define F ROSTER_FROM
#define FO ROSTER_FROM_OUT
#define B ROSTER_BOTH
#define PASS(next) { next, true, false }
#define STOP(next) { next, false, false }
#define SAY(next) { next, false, true }

/* Columns in the order of enum roster_state: none, none+out, none+in, none+out+in, to, to+in, from, from+out, both. */
static const struct roster_step outbound[ROSTER_VERBS][ROSTER_STATES] = {
	[ROSTER_SUBSCRIBE] =
		{ PASS(NO), PASS(NO), PASS(NOI), PASS(NOI), PASS(T), PASS(TI), PASS(FO), PASS(FO), PASS(B) },
	[ROSTER_SUBSCRIBED] = { STOP(N), STOP(NO), PASS(F), PASS(FO), STOP(T), PASS(B), STOP(F), STOP(FO), STOP(B) },
	[ROSTER_UNSUBSCRIBE] = { PASS(N), PASS(N), PASS(NI), PASS(NI), PASS(N), PASS(NI), PASS(F), PASS(F), PASS(F) },
	[ROSTER_UNSUBSCRIBED] = { STOP(N), STOP(NO), PASS(N), PASS(NO), STOP(T), PASS(T), PASS(N), PASS(NO), PASS(T) },
};
static const struct roster_step inbound[ROSTER_VERBS][ROSTER_STATES] = {
	[ROSTER_SUBSCRIBE] = { PASS(NI), PASS(NOI), STOP(NI), STOP(NOI), PASS(TI), STOP(TI), SAY(F), SAY(FO), SAY(B) },
	[ROSTER_SUBSCRIBED] = { STOP(N), PASS(T), STOP(NI), PASS(TI), STOP(T), STOP(TI), STOP(F), PASS(B), STOP(B) },
	[ROSTER_UNSUBSCRIBE] = { STOP(N), STOP(NO), PASS(N), PASS(NO), STOP(T), PASS(T), PASS(N), PASS(NO), PASS(T) },
	[ROSTER_UNSUBSCRIBED] = { STOP(N), PASS(N), STOP(NI), PASS(NI), PASS(N), PASS(NI), STOP(F), PASS(F), PASS(F) },
};

struct roster_step roster_outbound(enum roster_state s, enum roster_verb v)
{
	ASSERT(s < ROSTER_STATES && v < ROSTER_VERBS);
	return outbound[v][s];
}

struct roster_step roster_inbound(enum roster_state s, enum roster_verb v)
{
	ASSERT(s < ROSTER_STATES && v < ROSTER_VERBS);
	return inbound[v][s];
}

static const enum stanza_type verb_types[ROSTER_VERBS] = {
	[ROSTER_SUBSCRIBE] = STANZA_TYPE_SUBSCRIBE,
	[ROSTER_SUBSCRIBED] = STANZA_TYPE_SUBSCRIBED,
	[ROSTER_UNSUBSCRIBE] = STANZA_TYPE_UNSUBSCRIBE,
	[ROSTER_UNSUBSCRIBED] = STANZA_TYPE_UNSUBSCRIBED,
};

bool roster_verb_of(enum stanza_type type, enum roster_verb *out)
{
	for (unsigned v = 0; v < ROSTER_VERBS; v++) {
		if (verb_types[v] != type)
			continue;
		*out = (enum roster_verb)v;
		return true;
	}
	return false;
}

enum stanza_type roster_verb_type(enum roster_verb v)
{
	ASSERT(v < ROSTER_VERBS);
	return verb_types[v];
}

bool roster_shows(enum roster_state s)
{
	return s == F || s == FO || s == B;
}

bool roster_sees(enum roster_state s)
{
	return s == T || s == TI || s == B;
}

bool roster_asks(enum roster_state s)
{
	return s == NO || s == NOI || s == FO;
}

bool roster_is_asked(enum roster_state s)
{
	return s == NI || s == NOI || s == TI;
}

const char *roster_state_text(enum roster_state s)
{
	if (roster_shows(s))
		return s == B ? "both" : "from";
	return roster_sees(s) ? "to" : "none";
}

#undef N
#undef NO
#undef NI
#undef NOI
#undef T
#undef TI
#undef F
#undef FO
#undef B

/* --- items --- */

struct roster_item *roster_item_new(struct jid *jid)
{
	struct roster_item *i = xcalloc(1, sizeof(*i));

	i->jid = jid_to_bare(jid);
	return i;
}

static void undescribe(struct roster_item *i)
{
	for (unsigned k = 0; k < i->group_count; k++)
		free(i->groups[k]);
	free(i->groups);
	free(i->name);
	i->groups = NULL;
	i->group_count = 0;
	i->name = NULL;
}

void roster_item_free(struct roster_item *i)
{
	if (!i)
		return;
	undescribe(i);
	jid_unref(i->jid);
	free(i->request);
	free(i);
}

static void add_group(struct roster_item *i, struct span text)
{
	i->groups = xrealloc(i->groups, (i->group_count + 1) * sizeof(*i->groups));
	i->groups[i->group_count++] = xstrndup(text.p, text.n);
}

void roster_item_describe(struct roster_item *i, const struct roster_item *from)
{
	undescribe(i);
	if (from->name)
		i->name = xstrdup(from->name);
	for (unsigned k = 0; k < from->group_count; k++)
		add_group(i, span_of(from->groups[k]));
}

/* --- store: format byte, state, listed, number of groups; then name, request and groups, each ended by a NUL --- */

#define SAVED_FORMAT 'a'
#define SAVED_HEAD 4

void roster_item_save(const struct roster_item *i, struct buf *out)
{
	char head[SAVED_HEAD] = { SAVED_FORMAT, (char)('0' + i->state), i->listed ? '1' : '0',
				  (char)('A' + i->group_count) };

	buf_add(out, head, sizeof(head));
	buf_add(out, i->name ? i->name : "", i->name ? strlen(i->name) + 1 : 1);
	buf_add(out, i->request ? i->request : "", i->request ? strlen(i->request) + 1 : 1);
	for (unsigned k = 0; k < i->group_count; k++)
		buf_add(out, i->groups[k], strlen(i->groups[k]) + 1);
}

static bool take_text(struct span *rest, struct span *out)
{
	const char *end = memchr(rest->p, 0, rest->n);

	if (!end)
		return false;
	*out = (struct span){ rest->p, (size_t)(end - rest->p) };
	*rest = (struct span){ end + 1, rest->n - out->n - 1 };
	return true;
}

static bool load_fields(struct roster_item *i, struct span saved)
{
	struct span rest = { saved.p + SAVED_HEAD, saved.n - SAVED_HEAD }, text;
	unsigned groups = (unsigned char)saved.p[3] - 'A';

	if ((unsigned char)saved.p[1] - '0' >= ROSTER_STATES || groups > ROSTER_GROUPS_MAX)
		return false;
	i->state = (enum roster_state)(saved.p[1] - '0');
	i->listed = saved.p[2] == '1';
	if (!take_text(&rest, &text))
		return false;
	if (text.n)
		i->name = xstrndup(text.p, text.n);
	if (!take_text(&rest, &text))
		return false;
	if (text.n)
		i->request = xstrndup(text.p, text.n);
	for (; groups > 0; groups--) {
		if (!take_text(&rest, &text))
			return false;
		add_group(i, text);
	}
	return rest.n == 0;
}

struct roster_item *roster_item_load(struct span contact, struct span saved)
{
	struct jid *jid;
	struct roster_item *i;

	if (saved.n < SAVED_HEAD || saved.p[0] != SAVED_FORMAT || !(jid = jid_parse(contact)))
		return NULL;
	i = roster_item_new(jid);
	jid_unref(jid);
	if (load_fields(i, saved))
		return i;
	roster_item_free(i);
	return NULL;
}

void roster_item_peek(struct span saved, enum roster_state *state, bool *listed)
{
	ASSERT(saved.n >= SAVED_HEAD);
	*state = (enum roster_state)(saved.p[1] - '0');
	*listed = saved.p[2] == '1';
}

/* --- version --- */

static void digest_text(EVP_MD_CTX *md, const char *text)
{
	ASSERT(EVP_DigestUpdate(md, text, strlen(text) + 1) == 1); /* with its end, so that no two sequences look alike */
}

void roster_version_add(struct roster_version *v, const struct roster_item *i)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];

	ASSERT(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
	digest_text(md, i->jid->text);
	digest_text(md, roster_state_text(i->state));
	digest_text(md, roster_asks(i->state) ? "asks" : "");
	digest_text(md, i->name ? i->name : "");
	for (unsigned k = 0; k < i->group_count; k++)
		digest_text(md, i->groups[k]);
	ASSERT(EVP_DigestFinal_ex(md, digest, NULL) == 1);
	EVP_MD_CTX_free(md);
	for (unsigned k = 0; k < ROSTER_VERSION_BYTES; k++)
		v->digest[k] ^= digest[k];
}

void roster_version_text(const struct roster_version *v, char out[2 * ROSTER_VERSION_BYTES + 1])
{
	for (unsigned k = 0; k < ROSTER_VERSION_BYTES; k++)
		(void)snprintf(out + 2 * k, 3, "%02x", v->digest[k]);
}

/* --- XML --- */

/* RFC 6121 2.3.3: a group named twice is a bad request, an empty or over-long one not acceptable. */
static enum stanza_error read_groups(const struct stanza *s, stanza_el item, struct roster_item *i)
{
	for (stanza_el el = stanza_first(s, item); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		struct span text;

		if (!stanza_el_is(s, el, "group", NS_ROSTER))
			continue;
		text = stanza_text(s, el);
		if (text.n == 0 || text.n > JID_PART_MAX || i->group_count == ROSTER_GROUPS_MAX)
			return STANZA_ERROR_NOT_ACCEPTABLE;
		for (unsigned k = 0; k < i->group_count; k++)
			if (span_is(text, i->groups[k]))
				return STANZA_ERROR_BAD_REQUEST;
		add_group(i, text);
	}
	return STANZA_ERROR_NONE;
}

enum stanza_error roster_item_read(const struct stanza *s, stanza_el el, struct roster_item **out, bool *remove)
{
	struct span text = stanza_attr(s, el, "jid"), name = stanza_attr(s, el, "name");
	struct jid *jid = text.p ? jid_parse(text) : NULL;
	enum stanza_error error;

	*out = NULL;
	*remove = span_is(stanza_attr(s, el, "subscription"), "remove");
	if (!jid)
		return STANZA_ERROR_BAD_REQUEST;
	*out = roster_item_new(jid);
	(*out)->listed = true;
	jid_unref(jid);
	if (*remove)
		return STANZA_ERROR_NONE;
	error = name.n > JID_PART_MAX ? STANZA_ERROR_NOT_ACCEPTABLE : read_groups(s, el, *out);
	if (error != STANZA_ERROR_NONE) {
		roster_item_free(*out);
		*out = NULL;
		return error;
	}
	if (name.n)
		(*out)->name = xstrndup(name.p, name.n);
	return STANZA_ERROR_NONE;
}

void roster_item_write(struct builder *b, const struct roster_item *i)
{
	builder_open(b, "item", NS_ROSTER);
	builder_attr(b, "jid", jid_full(i->jid));
	builder_attr_text(b, "name", i->name);
	builder_attr_text(b, "subscription", roster_state_text(i->state));
	if (roster_asks(i->state))
		builder_attr_text(b, "ask", "subscribe");
	for (unsigned k = 0; k < i->group_count; k++)
		builder_leaf(b, "group", NULL, span_of(i->groups[k]));
	builder_close(b);
}

void roster_item_write_removed(struct builder *b, const struct jid *jid)
{
	builder_open(b, "item", NS_ROSTER);
	builder_attr(b, "jid", jid_full(jid));
	builder_attr_text(b, "subscription", "remove");
	builder_close(b);
}
