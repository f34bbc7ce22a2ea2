/* Random sequences of operations, done in a store and in the store in memory: every answer and all that is left must be the
 * same. The numbers of log rows may differ: rows are told by their place. */
#include "tests/support/check.h"

#include "tests/support/store_suite.h"

#define ORACLE "memory:oracle"
#define LOG_SEQS 256

static void must(enum status st)
{
	assert_int_equal(st, STATUS_OK);
}

struct pair {
	struct store *tested, *oracle;
	uint32_t seed;
	bool in_transaction;
	uint64_t seqs[2][LOG_SEQS]; /* the same rows' numbers in both */
	unsigned count, count_before;
};

static unsigned draw(struct pair *p, unsigned limit)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return (p->seed >> 12) % limit;
}

static bool describe_row(void *ctx, const struct store_log_row *row)
{
	buf_addf(ctx, " %.*s=%.*s@%llu", SPAN_FMT(row->tag), SPAN_FMT(row->value), (unsigned long long)row->time_us);
	return true;
}

static bool describe_pair(void *ctx, struct span key, struct span value)
{
	buf_addf(ctx, " %.*s=%.*s", SPAN_FMT(key), SPAN_FMT(value));
	return true;
}

static bool describe_owner(void *ctx, struct span owner)
{
	buf_addf(ctx, "%.*s;", SPAN_FMT(owner));
	return true;
}

/* Everything in a store as text, numbers of log rows left out. The caller frees. */
static char *describe(struct store *s)
{
	struct buf out = BUF_INIT;

	for (int c = 0; c < STORE_COLLECTION_COUNT; c++) {
		struct buf owners = BUF_INIT;
		char *list, *save = NULL;

		must(store_owners(s, (enum store_collection)c, SPAN_NONE, 0, describe_owner, &owners));
		list = buf_take_text(&owners);
		for (char *owner = strtok_r(list, ";", &save); owner; owner = strtok_r(NULL, ";", &save)) {
			buf_addf(&out, "\n%s %s:", store_collections[c].table, owner);
			if (store_collections[c].shape == STORE_RECORD)
				must(store_get(s, (enum store_collection)c, span_of(owner), &out));
			else if (store_collections[c].shape == STORE_MAP)
				must(store_map_each(s, (enum store_collection)c, span_of(owner), describe_pair, &out));
			else
				must(store_log_read(s, (enum store_collection)c, span_of(owner), SPAN_NONE, 0, 0, describe_row, &out));
		}
		free(list);
	}
	return buf_take_text(&out);
}

static void compare(struct pair *p)
{
	char *got = describe(p->tested), *want = describe(p->oracle);

	assert_string_equal(got, want);
	free(got);
	free(want);
}

static void agree(const struct pair *p, enum status got, enum status want)
{
	if (got != want)
		fail_msg("seed %u: %s, should be %s", p->seed, status_text(got), status_text(want));
}

static void end_transaction(struct pair *p, bool keep)
{
	if (keep) {
		agree(p, store_commit(p->tested), store_commit(p->oracle));
	} else {
		store_rollback(p->tested);
		store_rollback(p->oracle);
		p->count = p->count_before;
	}
	p->in_transaction = false;
	compare(p);
}

static void random_append(struct pair *p, struct span owner, struct span tag, struct span value)
{
	uint64_t per_tag = draw(p, 4), total = draw(p, 8), time = draw(p, 1000), a = 0, b = 0;
	enum status st = store_log_append(p->tested, STORE_OFFLINE, owner, tag, time, value, per_tag, total, &a);

	assert_int_equal(st, store_log_append(p->oracle, STORE_OFFLINE, owner, tag, time, value, per_tag, total, &b));
	if (st != STATUS_OK || p->count == LOG_SEQS)
		return;
	p->seqs[0][p->count] = a;
	p->seqs[1][p->count++] = b;
}

static void random_step(struct pair *p)
{
	static const char *const owners[] = { "a", "b", "c" }, *const keys[] = { "k", "l", "m", "n" };
	struct span owner = span_of(owners[draw(p, 3)]), key = span_of(keys[draw(p, 4)]);
	char text[16];
	struct span value = { text, (size_t)snprintf(text, sizeof(text), "v%u", draw(p, 1000)) };
	unsigned row = p->count ? draw(p, p->count) : 0;

	switch (draw(p, 10)) {
	case 0: agree(p, store_put(p->tested, STORE_ACCOUNT, owner, value), store_put(p->oracle, STORE_ACCOUNT, owner, value)); break;
	case 1: agree(p, store_delete(p->tested, STORE_ACCOUNT, owner), store_delete(p->oracle, STORE_ACCOUNT, owner)); break;
	case 2:
	case 3:
		agree(p, store_map_put(p->tested, STORE_ROSTER, owner, key, value), store_map_put(p->oracle, STORE_ROSTER, owner, key, value));
		break;
	case 4: agree(p, store_map_delete(p->tested, STORE_ROSTER, owner, key), store_map_delete(p->oracle, STORE_ROSTER, owner, key)); break;
	case 5:
		if (draw(p, 5) == 0)
			agree(p, store_delete(p->tested, STORE_ROSTER, owner), store_delete(p->oracle, STORE_ROSTER, owner));
		break;
	case 6:
	case 7: random_append(p, owner, key, value); break;
	case 8:
		agree(p, store_log_delete(p->tested, STORE_OFFLINE, owner, p->seqs[0][row]),
		     store_log_delete(p->oracle, STORE_OFFLINE, owner, p->seqs[1][row]));
		break;
	default:
		if (draw(p, 3) == 0)
			agree(p, store_log_delete_upto(p->tested, STORE_OFFLINE, owner, p->seqs[0][row]),
			     store_log_delete_upto(p->oracle, STORE_OFFLINE, owner, p->seqs[1][row]));
	}
}

void store_suite_random(struct store *tested)
{
	struct pair p = { .tested = tested, .oracle = store_suite_open(ORACLE, STORE_WRITER), .seed = 42 };

	for (int i = 0; i < 4000; i++) {
		if (!p.in_transaction && draw(&p, 3)) {
			agree(&p, store_begin(p.tested), store_begin(p.oracle));
			p.in_transaction = true;
			p.count_before = p.count;
		}
		random_step(&p);
		if (p.in_transaction && draw(&p, 12) == 0)
			end_transaction(&p, draw(&p, 3));
	}
	if (p.in_transaction)
		end_transaction(&p, true);
	compare(&p);
	store_close(p.oracle);
}
