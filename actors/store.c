/* The writer: one thread, one transaction for each batch of its mailbox. Answers go home after the commit, never before.
 * A statement that fails answers its own request and leaves the others alone; a commit that fails answers them all. */
#include "actors/store.h"

#include <stdlib.h>

#include "actors/packet.h"
#include "runtime/log.h"
#include "runtime/metric.h"

#define AGAIN_MS 1000u
#define AGAIN_MAX 100000u /* some 20 MB; beyond it a row is deleted when it was given out once more */

struct store_actor {
	struct store *store;
	actor_id self;
	bool stopping;
	size_t again; /* deletions that wait to be tried again */
	struct store_request **batch;
	size_t count, size;
};

static void add_row(struct store_request *r, struct span key, struct span value, uint64_t seq, uint64_t time_us)
{
	r->rows = xrealloc(r->rows, (r->row_count + 1) * sizeof(*r->rows));
	r->rows[r->row_count++] = (struct store_row){ seq, time_us, xstrndup(key.p, key.n), xstrndup(value.p, value.n), value.n };
}

static bool add_pair(void *ctx, struct span key, struct span value)
{
	add_row(ctx, key, value, 0, 0);
	return true;
}

static bool add_log_row(void *ctx, const struct store_log_row *row)
{
	struct store_request *r = ctx;

	add_row(r, row->tag, row->value, row->seq, row->time_us);
	if (r->bytes) {
		r->cut = row->value.n >= r->bytes;
		r->bytes -= r->cut ? 0 : row->value.n;
	}
	return !r->cut;
}

static bool add_owner(void *ctx, struct span owner)
{
	add_row(ctx, owner, SPAN_NONE, 0, 0);
	return true;
}

static enum status execute(struct store *s, struct store_request *r)
{
	struct span owner = span_of(r->owner), key = span_of(r->key), value = buf_span(&r->value);

	switch (r->op) {
	case STORE_OP_GET:
		buf_fini(&r->value);
		return store_get(s, r->collection, owner, &r->value);
	case STORE_OP_PUT:
		return store_put(s, r->collection, owner, value);
	case STORE_OP_DELETE:
		return store_delete(s, r->collection, owner);
	case STORE_OP_MAP_ALL:
		return store_map_each(s, r->collection, owner, add_pair, r);
	case STORE_OP_MAP_GET:
		buf_fini(&r->value);
		return store_map_get(s, r->collection, owner, key, &r->value);
	case STORE_OP_MAP_PUT:
		return store_map_put(s, r->collection, owner, key, value);
	case STORE_OP_MAP_DELETE:
		return store_map_delete(s, r->collection, owner, key);
	case STORE_OP_LOG_APPEND:
		return store_log_append(s, r->collection, owner, key, r->time_us, value, r->limit, r->total, &r->seq);
	case STORE_OP_LOG_READ:
		return store_log_read(s, r->collection, owner, key.n ? key : SPAN_NONE, r->seq, r->limit, add_log_row, r);
	case STORE_OP_LOG_DELETE_UPTO:
		return store_log_delete_upto(s, r->collection, owner, r->seq);
	case STORE_OP_LOG_DELETE_ONE:
		return store_log_delete(s, r->collection, owner, r->seq);
	case STORE_OP_OWNERS:
		return store_owners(s, r->collection, key, r->limit, add_owner, r);
	case STORE_OP_LOG_COUNT:
		return store_log_count(s, r->collection, owner, &r->seq);
	}
	BUG("unknown store operation");
}

static bool is_write(enum store_op op)
{
	return op == STORE_OP_PUT || op == STORE_OP_DELETE || op == STORE_OP_MAP_PUT || op == STORE_OP_MAP_DELETE ||
	       op == STORE_OP_LOG_APPEND || op == STORE_OP_LOG_DELETE_UPTO || op == STORE_OP_LOG_DELETE_ONE;
}

static bool is_failure(enum status st)
{
	return st != STATUS_OK && st != STATUS_NOT_FOUND && st != STATUS_LIMIT;
}

static void complain(const struct store_request *r, enum status st)
{
	metric_inc(METRIC_store_failures);
	LOG_ERROR("store", "operation on %s failed: %s", store_collections[r->collection].table, status_text(st));
}

static void on_store_request(struct store_actor *self, struct store_request *r)
{
	if (self->count == self->size) {
		self->size = self->size ? 2 * self->size : 64;
		self->batch = xrealloc(self->batch, self->size * sizeof(struct store_request *));
	}
	self->batch[self->count++] = r;
	self->again -= r->again;
	actor_keep(&r->m);
}

MSG_RECEIVE(store, struct store_actor, STORE_PROTOCOL)

static bool is_quiet_deletion(const struct store_request *r)
{
	return !r->reply && (r->op == STORE_OP_LOG_DELETE_ONE || r->op == STORE_OP_LOG_DELETE_UPTO);
}

/* Nobody waits to hear of such a deletion: when a power cut undoes it, what was deleted is given out once more. */
static bool is_relaxed(const struct store_request *r)
{
	return r->relaxed || !is_write(r->op) || is_quiet_deletion(r);
}

/* A batch of reads takes no lock on the file; one in which nothing needs it is not synced. */
static enum status begin(struct store_actor *self, bool *writing)
{
	bool writes = false, relaxed = true;

	for (size_t i = 0; i < self->count; i++) {
		writes |= is_write(self->batch[i]->op);
		relaxed &= is_relaxed(self->batch[i]);
	}
	*writing = writes;
	if (!writes)
		return STATUS_OK;
	store_relax(self->store, relaxed);
	return store_begin(self->store);
}

static void run(struct store_actor *self, struct store_request *r, enum status begun)
{
	bool write = is_write(r->op);

	metric_add(METRIC_store_writes, write);
	r->status = write ? begun : STATUS_OK;
	if (r->status == STATUS_OK)
		r->status = execute(self->store, r);
	if (is_failure(r->status) && !r->again)
		complain(r, r->status);
}

static enum status commit(struct store_actor *self)
{
	enum status st = store_commit(self->store); /* one try: a failed commit has undone everything already */

	metric_inc(METRIC_store_batches);
	if (st != STATUS_OK)
		LOG_ERROR("store", "a batch of %zu operations was not committed: %s", self->count, status_text(st));
	return st;
}

static void send_home(struct store_request *r)
{
	struct msg *m = &r->m;
	actor_id to = m->from;

	if (!r->reply || to == ACTOR_NONE) {
		msg_free(m);
		return;
	}
	ASSERT(r->reply->size == m->kind->size);
	m->kind = r->reply;
	actor_send_msg(to, &m);
}

/* True: it comes back. */
static bool try_again(struct store_actor *self, struct store_request *r)
{
	if (!is_quiet_deletion(r) || !is_failure(r->status) || self->stopping || self->again >= AGAIN_MAX)
		return false;
	r->again = true;
	self->again++;
	actor_send_after(self->self, &r, AGAIN_MS);
	return true;
}

static void end_batch(void *state)
{
	struct store_actor *self = state;
	bool writing;
	enum status begun = begin(self, &writing), done = STATUS_OK;

	for (size_t i = 0; i < self->count; i++)
		run(self, self->batch[i], begun);
	if (writing && begun == STATUS_OK)
		done = commit(self);
	for (size_t i = 0; i < self->count; i++) {
		struct store_request *r = self->batch[i];

		if (done != STATUS_OK && is_write(r->op) && r->status == STATUS_OK) {
			r->status = done;
			metric_inc(METRIC_store_failures);
		}
		if (!try_again(self, r))
			send_home(r);
	}
	self->count = 0;
}

static void start(void *state, actor_id id)
{
	((struct store_actor *)state)->self = id;
}

static void stop(void *state)
{
	struct store_actor *self = state;

	self->stopping = true;
	end_batch(self); /* whatever is still open */
	store_close(self->store);
	free(self->batch);
	free(self);
}

static const struct behaviour behaviour = {
	.name = "store",
	.placement = ACTOR_THREADED,
	.receive = store_receive,
	.on_start = start,
	.on_stop = stop,
	.on_batch_end = end_batch,
};

actor_id store_spawn(struct store *writer)
{
	struct store_actor *self = xcalloc(1, sizeof(*self));

	self->store = writer;
	return actor_spawn(&behaviour, self, 0);
}
