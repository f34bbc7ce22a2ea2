#pragma once
/* A thread that sees to it that every worker comes round (reliability F48). A worker that sleeps is poked, so an idle
 * server is seen to live as well as a busy one. Actors with threads of their own may block and are not watched. */
#include "runtime/base.h"

struct watch_options {
	uint32_t warn_ms;  /* a worker silent for this long is logged, with where it is, and counted */
	uint32_t abort_ms; /* for this long: the process ends (abort); 0 = never */
	uint32_t tell_ms;  /* `tell` is called this often while no worker is silent; 0 = never */
	void (*tell)(void);
};

/* After engine_start. 0, or the errno of the thread that could not be made: it does not run then. Main thread. */
int watch_start(const struct watch_options *options);
void watch_stop(void); /* before engine_stop; does nothing when it was not started */
