#pragma once
/* One line an event: time, level, area, message. Control bytes are escaped, so a peer cannot forge a line.
 * Never pass secrets. Writing never blocks an actor for long: lines go to a bounded ring drained by a writer
 * thread once log_start_writer was called. When the log takes nothing (its reader is stuck, its disk full) the oldest lines
 * are dropped and counted; the program lives and stops as ever. Any thread. */
#include "runtime/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_level_now(void);
void log_open(const char *path_or_null); /* NULL = stderr */
int log_start_writer(void); /* 0, or the errno of the thread that could not be made */
void log_stop_writer(void); /* drains, for 2 s at most; then lines are written directly */
/* `area` is a component or file name: "c2s", "desk", "store". */
void log_write(enum log_level level, const char *area, const char *fmt, ...) PRINTF_LIKE(3, 4);
uint64_t log_dropped(void);

#define LOG_ERROR(area, ...) log_write(LOG_LEVEL_ERROR, (area), __VA_ARGS__)
#define LOG_WARNING(area, ...) log_write(LOG_LEVEL_WARNING, (area), __VA_ARGS__)
#define LOG_INFO(area, ...) log_write(LOG_LEVEL_INFO, (area), __VA_ARGS__)
#define LOG_DEBUG(area, ...) \
	do { \
		if (log_level_now() >= LOG_LEVEL_DEBUG) \
			log_write(LOG_LEVEL_DEBUG, (area), __VA_ARGS__); \
	} while (0)
