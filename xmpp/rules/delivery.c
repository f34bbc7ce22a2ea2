#include "xmpp/rules/delivery.h"

#include "xmpp/ns.h"

/* What is the same for the rules: the rows of the table. */
enum class {
	MESSAGE_NORMAL, MESSAGE_CHAT, MESSAGE_GROUPCHAT, MESSAGE_HEADLINE, MESSAGE_ERROR,
	PRESENCE_STATE,        /* available, unavailable */
	PRESENCE_SUBSCRIPTION, /* and probes */
	PRESENCE_ERROR,
	IQ_REQUEST, IQ_ANSWER,
	CLASSES
};

enum column {
	NO_ACCOUNT, BARE_NOBODY, BARE_NEGATIVE, BARE_SOMEBODY, FULL_HERE, GONE_NOBODY, GONE_NEGATIVE, GONE_SOMEBODY,
	COLUMNS
};

#define RESOURCE DELIVERY_TO_RESOURCE
#define ALL DELIVERY_TO_NON_NEGATIVE
#define AVAIL DELIVERY_TO_AVAILABLE
#define ACCOUNT DELIVERY_TO_ACCOUNT
#define STORE DELIVERY_STORE
#define BOUNCE DELIVERY_BOUNCE
#define IGNORE DELIVERY_IGNORE

/* A dead resource: chat goes on as if to the bare JID (8.5.3.2.1). For the other types, and for an account that does not
 * exist, the RFC leaves "ignore or error" open; we answer, since nothing is dropped silently here. */
static const uint8_t table[CLASSES][COLUMNS] = {
	/*                          no account  bare: none, negative, some     here      gone: none, negative, some */
	[MESSAGE_NORMAL]        = { BOUNCE,     STORE,   STORE,   ALL,     RESOURCE, BOUNCE,  BOUNCE,  BOUNCE },
	[MESSAGE_CHAT]          = { BOUNCE,     STORE,   STORE,   ALL,     RESOURCE, STORE,   STORE,   ALL },
	[MESSAGE_GROUPCHAT]     = { BOUNCE,     BOUNCE,  BOUNCE,  BOUNCE,  RESOURCE, BOUNCE,  BOUNCE,  BOUNCE },
	[MESSAGE_HEADLINE]      = { BOUNCE,     IGNORE,  IGNORE,  ALL,     RESOURCE, BOUNCE,  BOUNCE,  BOUNCE },
	[MESSAGE_ERROR]         = { IGNORE,     IGNORE,  IGNORE,  IGNORE,  RESOURCE, IGNORE,  IGNORE,  IGNORE },
	[PRESENCE_STATE]        = { IGNORE,     IGNORE,  AVAIL,   AVAIL,   RESOURCE, IGNORE,  IGNORE,  IGNORE },
	[PRESENCE_SUBSCRIPTION] = { IGNORE,     ACCOUNT, ACCOUNT, ACCOUNT, ACCOUNT,  ACCOUNT, ACCOUNT, ACCOUNT },
	[PRESENCE_ERROR]        = { IGNORE,     IGNORE,  AVAIL,   AVAIL,   RESOURCE, IGNORE,  IGNORE,  IGNORE },
	[IQ_REQUEST]            = { BOUNCE,     ACCOUNT, ACCOUNT, ACCOUNT, RESOURCE, BOUNCE,  BOUNCE,  BOUNCE },
	[IQ_ANSWER]             = { IGNORE,     IGNORE,  IGNORE,  IGNORE,  RESOURCE, IGNORE,  IGNORE,  IGNORE },
};

static enum class class_of(enum stanza_kind kind, enum stanza_type type)
{
	if (kind == STANZA_IQ)
		return type == STANZA_TYPE_GET || type == STANZA_TYPE_SET ? IQ_REQUEST : IQ_ANSWER;
	if (kind == STANZA_PRESENCE) {
		if (type == STANZA_TYPE_NONE || type == STANZA_TYPE_UNAVAILABLE)
			return PRESENCE_STATE;
		return type == STANZA_TYPE_ERROR ? PRESENCE_ERROR : PRESENCE_SUBSCRIPTION;
	}
	switch (type) {
	case STANZA_TYPE_CHAT: return MESSAGE_CHAT;
	case STANZA_TYPE_GROUPCHAT: return MESSAGE_GROUPCHAT;
	case STANZA_TYPE_HEADLINE: return MESSAGE_HEADLINE;
	case STANZA_TYPE_ERROR: return MESSAGE_ERROR;
	default: return MESSAGE_NORMAL; /* also types nobody knows (RFC 6121 5.2.2) */
	}
}

enum delivery_verdict delivery_decide(enum stanza_kind kind, enum stanza_type type, enum delivery_target target,
				      enum delivery_resources resources)
{
	unsigned column = FULL_HERE;

	ASSERT(kind != STANZA_OTHER);
	ASSERT(resources != DELIVERY_NO_ACCOUNT || target != DELIVERY_FULL_HERE);
	if (resources == DELIVERY_NO_ACCOUNT)
		column = NO_ACCOUNT;
	else if (target != DELIVERY_FULL_HERE)
		column = (target == DELIVERY_BARE ? BARE_NOBODY : GONE_NOBODY) + (unsigned)resources;
	return (enum delivery_verdict)table[class_of(kind, type)][column];
}

#define PATH_ROOT "/message/"

/* Its parts; true: it stores. */
static bool read_path(const char *path, struct span *name, struct span *ns)
{
	bool stores = *path != '-';
	const char *text = stores ? path : path + 1, *open;

	*name = *ns = SPAN_NONE;
	if (strncmp(text, PATH_ROOT, sizeof(PATH_ROOT) - 1) != 0)
		return false;
	text += sizeof(PATH_ROOT) - 1;
	open = strchr(text, '[');
	*name = open ? (struct span){ text, (size_t)(open - text) } : span_of(text);
	if (open)
		*ns = (struct span){ open + 1, strlen(open + 1) - (open[strlen(open) - 1] == ']') };
	return stores;
}

static bool has_path(const struct stanza *s, struct span name, struct span ns)
{
	for (stanza_el el = stanza_first(s, STANZA_TOP); el != STANZA_NO_EL; el = stanza_next(s, el))
		if (span_eq(stanza_name(s, el), name) && (!ns.p || span_eq(stanza_ns(s, el), ns)))
			return true;
	return false;
}

static bool paths_store(const struct stanza *message, char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct span name, ns;
		bool stores = read_path(paths[i], &name, &ns);

		if (name.n > 0 && has_path(message, name, ns))
			return stores;
	}
	return false;
}

bool delivery_is_storable(const struct stanza *message, char *const *paths, size_t path_count)
{
	switch (class_of(STANZA_MESSAGE, stanza_type(message))) {
	case MESSAGE_NORMAL:
	case MESSAGE_CHAT:
		break;
	default:
		return false;
	}
	if (stanza_child(message, STANZA_TOP, "no-store", NS_HINTS) != STANZA_NO_EL)
		return false;
	if (path_count)
		return paths_store(message, paths, path_count);
	return stanza_has_body(message) || stanza_child(message, STANZA_TOP, "received", NS_RECEIPTS) != STANZA_NO_EL ||
	       stanza_child(message, STANZA_TOP, "store", NS_HINTS) != STANZA_NO_EL;
}
