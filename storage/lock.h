#pragma once
/* One server for one store. The lock lies in a file of its own beside it, PATH-lock: closing any descriptor of the database
 * itself would take away SQLite's locks on it. The kernel drops the lock when its holder dies, however it dies. */
#include "runtime/base.h"
#include "runtime/status.h"

struct store_lock {
	int fd; /* -1: not held */
};
#define STORE_LOCK_NONE ((struct store_lock){ -1 })

/* Takes the lock for the store at `path` or fails at once: STATUS_BUSY when another process has it; *error names both
 * (owned by the caller). The directories must exist. */
enum status store_lock_take(const char *path, struct store_lock *out, char **error) MUST_CHECK;
/* True: the lock's file says that a store was made here once. */
bool store_lock_is_marked(const struct store_lock *l);
/* Says so, with the process id for whoever looks. */
void store_lock_mark(const struct store_lock *l);
void store_lock_drop(struct store_lock *l);
