#pragma once
/* JIDs (RFC 7622 limits, RFC 6122 string profiles: nodeprep, nameprep, resourceprep; ASCII has a fast path).
 * A struct jid is prepared, immutable and counted, so it may be shared by any number of threads. */
#include "runtime/mem/span.h"

#define JID_PART_MAX 1023

struct jid {
	uint32_t refs; /* atomic */
	uint16_t local_n, domain_n, resource_n; /* 0 = part absent (domain never is) */
	uint64_t bare_hash; /* map_hash of the bare form: picks shards */
	char text[];        /* "local@domain/resource", NUL-terminated */
};

/* NULL when the text is no valid JID (bad UTF-8, a part over 1,023 bytes before or after preparation, empty part,
 * forbidden character). IP literals in brackets are domains. */
struct jid *jid_parse(struct span text);
struct jid *jid_make(struct span local, struct span domain, struct span resource); /* as jid_parse, by parts */
struct jid *jid_ref(struct jid *j);   /* NULL allowed */
void jid_unref(struct jid *j);        /* NULL allowed */
struct jid *jid_to_bare(struct jid *j); /* a new reference; itself when bare already */
struct jid *jid_with_resource(const struct jid *j, struct span resource); /* NULL when the resource is invalid */

struct span jid_full(const struct jid *j);
struct span jid_bare(const struct jid *j);
struct span jid_local(const struct jid *j);
struct span jid_domain(const struct jid *j);
struct span jid_resource(const struct jid *j);
static inline bool jid_is_bare(const struct jid *j)
{
	return j->resource_n == 0;
}
bool jid_eq(const struct jid *a, const struct jid *b);      /* full */
bool jid_eq_bare(const struct jid *a, const struct jid *b);
/* `*` matches any run of characters, also of `@`; compared with the bare form, prepared. */
bool jid_matches_glob(const struct jid *j, const char *glob);
/* Prepares a password or user name by SASLprep (RFC 4013) into out (at most 1,023 bytes); false if not allowed. */
bool jid_saslprep(struct span text, char out[JID_PART_MAX + 1]);
