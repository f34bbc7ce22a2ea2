/* dict xmpp: A JID that was accepted is accepted again and stays as it is, and jid_parse, which has a fast path, says the same as jid_make,
 * which has none. */
#include "xmpp/datetime.h"
#include "xmpp/jid.h"

static struct jid *by_parts(struct span text)
{
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL, *at;
	struct span resource = SPAN_NONE, local = SPAN_NONE;

	if (slash) {
		resource = (struct span){ slash + 1, text.n - (size_t)(slash - text.p) - 1 };
		text.n = (size_t)(slash - text.p);
	}
	at = text.n ? memchr(text.p, '@', text.n) : NULL;
	if (at) {
		local = (struct span){ text.p, (size_t)(at - text.p) };
		text = (struct span){ at + 1, text.n - local.n - 1 };
	}
	if ((slash && !resource.n) || (at && !local.n))
		return NULL;
	return jid_make(local, text, resource);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct jid *j = jid_parse(text), *parts = by_parts(text), *again;
	char password[JID_PART_MAX + 1];
	uint64_t stamp;

	ASSERT(!j == !parts && (!j || jid_eq(j, parts)));
	jid_unref(parts);
	if (j) {
		again = jid_parse(jid_full(j));
		ASSERT(again && jid_eq(j, again));
		(void)jid_matches_glob(j, "*a*@*b*");
		jid_unref(again);
		jid_unref(j);
	}
	(void)jid_saslprep(text, password);
	(void)datetime_parse(text, &stamp);
	return 0;
}
