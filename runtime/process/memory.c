#include "runtime/process/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup"

/* "max" or nothing: UINT64_MAX. */
static uint64_t read_limit(const char *group, const char *name)
{
	char path[640], text[32] = "";
	uint64_t limit = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof(path), GROUPS "%s/%s", group, name);
	file = fopen(path, "re");
	if (!file)
		return limit;
	if (fgets(text, sizeof(text), file) && *text >= '0' && *text <= '9')
		limit = strtoull(text, NULL, 10);
	fclose(file);
	return limit;
}

/* The group's own limits and those of the groups it is in; `group` is cut on the way. */
static uint64_t limit_of(char *group)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		uint64_t most = read_limit(group, "memory.max"), high = read_limit(group, "memory.high");
		char *slash = strrchr(group, '/');

		least = most < least ? most : least;
		least = high < least ? high : least;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

uint64_t memory_available(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t most = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "0::/", 4) == 0) {
			uint64_t limit;

			line[strcspn(line, "\n")] = '\0';
			limit = limit_of(line + 3);
			most = limit < most ? limit : most;
		}
	if (file)
		fclose(file);
	return most;
}
