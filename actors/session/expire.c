#include "actors/session/expire.h"

#include "actors/session/amp_rules.h"
#include "actors/session/offline.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/rules/amp.h"

#define PAGE_ROWS 100u
#define PAGE_BYTES 65536u
#define DAY_US UINT64_C(86400000000)
#define NOTE_OF_A_PAGE UINT64_C(0x657870697265) /* in note[2]: pages of a flush have none */

static void ask(struct passage *p, uint64_t after)
{
	struct store_request *r =
		store_request_new(STORE_OP_LOG_READ, STORE_OFFLINE, jid_bare(p->user->bare), SPAN_NONE, NULL);

	r->seq = after;
	r->limit = PAGE_ROWS;
	r->bytes = PAGE_BYTES;
	r->note[2] = NOTE_OF_A_PAGE;
	outbox_store(p->out, p->server, p->user, r);
}

void expire_begin(struct passage *p)
{
	if (!p->user->flush)
		ask(p, 0);
}

bool expire_is_page(const struct store_request *r)
{
	return r->note[2] == NOTE_OF_A_PAGE;
}

static bool is_old(const struct passage *p, const struct store_row *row)
{
	const struct config *conf = p->server->conf;
	int64_t days = p->user->class == CLASS_VISITOR ? conf->visitor_keep_days : conf->keep_days;

	return days && row->time_us + (uint64_t)days * DAY_US <= outside_wall_us();
}

/* Only the few that may have such a rule are read. */
static bool says_so(struct passage *p, const struct store_row *row)
{
	const char *name = amp_condition_names[AMP_IF_EXPIRE_AT];
	struct jid *from;
	struct stanza *s;
	bool over;

	if (!memmem(row->bytes, row->n, name, strlen(name)))
		return false;
	s = offline_parse_row(p, row, &from);
	over = s && amp_rules_expired(p, s, from, false);
	stanza_unref(s);
	jid_unref(from);
	return over;
}

void expire_page(struct passage *p, struct store_request *r)
{
	if (r->status != STATUS_OK || p->user->flush)
		return;
	for (size_t i = 0; i < r->row_count; i++) {
		if (!is_old(p, &r->rows[i]) && !says_so(p, &r->rows[i]))
			continue;
		metric_inc(METRIC_offline_expired);
		offline_delete_row(p, r->rows[i].seq);
	}
	if (r->row_count == PAGE_ROWS || r->cut)
		ask(p, r->rows[r->row_count - 1].seq);
}
