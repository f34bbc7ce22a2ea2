#include "xmpp/rules/carbon.h"

#include "xmpp/ns.h"

enum says { NOTHING, COPY, KEEP_APART };

/* What one child says of its message; KEEP_APART outweighs. */
static const struct {
	const char *name; /* NULL = any */
	const char *ns;
	enum says says;
} children[] = {
	{ "private", NS_CARBONS, KEEP_APART },
	{ "sent", NS_CARBONS, KEEP_APART },
	{ "received", NS_CARBONS, KEEP_APART },
	{ "no-copy", NS_HINTS, KEEP_APART },
	{ NULL, NS_RECEIPTS, COPY },
	{ NULL, NS_CHATSTATES, COPY },
	{ NULL, NS_MARKERS, COPY },
	{ "x", NS_CONFERENCE, COPY },
};

/* A room's words: invitations are copied, private messages of its occupants are not, for the room tells every client
 * itself; to an occupant they are like any other. */
static enum says from_a_room(const struct stanza *s, stanza_el x, enum carbon_direction direction)
{
	if (stanza_child(s, x, "invite", NS_MUC_USER) != STANZA_NO_EL)
		return COPY;
	return direction == CARBON_RECEIVED ? KEEP_APART : NOTHING;
}

static enum says says(const struct stanza *s, stanza_el el, enum carbon_direction direction)
{
	if (stanza_el_is(s, el, "x", NS_MUC_USER))
		return from_a_room(s, el, direction);
	for (size_t i = 0; i < ARRAY_LEN(children); i++)
		if (stanza_el_is(s, el, children[i].name, children[i].ns))
			return children[i].says;
	return NOTHING;
}

bool carbon_is_eligible(const struct stanza *message, enum carbon_direction direction)
{
	enum stanza_type type = stanza_type(message);
	bool copy = type == STANZA_TYPE_CHAT;

	if (type == STANZA_TYPE_GROUPCHAT)
		return false;
	if (type != STANZA_TYPE_HEADLINE)
		copy = copy || stanza_has_body(message);
	for (stanza_el el = stanza_first(message, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(message, el)) {
		enum says s = says(message, el, direction);

		if (s == KEEP_APART)
			return false;
		copy = copy || s == COPY;
	}
	return copy;
}
