#include "runtime/status.h"

#include <errno.h>

const char *status_text(enum status s)
{
	switch (s) {
#define STATUS_CASE(name, text) \
	case STATUS_##name: \
		return text;
		STATUS_ROWS(STATUS_CASE)
#undef STATUS_CASE
	}
	return "unknown status";
}

enum status status_from_errno(int error)
{
	switch (error) {
	case 0:
		return STATUS_OK;
	case ENOENT:
		return STATUS_NOT_FOUND;
	case EEXIST:
		return STATUS_EXISTS;
	case EINVAL:
		return STATUS_INVALID;
	case EMFILE:
	case ENFILE:
		return STATUS_LIMIT;
	case EAGAIN:
	case EBUSY:
		return STATUS_BUSY;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return STATUS_UNAVAILABLE;
	case ETIMEDOUT:
		return STATUS_TIMEOUT;
	case EACCES:
	case EPERM:
		return STATUS_DENIED;
	case ENOSPC:
	case EDQUOT:
		return STATUS_FULL;
	default:
		return STATUS_IO;
	}
}
