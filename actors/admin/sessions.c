/* Commands about sessions (XEP-0133 4.7, 4.14 to 4.22, 4.23): asked of the shards, which alone know. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/admin/inner.h"
#include "xmpp/ns.h"

/* --- answers made of what was gathered --- */

void call_answer_number(struct call *c, const char *var, const char *label)
{
	char number[24];
	struct builder *b = call_result(c);

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)c->count);
	form_add_text(b, var, label, FORM_TEXT_SINGLE, span_of(number));
	call_end(c, NULL);
}

void call_add_lines(struct call *c, const char *var, const char *label, enum form_type type)
{
	struct span rest = buf_span(&c->lines);

	form_open_field(c->builder, var, label, type);
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;

		form_value(c->builder, (struct span){ rest.p, n });
		rest = end ? (struct span){ end + 1, rest.n - n - 1 } : (struct span){ rest.p + n, 0 };
	}
	builder_close(c->builder);
}

/* Each shard gives as many as are wanted in all: what is too much is left out here. */
static size_t cut(struct call *c, uint32_t limit)
{
	struct span all = buf_span(&c->lines);
	size_t n = 0, lines = 0;

	while (n < all.n && lines < limit) {
		const char *end = memchr(all.p + n, '\n', all.n - n);

		n = end ? (size_t)(end - all.p) + 1 : all.n;
		lines++;
	}
	c->lines.end = c->lines.start + (uint32_t)n;
	return lines;
}

void call_answer_list(struct call *c, const char *var, const char *label)
{
	size_t shown = cut(c, call_limit(c));
	struct builder *b = call_result(c);
	struct buf note = BUF_INIT;
	char *text = NULL;

	(void)b;
	call_add_lines(c, var, label, FORM_JID_MULTI);
	if (shown < c->count && !c->late) {
		buf_addf(&note, "%zu of %llu are shown", shown, (unsigned long long)c->count);
		text = buf_take_text(&note);
	}
	call_end(c, text);
	free(text);
}

/* --- who is online --- */

static void ask_domain(struct call *c, enum shard_ask_op op, uint32_t limit, void (*answered)(struct call *c))
{
	struct jid *domain = jid_make(SPAN_NONE, c->domain, SPAN_NONE);

	call_ask(c, op, domain, limit, NULL);
	jid_unref(domain);
	call_wait(c, answered);
}

static void online_number(struct call *c)
{
	call_answer_number(c, "onlineusersnum", "Users online");
}

void run_get_online_users_num(struct call *c)
{
	ask_domain(c, SHARD_ASK_ONLINE, 0, online_number);
}

static void active_number(struct call *c)
{
	call_answer_number(c, "activeusersnum", "Users active");
}

void run_get_active_users_num(struct call *c)
{
	ask_domain(c, SHARD_ASK_ACTIVE, 0, active_number);
}

static void idle_number(struct call *c)
{
	call_answer_number(c, "idleusersnum", "Users idle");
}

void run_get_idle_users_num(struct call *c)
{
	ask_domain(c, SHARD_ASK_IDLE, 0, idle_number);
}

static void online_list(struct call *c)
{
	call_answer_list(c, "onlineuserjids", "Users online");
}

void run_get_online_users_list(struct call *c)
{
	ask_domain(c, SHARD_ASK_ONLINE, call_limit(c), online_list);
}

static void active_list(struct call *c)
{
	call_answer_list(c, "activeuserjids", "Users active");
}

void run_get_active_users(struct call *c)
{
	ask_domain(c, SHARD_ASK_ACTIVE, call_limit(c), active_list);
}

static void idle_list(struct call *c)
{
	call_answer_list(c, "idleuserjids", "Users idle");
}

void run_get_idle_users(struct call *c)
{
	ask_domain(c, SHARD_ASK_IDLE, call_limit(c), idle_list);
}

/* --- orders --- */

static void note_count(struct call *c, const char *what)
{
	char note[96];

	(void)snprintf(note, sizeof(note), "%s: %llu%s", what, (unsigned long long)c->count,
		       c->late ? " so far; not every part of the server has answered in time" : "");
	call_done(c, note);
}

static void sessions_ended(struct call *c)
{
	note_count(c, "Sessions ended");
}

static void end_one(struct call *c, struct jid *account, void *ctx UNUSED)
{
	call_ask(c, SHARD_ASK_END, account, 0, NULL);
}

void run_end_user_session(struct call *c)
{
	if (!call_each_account(c, "accountjids", true, NULL, NULL))
		return;
	(void)call_each_account(c, "accountjids", true, end_one, NULL);
	call_wait(c, sessions_ended);
}

static void announced(struct call *c)
{
	note_count(c, "Clients reached");
}

/* A headline: it is for those who are there, and nobody's archive (RFC 6121 5.2.2). */
static struct stanza *make_announcement(struct call *c)
{
	const struct stanza *s = c->packet.stanza;
	stanza_el field = form_find(s, c->form, "announcement"), value = STANZA_NO_EL;
	struct span subject = call_field(c, "subject");
	struct builder *b = c->builder;
	bool first = true;

	builder_reset(b);
	builder_open(b, "message", NULL);
	builder_attr_text(b, "type", "headline");
	if (subject.n)
		builder_leaf(b, "subject", NULL, subject);
	builder_open(b, "body", NULL);
	while ((value = form_next_value(s, field, value)) != STANZA_NO_EL) {
		if (!first)
			builder_text(b, SPAN_LIT("\n"));
		builder_text(b, stanza_text(s, value));
		first = false;
	}
	builder_close(b);
	builder_close(b);
	return builder_finish(b);
}

void run_announce(struct call *c)
{
	struct jid *domain = jid_make(SPAN_NONE, c->domain, SPAN_NONE);
	struct stanza *message = make_announcement(c);

	call_ask(c, SHARD_ASK_ANNOUNCE, domain, 0, message);
	stanza_unref(message);
	jid_unref(domain);
	call_wait(c, announced);
}
