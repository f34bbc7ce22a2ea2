/* XEP-0013: a client looks at its user's offline messages one by one, and removes what it has done with, instead of being
 * given all of them with its first presence. Asking for the node, or fetching, is what chooses that for the session.
 *
 * A message is named by the number of its row, so names sort by age. One request looks at the oldest messages only, as many
 * as a client's queue takes at once (LOOK_ROWS, LOOK_BYTES); the others come into view when those are removed, and the
 * number of messages counts them all. A message that was viewed stays where it is until it is removed, so its copy on the way
 * owes nobody anything. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/session/offline.h"
#include "actors/store.h"
#include "xmpp/ns.h"

#define LOOK_ROWS 500u
#define LOOK_BYTES 262144u
#define NAME_MAX_BYTES 24

static void write_name(char out[NAME_MAX_BYTES], uint64_t seq)
{
	(void)snprintf(out, NAME_MAX_BYTES, "%020llu", (unsigned long long)seq);
}

/* Visitors get what is kept for them with the roster; they choose nothing. */
static bool may_look(const struct passage *p)
{
	return p->target == TARGET_SELF && p->user->class != CLASS_VISITOR;
}

/* NULL: return *v. */
static const struct store_request *look(struct passage *p, enum xep_verdict *v)
{
	const struct store_request *r =
		passage_read_log(p, STORE_OFFLINE, jid_bare(p->user->bare), LOOK_ROWS, LOOK_BYTES);

	*v = XEP_WAIT;
	if (r && r->status != STATUS_OK && r->status != STATUS_NOT_FOUND) {
		*v = passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
		return NULL;
	}
	return r;
}

static void choose(struct passage *p)
{
	if (p->session)
		p->session->looks_itself = true;
}

/* --- the node --- */

static void put_field(struct builder *b, const char *var, const char *type, const char *value)
{
	builder_open(b, "field", NULL);
	builder_attr_text(b, "var", var);
	builder_attr_text(b, "type", type);
	builder_leaf(b, "value", NULL, span_of(value));
	builder_close(b);
}

static enum xep_verdict tell_number(struct passage *p)
{
	const struct store_request *r =
		passage_read(p, STORE_OP_LOG_COUNT, STORE_OFFLINE, jid_bare(p->user->bare), SPAN_NONE);
	char number[NAME_MAX_BYTES];
	struct builder *b;

	if (!r)
		return XEP_WAIT;
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND)
		return passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
	choose(p);
	(void)snprintf(number, sizeof(number), "%llu", r->status == STATUS_OK ? (unsigned long long)r->seq : 0);
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_INFO);
	builder_attr_text(b, "node", NS_OFFLINE);
	builder_open(b, "identity", NULL);
	builder_attr_text(b, "category", "automation");
	builder_attr_text(b, "type", "message-list");
	builder_close(b);
	builder_open(b, "feature", NULL);
	builder_attr_text(b, "var", NS_OFFLINE);
	builder_close(b);
	builder_open(b, "x", NS_DATA);
	builder_attr_text(b, "type", "result");
	put_field(b, "FORM_TYPE", "hidden", NS_OFFLINE);
	put_field(b, "number_of_messages", NULL, number);
	builder_close(b);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

/* The full JID of its sender: only the message itself has it. */
static void put_header(struct passage *p, struct buf *items, const struct store_row *row)
{
	struct jid *from;
	struct stanza *s = offline_parse_row(p, row, &from);
	char *name;

	if (!s)
		return;
	name = xstrndup(jid_full(from).p, jid_full(from).n);
	buf_add(items, &row->seq, sizeof(row->seq));
	buf_add(items, &name, sizeof(name));
	jid_unref(from);
	stanza_unref(s);
}

/* Messages are read, which uses the builder, before the answer is begun. */
static enum xep_verdict tell_headers(struct passage *p)
{
	enum xep_verdict v;
	const struct store_request *r = look(p, &v);
	const size_t step = sizeof(uint64_t) + sizeof(char *);
	struct buf items = BUF_INIT;
	struct builder *b;

	if (!r)
		return v;
	choose(p);
	for (size_t i = 0; i < r->row_count; i++)
		put_header(p, &items, &r->rows[i]);
	b = passage_open_result(p);
	builder_open(b, "query", NS_DISCO_ITEMS);
	builder_attr_text(b, "node", NS_OFFLINE);
	for (struct span all = buf_span(&items); all.n > 0; all.p += step, all.n -= step) {
		char node[NAME_MAX_BYTES], *name;
		uint64_t seq;

		memcpy(&seq, all.p, sizeof(seq));
		memcpy(&name, all.p + sizeof(seq), sizeof(name));
		write_name(node, seq);
		builder_open(b, "item", NULL);
		builder_attr(b, "jid", jid_bare(p->user->bare));
		builder_attr_text(b, "node", node);
		builder_attr_text(b, "name", name);
		builder_close(b);
		free(name);
	}
	buf_fini(&items);
	builder_close(b);
	builder_close(b);
	passage_reply_built(p);
	return XEP_DONE;
}

static enum xep_verdict disco_node(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el query = stanza_first(s, STANZA_TOP);

	if (p->target == TARGET_SERVER || !span_is(stanza_attr(s, query, "node"), NS_OFFLINE))
		return XEP_PASS;
	if (!may_look(p))
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	return stanza_el_is(s, query, NULL, NS_DISCO_INFO) ? tell_number(p) : tell_headers(p);
}

/* --- messages --- */

static const struct store_row *find(const struct store_request *r, struct span node)
{
	for (size_t i = 0; i < r->row_count; i++) {
		char name[NAME_MAX_BYTES];

		write_name(name, r->rows[i].seq);
		if (span_is(node, name))
			return &r->rows[i];
	}
	return NULL;
}

static void show(struct passage *p, const struct store_row *row)
{
	struct builder *b = p->builder;
	struct jid *from;
	struct stanza *s = offline_parse_row(p, row, &from);
	char name[NAME_MAX_BYTES];
	struct packet packet;

	if (!s || !p->session)
		goto out;
	s = offline_stamped(p, s, row->time_us);
	write_name(name, row->seq);
	builder_reset(b);
	builder_open_span(b, stanza_name(s, STANZA_TOP), stanza_ns(s, STANZA_TOP));
	builder_copy_head(b, s);
	builder_copy_children(b, s, STANZA_TOP);
	builder_open(b, "offline", NS_OFFLINE);
	builder_open(b, "item", NULL);
	builder_attr_text(b, "node", name);
	builder_close(b);
	builder_close(b);
	builder_close(b);
	packet = packet_make(builder_finish(b), from, p->user->bare, PACKET_SERVER | PACKET_NO_STORE | PACKET_COPY);
	outbox_deliver(p->out, p->session, &packet, 0);
out:
	stanza_unref(s);
	jid_unref(from);
}

/* Every item of the request must be there and ask for this; the first that is not, or none at all, decides. */
static enum xep_verdict check_items(struct passage *p, stanza_el offline, const char *action, const struct store_request *r)
{
	const struct stanza *s = p->packet.stanza;
	unsigned count = 0;

	for (stanza_el el = stanza_first(s, offline); el != STANZA_NO_EL; el = stanza_next(s, el), count++) {
		if (!stanza_el_is(s, el, "item", NS_OFFLINE) || !span_is(stanza_attr(s, el, "action"), action))
			return passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
		if (!find(r, stanza_attr(s, el, "node")))
			return passage_refuse(p, STANZA_ERROR_ITEM_NOT_FOUND, NULL);
	}
	return count ? XEP_PASS : passage_refuse(p, STANZA_ERROR_BAD_REQUEST, NULL);
}

static bool is_alone(const struct stanza *s, stanza_el offline, const char *name)
{
	stanza_el el = stanza_first(s, offline);

	return el != STANZA_NO_EL && stanza_el_is(s, el, name, NS_OFFLINE) && stanza_next(s, el) == STANZA_NO_EL;
}

static enum xep_verdict view(struct passage *p)
{
	const struct stanza *s = p->packet.stanza;
	stanza_el offline = stanza_first(s, STANZA_TOP);
	bool fetch = is_alone(s, offline, "fetch");
	enum xep_verdict v = XEP_PASS;
	const struct store_request *r;

	if (!may_look(p))
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	r = look(p, &v);
	if (!r)
		return v;
	v = fetch ? XEP_PASS : check_items(p, offline, "view", r);
	if (v != XEP_PASS)
		return v;
	choose(p);
	for (size_t i = 0; fetch && i < r->row_count; i++)
		show(p, &r->rows[i]);
	for (stanza_el el = stanza_first(s, offline); !fetch && el != STANZA_NO_EL; el = stanza_next(s, el))
		show(p, find(r, stanza_attr(s, el, "node")));
	passage_result(p);
	return XEP_DONE;
}

static struct store_request *deletion(const struct passage *p, enum store_op op, uint64_t seq)
{
	struct store_request *r = store_request_new(op, STORE_OFFLINE, jid_bare(p->user->bare), SPAN_NONE, NULL);

	r->seq = seq;
	return r;
}

/* The answer waits for the last one; the store does them in order. */
static enum xep_verdict remove_items(struct passage *p, stanza_el offline, const struct store_request *rows)
{
	const struct stanza *s = p->packet.stanza;
	struct store_request *last = NULL;

	for (stanza_el el = stanza_first(s, offline); el != STANZA_NO_EL; el = stanza_next(s, el)) {
		if (last)
			outbox_store(p->out, p->server, NULL, last);
		last = deletion(p, STORE_OP_LOG_DELETE_ONE, find(rows, stanza_attr(s, el, "node"))->seq);
	}
	return passage_write(p, last);
}

static enum xep_verdict discard(struct passage *p)
{
	stanza_el offline = stanza_first(p->packet.stanza, STANZA_TOP);
	const struct store_request *r;
	enum xep_verdict v;

	if (!may_look(p))
		return passage_refuse(p, STANZA_ERROR_FORBIDDEN, NULL);
	if (is_alone(p->packet.stanza, offline, "purge"))
		return passage_write(p, deletion(p, STORE_OP_LOG_DELETE_UPTO, INT64_MAX));
	r = look(p, &v);
	if (!r)
		return v;
	v = check_items(p, offline, "remove", r);
	return v == XEP_PASS ? remove_items(p, offline, r) : v;
}

static const char *const features[] = { NS_OFFLINE, NULL };
static const struct xep_claim claims[] = {
	{ STANZA_TYPE_GET, "offline", NS_OFFLINE, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), view },
	{ STANZA_TYPE_SET, "offline", NS_OFFLINE, TARGET_BIT(TARGET_SELF) | TARGET_BIT(TARGET_CONTACT), discard },
};
const struct xep xep_offline_retrieval = {
	.plugin = CONFIG_PLUGIN_offline_retrieval,
	.features = features,
	.account_features = features,
	.claims = claims,
	.claim_count = ARRAY_LEN(claims),
	.disco_node = disco_node,
};
