#include "actors/reference.h"

#include "actors/account_watch.h"
#include "actors/expiry.h"
#include "actors/admin/admin.h"
#include "actors/auth.h"
#include "actors/desk/inner.h"
#include "actors/extension/extension.h"
#include "actors/session/shard.h"
#include "actors/store.h"

struct protocol_page {
	const char *actor, *header;
	const struct msg_kind *const *kinds;
};

#define KIND_ROW(NAME, name, tag, drop, doc) &name##_kind,
#define KINDS(TABLE) ((const struct msg_kind *const[]){ TABLE(KIND_ROW) NULL })

void reference_print_messages(struct buf *out)
{
	const struct protocol_page pages[] = {
		{ "Edge (connection manager)", "actors/edge/edge.h", KINDS(EDGE_PROTOCOL) },
		{ "Session shard", "actors/session/shard.h", KINDS(SHARD_PROTOCOL) },
		{ "Desk", "actors/desk/inner.h", KINDS(DESK_PROTOCOL) },
		{ "Pool of seats and robots", "actors/desk/inner.h", KINDS(POOL_PROTOCOL) },
		{ "Component by others", "actors/extension/extension.h", KINDS(COMPONENT_PROTOCOL) },
		{ "Administration", "actors/admin/admin.h", KINDS(ADMIN_PROTOCOL) },
		{ "Store", "actors/store.h", KINDS(STORE_PROTOCOL) },
		{ "Auth", "actors/auth.h", KINDS(AUTH_PROTOCOL) },
		{ "Cookie cache", "actors/auth.h", KINDS(COOKIE_PROTOCOL) },
		{ "Account watch", "actors/account_watch.h", KINDS(WATCH_PROTOCOL) },
		{ "Expiry", "actors/expiry.h", KINDS(EXPIRY_PROTOCOL) },
	};

	buf_add_text(out, "# Actor messages\n\nPrinted by `switchboard --print-reference messages`; do not edit.\n");
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		buf_addf(out, "\n## %s\n\nDeclared in `%s`.\n\n| message | bytes | meaning |\n|---|---|---|\n", pages[i].actor,
			 pages[i].header);
		for (const struct msg_kind *const *k = pages[i].kinds; *k; k++)
			buf_addf(out, "| `%s` | %u | %s |\n", (*k)->name, (*k)->size, (*k)->doc);
	}
}
