#include "actors/recovery.h"

#include <stdlib.h>

#define ROWS_AT_ONCE 500u
#define OWNERS_AT_ONCE 100u

struct names {
	char *items[OWNERS_AT_ONCE];
	size_t count;
};

static bool add_name(void *ctx, struct span owner)
{
	struct names *n = ctx;

	n->items[n->count++] = xstrndup(owner.p, owner.n);
	return true;
}

struct row {
	uint64_t seq, time_us;
	char *tag, *value;
	size_t n;
};
struct rows {
	struct row items[ROWS_AT_ONCE];
	size_t count;
};

static bool add_row(void *ctx, const struct store_log_row *row)
{
	struct rows *rows = ctx;

	rows->items[rows->count++] = (struct row){ row->seq, row->time_us, xstrndup(row->tag.p, row->tag.n),
						   xstrndup(row->value.p, row->value.n), row->value.n };
	return true;
}

struct search {
	struct span wanted;
	uint64_t time_us;
	bool found;
};

static bool compare(void *ctx, const struct store_log_row *row)
{
	struct search *s = ctx;

	s->found = row->time_us == s->time_us && span_eq(row->value, s->wanted);
	return !s->found;
}

/* The crash may have come after it was kept and before its row was deleted. It kept its time; the same words at another
 * time are another message. */
static enum status keep(struct store *s, struct span owner, const struct row *row, uint64_t *recovered)
{
	struct search search = { { row->value, row->n }, row->time_us, false };
	struct span tag = span_of(row->tag);
	enum status st = store_log_read(s, STORE_OFFLINE, owner, tag, 0, 0, compare, &search);
	uint64_t seq;

	if (st == STATUS_NOT_FOUND)
		st = STATUS_OK;
	if (st == STATUS_OK && !search.found) {
		st = store_log_append(s, STORE_OFFLINE, owner, tag, row->time_us, search.wanted, 0, 0, &seq);
		*recovered += st == STATUS_OK;
	}
	return st;
}

static void free_rows(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->items[i].tag);
		free(rows->items[i].value);
	}
	rows->count = 0;
}

/* One transaction: the page is offline and no longer pending, or nothing has happened. */
static enum status move_page(struct store *s, struct span owner, struct rows *rows, uint64_t *recovered)
{
	uint64_t moved = 0;
	enum status st = store_begin(s);

	if (st != STATUS_OK)
		return st;
	for (size_t i = 0; st == STATUS_OK && i < rows->count; i++)
		st = keep(s, owner, &rows->items[i], &moved);
	if (st == STATUS_OK)
		st = store_log_delete_upto(s, STORE_PENDING, owner, rows->items[rows->count - 1].seq);
	if (st != STATUS_OK) {
		store_rollback(s);
		return st;
	}
	st = store_commit(s);
	*recovered += st == STATUS_OK ? moved : 0;
	return st;
}

static enum status move_owner(struct store *s, struct span owner, uint64_t *recovered)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	enum status st;

	do {
		st = store_log_read(s, STORE_PENDING, owner, SPAN_NONE, 0, ROWS_AT_ONCE, add_row, rows);
		if (st == STATUS_NOT_FOUND)
			st = STATUS_OK;
		if (st != STATUS_OK || rows->count == 0)
			break;
		st = move_page(s, owner, rows, recovered);
		free_rows(rows);
	} while (st == STATUS_OK);
	free_rows(rows);
	free(rows);
	return st;
}

enum status recovery_run(struct store *writer, uint64_t *recovered)
{
	struct names names = { .count = 0 };
	enum status st;

	*recovered = 0;
	do { /* what was moved is no owner any more */
		names.count = 0;
		st = store_owners(writer, STORE_PENDING, SPAN_NONE, OWNERS_AT_ONCE, add_name, &names);
		if (st == STATUS_NOT_FOUND)
			st = STATUS_OK;
		for (size_t i = 0; i < names.count; i++) {
			if (st == STATUS_OK)
				st = move_owner(writer, span_of(names.items[i]), recovered);
			free(names.items[i]);
		}
	} while (st == STATUS_OK && names.count > 0);
	return st;
}

#define KEEP_S 86400u

/* The record begins with the second in which it was written (actors/edge/sm_state.c). */
static enum status forget_one(struct store *s, struct span id, uint64_t now_s)
{
	struct buf value = BUF_INIT;
	enum status st = store_get(s, STORE_SM_STATE, id, &value);
	char *text = buf_take_text(&value);

	if (st == STATUS_OK && strtoull(text, NULL, 10) + KEEP_S <= now_s)
		st = store_delete(s, STORE_SM_STATE, id);
	free(text);
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

enum status recovery_forget(struct store *writer, uint64_t now_s)
{
	struct names names = { .count = 0 };
	char *last = xstrdup("");
	enum status st;

	do {
		names.count = 0;
		st = store_owners(writer, STORE_SM_STATE, span_of(last), OWNERS_AT_ONCE, add_name, &names);
		if (st == STATUS_NOT_FOUND)
			st = STATUS_OK;
		for (size_t i = 0; i < names.count; i++) {
			if (st == STATUS_OK)
				st = forget_one(writer, span_of(names.items[i]), now_s);
			free(last);
			last = names.items[i];
		}
	} while (st == STATUS_OK && names.count == OWNERS_AT_ONCE);
	free(last);
	return st;
}
