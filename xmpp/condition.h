#pragma once
/* Stanza and stream error conditions (RFC 6120 8.3.3 and 4.9.3) as two tables, with the legacy codes clients of the
 * Tigase era read (XEP-0086 as extended there). */
#include "runtime/base.h"

#define STANZA_ERROR_ROWS(X) \
	X(BAD_REQUEST, "bad-request", "modify", 400) \
	X(CONFLICT, "conflict", "cancel", 409) \
	X(FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel", 501) \
	X(FORBIDDEN, "forbidden", "auth", 403) \
	X(GONE, "gone", "modify", 302) \
	X(INTERNAL_SERVER_ERROR, "internal-server-error", "wait", 500) \
	X(ITEM_NOT_FOUND, "item-not-found", "cancel", 404) \
	X(JID_MALFORMED, "jid-malformed", "modify", 400) \
	X(NOT_ACCEPTABLE, "not-acceptable", "modify", 406) \
	X(NOT_ALLOWED, "not-allowed", "cancel", 405) \
	X(NOT_AUTHORIZED, "not-authorized", "auth", 401) \
	X(POLICY_VIOLATION, "policy-violation", "wait", 0) \
	X(RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait", 404) \
	X(REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel", 404) \
	X(REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait", 504) \
	X(RESOURCE_CONSTRAINT, "resource-constraint", "wait", 500) \
	X(SERVICE_UNAVAILABLE, "service-unavailable", "cancel", 503) \
	X(UNDEFINED_CONDITION, "undefined-condition", "cancel", 500) \
	X(UNEXPECTED_REQUEST, "unexpected-request", "wait", 400)

enum stanza_error {
	STANZA_ERROR_NONE,
#define STANZA_ERROR_ENUM(name, text, type, code) STANZA_ERROR_##name,
	STANZA_ERROR_ROWS(STANZA_ERROR_ENUM)
#undef STANZA_ERROR_ENUM
};

#define STREAM_ERROR_ROWS(X) \
	X(BAD_FORMAT, "bad-format") \
	X(BAD_NAMESPACE_PREFIX, "bad-namespace-prefix") \
	X(CONFLICT, "conflict") \
	X(CONNECTION_TIMEOUT, "connection-timeout") \
	X(HOST_GONE, "host-gone") \
	X(HOST_UNKNOWN, "host-unknown") \
	X(IMPROPER_ADDRESSING, "improper-addressing") \
	X(INTERNAL_SERVER_ERROR, "internal-server-error") \
	X(INVALID_FROM, "invalid-from") \
	X(INVALID_NAMESPACE, "invalid-namespace") \
	X(INVALID_XML, "invalid-xml") \
	X(NOT_AUTHORIZED, "not-authorized") \
	X(NOT_WELL_FORMED, "not-well-formed") \
	X(POLICY_VIOLATION, "policy-violation") \
	X(RESOURCE_CONSTRAINT, "resource-constraint") \
	X(RESTRICTED_XML, "restricted-xml") \
	X(SYSTEM_SHUTDOWN, "system-shutdown") \
	X(UNDEFINED_CONDITION, "undefined-condition") \
	X(UNSUPPORTED_ENCODING, "unsupported-encoding") \
	X(UNSUPPORTED_STANZA_TYPE, "unsupported-stanza-type") \
	X(UNSUPPORTED_VERSION, "unsupported-version")

enum stream_error {
	STREAM_ERROR_NONE,
#define STREAM_ERROR_ENUM(name, text) STREAM_ERROR_##name,
	STREAM_ERROR_ROWS(STREAM_ERROR_ENUM)
#undef STREAM_ERROR_ENUM
};

const char *stanza_error_text(enum stanza_error e);
const char *stanza_error_type(enum stanza_error e);
int stanza_error_code(enum stanza_error e); /* legacy code, 0 = none */
const char *stream_error_text(enum stream_error e);
