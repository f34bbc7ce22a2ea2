/* A JID that was accepted is accepted again and stays as it is. */
#include "xmpp/datetime.h"
#include "xmpp/jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct jid *j = jid_parse(text), *again;
	char password[JID_PART_MAX + 1];
	uint64_t stamp;

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
