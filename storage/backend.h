#pragma once
/* What a back end fills in. Contracts are those of storage/store.h; collections arrive as rows of store_collections. */
#include "storage/store.h"

struct store_backend {
	const char *scheme; /* "sqlite" */
	/* `rest` is the URI behind "scheme:" */
	enum status (*open)(const char *rest, enum store_access access, void **out, char **error);
	void (*close)(void *db);
	enum status (*begin)(void *db);
	enum status (*commit)(void *db);
	void (*rollback)(void *db);
	void (*relax)(void *db, bool relaxed); /* NULL: always fully durable */
	enum status (*get)(void *db, enum store_collection c, struct span owner, struct buf *out);
	enum status (*put)(void *db, enum store_collection c, struct span owner, struct span value);
	enum status (*delete_owner)(void *db, enum store_collection c, struct span owner);
	enum status (*map_get)(void *db, enum store_collection c, struct span owner, struct span key, struct buf *out);
	enum status (*map_put)(void *db, enum store_collection c, struct span owner, struct span key, struct span value);
	enum status (*map_delete)(void *db, enum store_collection c, struct span owner, struct span key);
	enum status (*map_each)(void *db, enum store_collection c, struct span owner, store_pair_f *visit, void *ctx);
	enum status (*log_append)(void *db, enum store_collection c, struct span owner, const struct store_log_row *row,
				  uint64_t *seq);
	enum status (*log_read)(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t after,
				uint64_t limit, store_row_f *visit, void *ctx);
	enum status (*log_delete)(void *db, enum store_collection c, struct span owner, uint64_t first, uint64_t last);
	enum status (*log_count)(void *db, enum store_collection c, struct span owner, struct span tag, uint64_t *out);
	enum status (*owners)(void *db, enum store_collection c, struct span after, uint64_t limit, store_owner_f *visit, void *ctx);
};

extern const struct store_backend store_sqlite, store_memory;

/* One more back end, of a program that brings its own (the simulator): its scheme is looked for first. NULL = none any more.
 * Before threads start. */
void store_bring(const struct store_backend *own);
