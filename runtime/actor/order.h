#pragma once
/* The few atomic operations of the runtime, on libck but for the fence. Every use names the operation it pairs with.
 *
 * ThreadSanitizer cannot see into libck's assembly and would report each of these as a race; in its builds, and only
 * there, the same names stand for compiler builtins of the same strength. */
#include <ck_pr.h>

#include "runtime/base.h"

#if defined(__SANITIZE_THREAD__)
#define ORDER_BUILTINS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ORDER_BUILTINS 1
#endif
#endif

#ifdef ORDER_BUILTINS
#define order_load_ptr(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define order_store_ptr(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define order_swap_ptr(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define order_load_u32(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define order_store_u32(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define order_swap_u32(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define order_add_u32(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define order_load_u64(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define order_store_u64(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* The sanitizer knows no fences; a read-modify-write of one word orders as much. */
static uint32_t order_fence_word UNUSED;
#define order_fence() ((void)__atomic_fetch_add(&order_fence_word, 0, __ATOMIC_SEQ_CST))
#else
/* Loads acquire, stores release, swaps and adds are full barriers. */
static inline void *order_load_ptr_(void *const *p)
{
	void *v = ck_pr_load_ptr(p);

	ck_pr_fence_acquire();
	return v;
}
static inline void order_store_ptr_(void **p, void *v)
{
	ck_pr_fence_release();
	ck_pr_store_ptr(p, v);
}
static inline uint32_t order_load_u32(const uint32_t *p)
{
	uint32_t v = ck_pr_load_32(p);

	ck_pr_fence_acquire();
	return v;
}
static inline void order_store_u32(uint32_t *p, uint32_t v)
{
	ck_pr_fence_release();
	ck_pr_store_32(p, v);
}
static inline uint32_t order_swap_u32(uint32_t *p, uint32_t v)
{
	uint32_t old;

	ck_pr_fence_release();
	old = ck_pr_fas_32(p, v);
	ck_pr_fence_acquire();
	return old;
}
static inline uint32_t order_add_u32(uint32_t *p, uint32_t v)
{
	uint32_t old;

	ck_pr_fence_release();
	old = ck_pr_faa_32(p, v);
	ck_pr_fence_acquire();
	return old;
}
static inline uint64_t order_load_u64(const uint64_t *p)
{
	uint64_t v = ck_pr_load_64(p);

	ck_pr_fence_acquire();
	return v;
}
static inline void order_store_u64(uint64_t *p, uint64_t v)
{
	ck_pr_fence_release();
	ck_pr_store_64(p, v);
}
/* The compiler's, not libck's: that is `mfence`, which takes 16 ns where a locked instruction, as strong for memory of the ordinary
 * kind, takes 4. */
static inline void order_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
static inline void *order_swap_ptr_(void **p, void *v)
{
	void *old;

	ck_pr_fence_release();
	old = ck_pr_fas_ptr(p, v);
	ck_pr_fence_acquire();
	return old;
}
#define order_load_ptr(p) order_load_ptr_((void *const *)(const void *)(p))
#define order_store_ptr(p, v) order_store_ptr_((void **)(void *)(p), (v))
#define order_swap_ptr(p, v) order_swap_ptr_((void **)(void *)(p), (v))
#endif
