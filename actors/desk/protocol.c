/* Message kinds and drop functions of the desks and the pool. */
#include "actors/desk/inner.h"

MSG_DEFINE(DESK_PROTOCOL)
MSG_DEFINE(POOL_PROTOCOL)

void desk_visitor_drop(struct msg *m)
{
	jid_unref(((struct desk_visitor *)(void *)m)->visitor);
}

void desk_handled_drop(struct msg *m)
{
	jid_unref(((struct desk_handled *)(void *)m)->visitor);
}

void pool_presence_drop(struct msg *m)
{
	struct pool_presence *p = (struct pool_presence *)(void *)m;

	jid_unref(p->account);
	jid_unref(p->best);
}

void pool_ask_drop(struct msg *m)
{
	struct pool_ask *a = (struct pool_ask *)(void *)m;

	jid_unref(a->visitor);
	jid_unref(a->seat);
	jid_unref(a->robot);
	for (size_t i = 0; i < ARRAY_LEN(a->barred); i++)
		jid_unref(a->barred[i]);
	jid_unref(a->agent);
}

void pool_release_drop(struct msg *m)
{
	jid_unref(((struct pool_release *)(void *)m)->visitor);
}

void desk_agent_drop(struct msg *m)
{
	struct desk_agent *a = (struct desk_agent *)(void *)m;

	jid_unref(a->account);
	jid_unref(a->best);
}

void desk_domain_drop(struct msg *m)
{
	jid_unref(((struct desk_domain *)(void *)m)->domain);
}

const char *desk_reason_text(enum desk_reason r)
{
	static const char *const texts[] = {
#define DESK_REASON_TEXT(NAME, text) [REASON_##NAME] = text,
		DESK_REASON_ROWS(DESK_REASON_TEXT)
#undef DESK_REASON_TEXT
	};

	return texts[r];
}
