#pragma once
/* A fence around the running process, so that whoever takes it over gets little else: Landlock (files by directory, no
 * new TCP port, no abstract socket or signal outwards) and a filter of system calls. Both are the kernel's, both stay
 * for good and hold for every thread that is started later. What the kernel does not have is left out, and said. */
#include "runtime/base.h"

struct sandbox; /* what will be allowed; opaque */

struct sandbox *sandbox_new(void);
void sandbox_free(struct sandbox *s);

/* A file, or a directory with all in it. What does not exist is passed over. */
void sandbox_may_read(struct sandbox *s, const char *path);
void sandbox_may_write(struct sandbox *s, const char *path); /* and read, make and remove */
/* The directory the file is in, since files are replaced by renaming; when it is a link, where that leads as well. */
void sandbox_may_read_beside(struct sandbox *s, const char *file);
void sandbox_may_write_beside(struct sandbox *s, const char *file);
/* The directory, and where the links in it lead. */
void sandbox_may_read_links(struct sandbox *s, const char *directory);

struct sandbox_state {
	int landlock;        /* version of the kernel's interface; 0 = the kernel has none, or it is off */
	unsigned calls;      /* system calls let through; 0 = no filter */
	const char *problem; /* why something is missing; NULL = all is there */
};

/* Main thread, before others start, after ports are open and privileges are sealed. */
struct sandbox_state sandbox_enter(const struct sandbox *s);

/* The filter alone, in syscalls.c: how many calls it lets through; 0 and *problem when there is none. Calls no server
 * makes fail with EPERM; those only an intruder makes end the process. */
unsigned sandbox_filter_calls(const char **problem);
