#pragma once
/* A tenant whose store outlives its server: what a test leaves on disk the next world finds. */
#include "tests/unit/actors/desk/world.h"

static const char *store_now;
static struct store *keeper; /* a store in memory lives as long as anybody has it open */

static int setup(void **state)
{
	static unsigned number;
	static char name[16];
	char uri[32], *error = NULL;

	(void)state;
	(void)snprintf(name, sizeof(name), "kept%u", number++);
	(void)snprintf(uri, sizeof(uri), "memory:%s", name);
	assert_int_equal(store_open(uri, STORE_WRITER, &keeper, &error), STATUS_OK);
	store_now = name;
	world_begin(NULL, 1, name);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_end();
	store_close(keeper);
	return 0;
}
