#include "runtime/actor/msg.h"

#include <stdlib.h>

struct msg *msg_new(const struct msg_kind *kind)
{
	struct msg *m = xcalloc(1, kind->size);

	m->kind = kind;
	return m;
}

void msg_free(struct msg *m)
{
	if (!m)
		return;
	if (m->kind->drop)
		m->kind->drop(m);
	free(m);
}
