#pragma once
/* Attributes and checks every file may use. Capped at 100 lines so that it cannot become "util". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NO_RETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Our own bug: abort with the place. On in release builds too. */
NO_RETURN void base_bug(const char *file, int line, const char *what);
/* What needs memory to go on and got none ends here (docs/decisions/0010-memory.md). */
NO_RETURN void base_out_of_memory(void);
#define ASSERT(cond) ((cond) ? (void)0 : base_bug(__FILE__, __LINE__, #cond))
#define BUG(what) base_bug(__FILE__, __LINE__, (what))

/* Heap memory; never NULL: out of memory aborts. What a peer can make us allocate is bounded, and large parts of it are asked
 * for with buf_try_reserve, which may fail. */
void *xmalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t bytes) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t bytes) __attribute__((malloc, returns_nonnull));
