/* Cells are single atomic words that stand for themselves: no other memory is published through them, so all
 * accesses are relaxed; a read-modify-write is one exchange loop on its cell. */
#include "actors/edge/throttle.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/mem/map.h"

#define ROWS 2
#define CELLS 65536 /* a row: 512 KiB, touched only where addresses fall */
#define ADDRESS_WINDOW_S 3600
#define ACCOUNT_WINDOW_S 900
#define CONNECTION_BURST_S 5
#define SECOND_US UINT64_C(1000000)
#define KEY_MAX (sizeof(struct address_block) + 2 * 1024)

typedef _Atomic uint64_t cell; /* what a word means depends on its table, see below */

struct table {
	cell *rows[ROWS];
};

struct throttle {
	struct table gauges[THROTTLE_GAUGES]; /* how many are open */
	/* When all that the address did so far is paid for, us: */
	struct table connections, registrations, registrations_hourly;
	struct table address_failures, account_failures; /* since (s) << 32 | count */
	int64_t limits[THROTTLE_GAUGES];
	int64_t connection_rate, registration_rate, registration_hourly, address_limit, account_limit, penalty_s;
	struct address_block *exempt;
	size_t exempt_count;
};

static void table_init(struct table *t)
{
	for (int i = 0; i < ROWS; i++)
		t->rows[i] = xcalloc(CELLS, sizeof(cell));
}

static void table_fini(struct table *t)
{
	for (int i = 0; i < ROWS; i++)
		free(t->rows[i]);
}

static cell *table_cell(struct table *t, int row, uint64_t hash)
{
	return &t->rows[row][(hash >> (row * 32)) % CELLS];
}

static bool swap(cell *c, uint64_t *old, uint64_t fresh)
{
	return atomic_compare_exchange_weak_explicit(c, old, fresh, memory_order_relaxed, memory_order_relaxed);
}

struct throttle *throttle_new(const struct config *conf)
{
	struct throttle *t = xcalloc(1, sizeof(*t));

	for (int i = 0; i < THROTTLE_GAUGES; i++)
		table_init(&t->gauges[i]);
	table_init(&t->connections);
	table_init(&t->registrations);
	table_init(&t->registrations_hourly);
	table_init(&t->address_failures);
	table_init(&t->account_failures);
	t->limits[THROTTLE_OPEN] = conf->limit_connections_address;
	t->limits[THROTTLE_UNAUTH] = conf->limit_unauth_address;
	t->limits[THROTTLE_BOSH] = conf->limit_bosh_address;
	t->limits[THROTTLE_ANONYMOUS] = conf->limit_anonymous_address;
	t->connection_rate = conf->limit_connection_rate;
	t->registration_rate = conf->register_rate;
	t->registration_hourly = conf->register_hourly;
	t->address_limit = conf->limit_sasl_address;
	t->account_limit = conf->limit_sasl_account;
	t->penalty_s = conf->limit_sasl_penalty;
	t->exempt = xcalloc(conf->limit_exempt.count + 1, sizeof(*t->exempt));
	for (size_t i = 0; i < conf->limit_exempt.count; i++)
		if (address_block_parse(span_of(conf->limit_exempt.items[i]), &t->exempt[t->exempt_count]))
			t->exempt_count++;
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	for (int i = 0; i < THROTTLE_GAUGES; i++)
		table_fini(&t->gauges[i]);
	table_fini(&t->connections);
	table_fini(&t->registrations);
	table_fini(&t->registrations_hourly);
	table_fini(&t->address_failures);
	table_fini(&t->account_failures);
	free(t->exempt);
	free(t);
}

bool throttle_exempt(const struct throttle *t, const struct address *a)
{
	for (size_t i = 0; i < t->exempt_count; i++)
		if (address_in(a, &t->exempt[i]))
			return true;
	return false;
}

static uint64_t address_hash(const struct address *a, struct span account)
{
	struct address_block unit = address_limit_unit(a);
	char key[KEY_MAX];
	size_t n = sizeof(unit.ip) + 1;

	memcpy(key, unit.ip, sizeof(unit.ip));
	key[sizeof(unit.ip)] = (char)unit.bits;
	if (account.n > sizeof(key) - n)
		account.n = sizeof(key) - n;
	if (account.n)
		memcpy(key + n, account.p, account.n);
	return map_hash((struct span){ key, n + account.n });
}

bool throttle_take(struct throttle *t, enum throttle_gauge g, const struct address *a)
{
	uint64_t hash;
	bool full = true;

	if (throttle_exempt(t, a))
		return true;
	hash = address_hash(a, SPAN_NONE);
	for (int i = 0; i < ROWS; i++) {
		cell *c = table_cell(&t->gauges[g], i, hash);
		uint64_t before = atomic_fetch_add_explicit(c, 1, memory_order_relaxed);

		full = full && (int64_t)before >= t->limits[g];
	}
	if (!full || !t->limits[g])
		return true;
	throttle_release(t, g, a);
	return false;
}

void throttle_release(struct throttle *t, enum throttle_gauge g, const struct address *a)
{
	uint64_t hash;

	if (throttle_exempt(t, a))
		return;
	hash = address_hash(a, SPAN_NONE);
	for (int i = 0; i < ROWS; i++)
		atomic_fetch_sub_explicit(table_cell(&t->gauges[g], i, hash), 1, memory_order_relaxed);
}

/* `rate` in `span_us`, as many at once as fit into room_us. A row that is full: refused attempts do not count. */
static bool take_turn(struct table *t, uint64_t hash, int64_t rate, uint64_t span_us, uint64_t room_us, uint64_t now_us)
{
	bool allowed = false;

	for (int i = 0; i < ROWS; i++) {
		cell *c = table_cell(t, i, hash);
		uint64_t old = atomic_load_explicit(c, memory_order_relaxed), fresh;

		do {
			fresh = (old > now_us ? old : now_us) + span_us / (uint64_t)rate;
			if (fresh > now_us + room_us)
				break;
		} while (!swap(c, &old, fresh));
		allowed = allowed || fresh <= now_us + room_us;
	}
	return allowed;
}

bool throttle_connection(struct throttle *t, const struct address *a, uint64_t now_ms)
{
	if (!t->connection_rate || throttle_exempt(t, a))
		return true;
	return take_turn(&t->connections, address_hash(a, SPAN_NONE), t->connection_rate, SECOND_US,
			 CONNECTION_BURST_S * SECOND_US, now_ms * 1000);
}

bool throttle_registration(struct throttle *t, const struct address *a, uint64_t now_ms)
{
	uint64_t hash;

	if (throttle_exempt(t, a))
		return true;
	hash = address_hash(a, SPAN_NONE);
	return (!t->registration_rate ||
		take_turn(&t->registrations, hash, t->registration_rate, SECOND_US, SECOND_US, now_ms * 1000)) &&
	       (!t->registration_hourly || take_turn(&t->registrations_hourly, hash, t->registration_hourly,
						     3600 * SECOND_US, 3600 * SECOND_US, now_ms * 1000));
}

static void add_failure(struct table *t, uint64_t hash, int64_t limit, uint64_t window_s, uint64_t penalty_s,
			uint64_t now_s)
{
	for (int i = 0; i < ROWS; i++) {
		cell *c = table_cell(t, i, hash);
		uint64_t old = atomic_load_explicit(c, memory_order_relaxed), fresh;

		do {
			uint64_t since = old >> 32, count = old & UINT32_MAX;
			bool over = now_s >= since + ((int64_t)count >= limit ? penalty_s : window_s);

			count = over ? 1 : count + 1;
			/* The penalty is counted from the failure that was one too many. */
			if (over || (int64_t)count == limit)
				since = now_s;
			fresh = since << 32 | (count & UINT32_MAX);
		} while (!swap(c, &old, fresh));
	}
}

static bool too_many(struct table *t, uint64_t hash, int64_t limit, uint64_t penalty_s, uint64_t now_s)
{
	if (!limit)
		return false;
	for (int i = 0; i < ROWS; i++) {
		uint64_t word = atomic_load_explicit(table_cell(t, i, hash), memory_order_relaxed);

		if ((int64_t)(word & UINT32_MAX) < limit || now_s >= (word >> 32) + penalty_s)
			return false;
	}
	return true;
}

void throttle_failure(struct throttle *t, const struct address *a, struct span account, uint64_t now_ms)
{
	uint64_t penalty_s = (uint64_t)t->penalty_s;

	if (throttle_exempt(t, a))
		return;
	add_failure(&t->address_failures, address_hash(a, SPAN_NONE), t->address_limit, ADDRESS_WINDOW_S, penalty_s,
		    now_ms / 1000);
	add_failure(&t->account_failures, address_hash(a, account), t->account_limit, ACCOUNT_WINDOW_S, penalty_s,
		    now_ms / 1000);
}

bool throttle_refuses(struct throttle *t, const struct address *a, struct span account, uint64_t now_ms)
{
	uint64_t penalty_s = (uint64_t)t->penalty_s;

	if (throttle_exempt(t, a))
		return false;
	return too_many(&t->address_failures, address_hash(a, SPAN_NONE), t->address_limit, penalty_s, now_ms / 1000) ||
	       too_many(&t->account_failures, address_hash(a, account), t->account_limit, penalty_s, now_ms / 1000);
}
