#include "actors/session/last_seen.h"

#include <inttypes.h>
#include <stdlib.h>

#include "runtime/mem/list.h"
#include "runtime/mem/map.h"

struct entry {
	struct list link; /* the one noted first is first */
	struct jid *account; /* bare, counted */
	uint64_t wall_us;
	char *status;        /* owned, NULL = none */
};
struct last_seen {
	struct map *by_account;
	struct list entries;
	uint64_t most;
};

struct last_seen *last_seen_new(uint64_t most)
{
	struct last_seen *l = xcalloc(1, sizeof(*l));

	l->by_account = map_new();
	list_init(&l->entries);
	l->most = most;
	return l;
}

static void drop(struct last_seen *l, struct entry *e)
{
	list_remove(&e->link);
	(void)map_remove(l->by_account, jid_bare(e->account));
	jid_unref(e->account);
	free(e->status);
	free(e);
}

void last_seen_free(struct last_seen *l)
{
	if (!l)
		return;
	while (!list_empty(&l->entries))
		drop(l, CONTAINER_OF(l->entries.next, struct entry, link));
	map_free(l->by_account);
	free(l);
}

/* Cut where a character ends. */
static struct span shortened(struct span status)
{
	if (status.n <= LAST_SEEN_STATUS_MAX)
		return status;
	status.n = LAST_SEEN_STATUS_MAX;
	while (status.n > 0 && ((unsigned char)status.p[status.n] & 0xc0) == 0x80)
		status.n--;
	return status;
}

void last_seen_note(struct last_seen *l, const struct jid *account, uint64_t wall_us, struct span status)
{
	struct entry *e = map_find(l->by_account, jid_bare(account));

	if (l->most == 0)
		return;
	if (e)
		drop(l, e);
	else if (map_count(l->by_account) >= l->most)
		drop(l, CONTAINER_OF(l->entries.next, struct entry, link));
	status = shortened(status);
	e = xcalloc(1, sizeof(*e));
	e->account = jid_make(jid_local(account), jid_domain(account), SPAN_NONE);
	ASSERT(e->account);
	e->wall_us = wall_us;
	e->status = status.n ? xstrndup(status.p, status.n) : NULL;
	map_put(l->by_account, jid_bare(e->account), e);
	list_push_back(&l->entries, &e->link);
}

void last_seen_forget(struct last_seen *l, const struct jid *account)
{
	struct entry *e = map_find(l->by_account, jid_bare(account));

	if (e)
		drop(l, e);
}

bool last_seen_find(const struct last_seen *l, const struct jid *account, uint64_t *wall_us, struct span *status)
{
	const struct entry *e = map_find(l->by_account, jid_bare(account));

	if (!e)
		return false;
	*wall_us = e->wall_us;
	*status = span_of(e->status);
	return true;
}

/* --- in the store: the time as digits, a space, the status --- */

void last_seen_save(struct buf *out, uint64_t wall_us, struct span status)
{
	buf_addf(out, "%" PRIu64 " ", wall_us);
	buf_add_span(out, shortened(status));
}

bool last_seen_load(struct span saved, uint64_t *wall_us, struct span *status)
{
	uint64_t value = 0;
	size_t i = 0;

	for (; i < saved.n && i < 19 && saved.p[i] >= '0' && saved.p[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(saved.p[i] - '0');
	if (i == 0 || i == saved.n || saved.p[i] != ' ')
		return false;
	*wall_us = value;
	*status = (struct span){ saved.p + i + 1, saved.n - i - 1 };
	return true;
}
