#include "actors/session/recipients.h"

#include <stdlib.h>

#include "runtime/metric.h"

#define MINUTE_MS 60000

struct recipients {
	uint64_t until_ms; /* the end of the minute that began with the first */
	unsigned count;
	uint64_t seen[]; /* hashes of bare JIDs: a collision lets one more pass, nothing else */
};

void recipients_free(struct recipients *r)
{
	free(r);
}

static bool counts(const struct passage *p)
{
	enum stanza_type type = stanza_type(p->packet.stanza);
	enum client_class class = p->user->class;

	return p->session && p->target == TARGET_OTHER && (class == CLASS_USER || class == CLASS_SEAT) &&
	       type != STANZA_TYPE_ERROR && type != STANZA_TYPE_RESULT && type != STANZA_TYPE_UNAVAILABLE &&
	       !(p->server->desk_on && (server_is_desk(p->server, p->packet.to) ||
					server_class(p->server, p->packet.to) == CLASS_VISITOR));
}

static bool is_new(struct recipients *r, uint64_t hash, uint64_t now_ms)
{
	if (now_ms >= r->until_ms) {
		r->until_ms = now_ms + MINUTE_MS;
		r->count = 0;
	}
	for (unsigned i = r->count; i > 0; i--) /* the last one first: that is the usual case */
		if (r->seen[i - 1] == hash)
			return false;
	return true;
}

bool recipients_allow(struct passage *p)
{
	int64_t most = p->server->conf->limit_user_recipients;
	struct recipients *r = p->user->recipients;
	uint64_t hash = p->packet.to ? p->packet.to->bare_hash : 0;

	if (!most || !counts(p))
		return true;
	if (!r)
		r = p->user->recipients = xcalloc(1, sizeof(*r) + (size_t)most * sizeof(r->seen[0]));
	if (!is_new(r, hash, actor_now_ms()))
		return true;
	if (r->count < (uint64_t)most) {
		r->seen[r->count++] = hash;
		return true;
	}
	metric_limit(METRIC_limit_recipients);
	passage_refuse(p, STANZA_ERROR_UNEXPECTED_REQUEST, "Too many recipients in one minute");
	return false;
}
