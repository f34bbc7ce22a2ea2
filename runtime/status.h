#pragma once
/* The one enum for what the world (disk, database, network, limits) can answer. Peers' errors are
 * conditions on the wire, our own bugs are assertions: neither is a status. */
#define STATUS_ROWS(X) \
	X(OK, "ok") \
	X(NOT_FOUND, "not found") \
	X(EXISTS, "exists already") \
	X(INVALID, "invalid value") \
	X(LIMIT, "limit reached") \
	X(BUSY, "busy, try again") \
	X(UNAVAILABLE, "service not reachable") \
	X(TIMEOUT, "timed out") \
	X(DENIED, "denied") \
	X(FULL, "no space left") \
	X(CORRUPT, "stored data damaged") \
	X(IO, "input/output error") \
	X(UNSUPPORTED, "not supported")

enum status {
#define STATUS_ENUM(name, text) STATUS_##name,
	STATUS_ROWS(STATUS_ENUM)
#undef STATUS_ENUM
};

const char *status_text(enum status s);
enum status status_from_errno(int error);
