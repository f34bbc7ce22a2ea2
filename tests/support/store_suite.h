#pragma once
/* The contract of storage/store.h as tests: every back end passes them. */
#include "storage/store.h"

#define STORE_SUITE_URI 128

struct store_suite {
	void (*fresh)(char uri[STORE_SUITE_URI]); /* names a store that does not exist yet */
	void (*forget)(const char *uri);          /* removes it; may be NULL */
	bool keeps;                               /* what was written outlives its handles */
};

/* Returns the number of failed tests. */
int store_suite_run(const struct store_suite *suite);

/* Opens or fails the test with the reason. */
struct store *store_suite_open(const char *uri, enum store_access access);

/* store_random.c: compares an empty store with the one in memory over a random sequence. */
void store_suite_random(struct store *tested);
