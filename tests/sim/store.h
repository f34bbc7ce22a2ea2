#pragma once
/* A virtual disk under storage/store.h, scheme "sim": one store for the whole run, whose handles come and go with the server.
 * It keeps the contract: what a commit has returned for outlives a crash, what was not committed does not. It can fail,
 * be slow, and die in the middle of a transaction. Of a commit whose sync failed nothing is seen afterwards, as in a write-ahead log; but
 * when the next thing is a crash, and nothing was committed over it, the seed decides whether all of it is there again. Mutants of it break the contract; the verifier must notice. */
#include "storage/store.h"

enum store_mutant {
	STORE_HONEST,
	STORE_LIES,      /* a commit returns before its rows are on the disk; a crash forgets up to the last second */
	STORE_DROPS_ROW, /* one appended row in twenty is acknowledged and never kept */
};

void sim_store_begin(enum store_mutant mutant);
void sim_store_end(void);

void sim_store_sync(void); /* all there is now is durable */
/* What the disk does from now on. */
void sim_store_fail(unsigned permille); /* of commits: STATUS_FULL: nothing of it has happened; STATUS_IO: see above */
bool sim_store_is_failing(void);
void sim_store_unreadable(bool on); /* what the desk keeps cannot be read: STATUS_IO */
void sim_store_slow(uint64_t most_us);  /* a commit takes up to this */
/* The server dies at the n-th write from now: in the middle of its transaction, or right after its commit. */
void sim_store_die_at_write(unsigned n, bool after_commit);

/* The machine has crashed: back to what is durable. All handles are closed already or will be, without effect. */
void sim_store_crash(void);

/* Each row for which a commit has returned, in order, as soon as it did. */
typedef void sim_store_durable_f(enum store_collection c, struct span value);
void sim_store_on_durable(sim_store_durable_f *tell);
/* Rows that are there now. */
typedef void sim_store_row_f(void *ctx, enum store_collection c, struct span owner, struct span value);
void sim_store_each(sim_store_row_f *visit, void *ctx);
