#include "tests/sim/store.h"

#include <stdlib.h>

#include "runtime/mem/list.h"
#include "storage/backend.h"
#include "tests/sim/server.h"
#include "tests/sim/sim.h"

struct row {
	struct list link; /* in disk.rows, by number */
	enum store_collection collection;
	char *owner, *key; /* key: of a map, or the tag of a log */
	struct buf value;
	uint64_t number, seq, time_us; /* seq: logs, 0 for others */
	bool told; /* that a commit has returned for it */
};

/* How to take one change back. Of a row that was removed it owns the struct. */
struct undo {
	struct row *row;
	bool was_added;
};

static struct {
	enum store_mutant mutant;
	struct list rows;
	uint64_t numbers, seqs;
	struct undo *undo; /* of all that is not durable; from `transaction` on that of the open transaction */
	size_t undo_count, undo_room, transaction;
	struct undo *ghost; /* of the last transaction whose commit failed, as long as nothing was written over it */
	size_t ghost_count;
	bool open, dead, unreadable;
	unsigned fail_permille, die_in;
	bool die_after_commit, die_soon;
	uint64_t slow_us, synced_us;
	sim_store_durable_f *tell;
} disk;

/* --- rows --- */

static void free_row(struct row *r)
{
	free(r->owner);
	free(r->key);
	buf_fini(&r->value);
	free(r);
}

static void link_row(struct row *r)
{
	struct list *at = disk.rows.prev;

	while (at != &disk.rows && CONTAINER_OF(at, struct row, link)->number > r->number)
		at = at->prev;
	list_push_back(at->next, &r->link);
}

static void note_undo(struct row *r, bool was_added)
{
	if (disk.undo_count == disk.undo_room) {
		disk.undo_room = disk.undo_room ? 2 * disk.undo_room : 64;
		disk.undo = xrealloc(disk.undo, disk.undo_room * sizeof(*disk.undo));
	}
	disk.undo[disk.undo_count++] = (struct undo){ r, was_added };
}

static void take_back(size_t to)
{
	while (disk.undo_count > to) {
		struct undo *u = &disk.undo[--disk.undo_count];

		if (u->was_added) {
			list_remove(&u->row->link);
			free_row(u->row);
		} else {
			link_row(u->row);
		}
	}
}

/* --- a commit that failed when its pages were on their way --- */

static void forget_ghost(void)
{
	for (size_t i = 0; i < disk.ghost_count; i++)
		if (disk.ghost[i].was_added)
			free_row(disk.ghost[i].row);
	free(disk.ghost);
	disk.ghost = NULL;
	disk.ghost_count = 0;
}

/* Takes the transaction back, as take_back does, but remembers it: its rows are owned by the ghost, those it removed are not. */
static void make_ghost(void)
{
	size_t count = disk.undo_count - disk.transaction;

	forget_ghost();
	disk.ghost = xcalloc(count + 1, sizeof(*disk.ghost));
	disk.ghost_count = count;
	memcpy(disk.ghost, &disk.undo[disk.transaction], count * sizeof(*disk.ghost));
	while (disk.undo_count > disk.transaction) {
		struct undo *u = &disk.undo[--disk.undo_count];

		if (u->was_added)
			list_remove(&u->row->link);
		else
			link_row(u->row);
	}
}

/* The crash finds it on the disk, whole: all that it did is done. */
static void revive_ghost(void)
{
	for (size_t i = 0; i < disk.ghost_count; i++) {
		struct undo *g = &disk.ghost[i];

		if (g->was_added)
			link_row(g->row);
		else
			list_remove(&g->row->link);
		note_undo(g->row, g->was_added);
	}
	disk.ghost_count = 0; /* what is left belongs to the undo list, and is made durable with it */
	forget_ghost();
}

/* All changes so far are on the disk. */
static void make_durable(void)
{
	for (size_t i = 0; i < disk.undo_count; i++)
		if (!disk.undo[i].was_added)
			free_row(disk.undo[i].row);
	disk.undo_count = disk.transaction = 0;
	disk.synced_us = sim_now();
}

static void tell_rows(void)
{
	LIST_EACH(it, &disk.rows) {
		struct row *r = CONTAINER_OF(it, struct row, link);

		if (!r->told && disk.tell)
			disk.tell(r->collection, buf_span(&r->value));
		r->told = true;
	}
}

static void committed(void)
{
	if (disk.dead)
		return;
	forget_ghost();
	if (disk.mutant == STORE_LIES && sim_now() - disk.synced_us < SIM_S)
		disk.transaction = disk.undo_count;
	else
		make_durable();
	tell_rows();
}

static bool is_of(const struct row *r, enum store_collection c, struct span owner, const struct span *key)
{
	return r->collection == c && span_is(owner, r->owner) && (!key || span_is(*key, r->key));
}

static enum status remove_rows(enum store_collection c, struct span owner, const struct span *key, uint64_t first, uint64_t last)
{
	enum status st = STATUS_NOT_FOUND;

	LIST_EACH_SAFE(it, tmp, &disk.rows) {
		struct row *r = CONTAINER_OF(it, struct row, link);

		if (!is_of(r, c, owner, key) || r->seq < first || r->seq > last)
			continue;
		list_remove(&r->link);
		note_undo(r, false);
		st = STATUS_OK;
	}
	return st;
}

static void add_row(enum store_collection c, struct span owner, struct span key, uint64_t seq, uint64_t time_us, struct span value)
{
	struct row *r = xcalloc(1, sizeof(*r));

	list_init(&r->link);
	r->collection = c;
	r->owner = xstrndup(owner.p, owner.n);
	r->key = xstrndup(key.p ? key.p : "", key.n);
	buf_add_span(&r->value, value);
	r->number = ++disk.numbers;
	r->seq = seq;
	r->time_us = time_us;
	list_push_back(&disk.rows, &r->link);
	note_undo(r, true);
}

/* The server may be told to die here. A lone write is a transaction. */
static enum status written(enum status st)
{
	if (disk.die_in && --disk.die_in == 0) {
		if (disk.die_after_commit)
			disk.die_soon = true;
		else
			disk.dead = true;
		if (disk.dead)
			server_must_die();
	}
	if (!disk.open)
		committed();
	return st;
}

/* --- struct store_backend --- */

static enum status disk_open(const char *rest, enum store_access access, void **out, char **error)
{
	(void)rest;
	(void)access;
	(void)error;
	*out = &disk;
	return STATUS_OK;
}

static void disk_close(void *db)
{
	(void)db;
}

static enum status disk_begin(void *db)
{
	(void)db;
	ASSERT(!disk.open);
	disk.open = true;
	disk.transaction = disk.undo_count;
	return STATUS_OK;
}

static void disk_rollback(void *db)
{
	(void)db;
	if (!disk.open)
		return;
	take_back(disk.transaction);
	disk.open = false;
}

/* The disk is full before the commit is written; or its sync fails, and nobody knows what of it there is. */
static enum status fail_commit(void)
{
	bool is_full = sim_chance(500);

	if (is_full)
		disk_rollback(&disk);
	else
		make_ghost();
	disk.open = false;
	return is_full ? STATUS_FULL : STATUS_IO;
}

static enum status disk_commit(void *db UNUSED)
{
	ASSERT(disk.open);
	if (sim_chance(disk.fail_permille) && !disk.dead)
		return fail_commit();
	disk.open = false;
	committed();
	if (disk.die_soon) {
		disk.die_soon = false;
		disk.dead = true;
		server_must_die();
	}
	if (disk.slow_us)
		server_stall_store(sim_draw(disk.slow_us));
	return STATUS_OK;
}

static enum status get_row(enum store_collection c, struct span owner, const struct span *key, struct buf *out)
{
	LIST_EACH(it, &disk.rows) {
		struct row *r = CONTAINER_OF(it, struct row, link);

		if (is_of(r, c, owner, key)) {
			buf_add_span(out, buf_span(&r->value));
			return STATUS_OK;
		}
	}
	return STATUS_NOT_FOUND;
}

static enum status disk_get(void *db UNUSED, enum store_collection c, struct span owner, struct buf *out)
{
	return get_row(c, owner, NULL, out);
}

static enum status disk_put(void *db UNUSED, enum store_collection c, struct span owner, struct span value)
{
	(void)remove_rows(c, owner, NULL, 0, UINT64_MAX);
	add_row(c, owner, SPAN_NONE, 0, 0, value);
	return written(STATUS_OK);
}

static enum status disk_delete(void *db UNUSED, enum store_collection c, struct span owner)
{
	return written(remove_rows(c, owner, NULL, 0, UINT64_MAX));
}

static enum status disk_map_get(void *db UNUSED, enum store_collection c, struct span owner, struct span key, struct buf *out)
{
	return get_row(c, owner, &key, out);
}

static enum status disk_map_put(void *db UNUSED, enum store_collection c, struct span owner, struct span key, struct span value)
{
	(void)remove_rows(c, owner, &key, 0, UINT64_MAX);
	add_row(c, owner, key, 0, 0, value);
	return written(STATUS_OK);
}

static enum status disk_map_delete(void *db UNUSED, enum store_collection c, struct span owner, struct span key)
{
	return written(remove_rows(c, owner, &key, 0, UINT64_MAX));
}

static bool is_unreadable(enum store_collection c)
{
	return disk.unreadable && (c == STORE_DESK_LEFT || c == STORE_DESK_CONVERSATION);
}

/* In the order of the keys: the next one after the last shown is looked for each time. */
static enum status disk_map_each(void *db UNUSED, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx)
{
	const struct row *last = NULL, *next;

	if (is_unreadable(c))
		return STATUS_IO;
	do {
		next = NULL;
		LIST_EACH(it, &disk.rows) {
			const struct row *r = CONTAINER_OF(it, struct row, link);

			if (is_of(r, c, owner, NULL) && (!last || strcmp(r->key, last->key) > 0) &&
			    (!next || strcmp(r->key, next->key) < 0))
				next = r;
		}
		last = next;
	} while (next && visit(ctx, span_of(next->key), buf_span(&next->value)));
	return STATUS_OK;
}

static enum status disk_log_append(void *db UNUSED, enum store_collection c, struct span owner, const struct store_log_row *row,
				   uint64_t *seq)
{
	*seq = ++disk.seqs;
	if (disk.mutant != STORE_DROPS_ROW || !sim_chance(50))
		add_row(c, owner, row->tag, *seq, row->time_us, row->value);
	return written(STATUS_OK);
}

static enum status disk_log_read(void *db UNUSED, enum store_collection c, struct span owner, struct span tag, uint64_t after,
				 uint64_t limit, store_row_f *visit, void *ctx)
{
	uint64_t seen = 0;

	if (is_unreadable(c))
		return STATUS_IO;
	LIST_EACH(it, &disk.rows) {
		struct row *r = CONTAINER_OF(it, struct row, link);
		struct store_log_row shown = { r->seq, r->time_us, span_of(r->key), buf_span(&r->value) };

		if (!is_of(r, c, owner, tag.p ? &tag : NULL) || r->seq <= after)
			continue;
		if ((limit && seen++ == limit) || !visit(ctx, &shown))
			break;
	}
	return STATUS_OK;
}

static enum status disk_log_delete(void *db UNUSED, enum store_collection c, struct span owner, uint64_t first, uint64_t last)
{
	return written(remove_rows(c, owner, NULL, first, last));
}

static enum status disk_log_count(void *db UNUSED, enum store_collection c, struct span owner, struct span tag, uint64_t *out)
{
	*out = 0;
	LIST_EACH(it, &disk.rows)
		*out += is_of(CONTAINER_OF(it, struct row, link), c, owner, tag.p ? &tag : NULL);
	return STATUS_OK;
}

/* Sorted: the next one after the last shown is looked for each time. */
static enum status disk_owners(void *db UNUSED, enum store_collection c, struct span after, uint64_t limit, store_owner_f *visit,
			       void *ctx)
{
	char *last = xstrndup(after.p ? after.p : "", after.n);
	uint64_t seen = 0;

	for (;;) {
		const char *next = NULL;

		LIST_EACH(it, &disk.rows) {
			struct row *r = CONTAINER_OF(it, struct row, link);

			if (r->collection == c && strcmp(r->owner, last) > 0 && (!next || strcmp(r->owner, next) < 0))
				next = r->owner;
		}
		if (!next || (limit && seen++ == limit) || !visit(ctx, span_of(next)))
			break;
		free(last);
		last = xstrdup(next);
	}
	free(last);
	return STATUS_OK;
}

static const struct store_backend backend = {
	.scheme = "sim",
	.open = disk_open,
	.close = disk_close,
	.begin = disk_begin,
	.commit = disk_commit,
	.rollback = disk_rollback,
	.get = disk_get,
	.put = disk_put,
	.delete_owner = disk_delete,
	.map_get = disk_map_get,
	.map_put = disk_map_put,
	.map_delete = disk_map_delete,
	.map_each = disk_map_each,
	.log_append = disk_log_append,
	.log_read = disk_log_read,
	.log_delete = disk_log_delete,
	.log_count = disk_log_count,
	.owners = disk_owners,
};

/* --- the world's side --- */

void sim_store_begin(enum store_mutant mutant)
{
	memset(&disk, 0, sizeof(disk));
	list_init(&disk.rows);
	disk.mutant = mutant;
	store_bring(&backend);
}

void sim_store_end(void)
{
	struct list *link;

	disk.tell = NULL;
	forget_ghost();
	take_back(0);
	while ((link = list_pop_front(&disk.rows)))
		free_row(CONTAINER_OF(link, struct row, link));
	free(disk.undo);
	disk.undo = NULL;
	disk.undo_room = 0;
	store_bring(NULL);
}

void sim_store_sync(void)
{
	make_durable();
}

void sim_store_fail(unsigned permille)
{
	disk.fail_permille = permille;
}

bool sim_store_is_failing(void)
{
	return disk.fail_permille > 0;
}

void sim_store_unreadable(bool on)
{
	disk.unreadable = on;
}

void sim_store_slow(uint64_t most_us)
{
	disk.slow_us = most_us;
}

void sim_store_die_at_write(unsigned n, bool after_commit)
{
	disk.die_in = n;
	disk.die_after_commit = after_commit;
}

void sim_store_crash(void)
{
	bool may_revive = disk.mutant != STORE_LIES; /* which forgets rows that a ghost may speak of */

	take_back(0);
	if (may_revive && disk.ghost_count > 0 && sim_chance(500)) {
		revive_ghost();
		make_durable();
		tell_rows();
	}
	forget_ghost();
	disk.open = disk.dead = disk.die_soon = false;
	disk.die_in = 0;
	disk.transaction = 0;
}

void sim_store_on_durable(sim_store_durable_f *tell)
{
	disk.tell = tell;
}

void sim_store_each(sim_store_row_f *visit, void *ctx)
{
	LIST_EACH(it, &disk.rows) {
		struct row *r = CONTAINER_OF(it, struct row, link);

		visit(ctx, r->collection, span_of(r->owner), buf_span(&r->value));
	}
}
