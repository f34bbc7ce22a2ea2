/* The actor: takes requests, keeps dialogues, asks shards, answers. What a command does is in accounts.c, sessions.c, hosts.c.
 *
 * A command is one form and its answer, or the form with the first request, as back offices send it; a few have a second
 * form. A dialogue is made when a form is sent out, belongs to the full JID that asked for it, ends with its command or when its time
 * is over, and never outlives the asker's right to the command: that is looked at in each stage. */
#include "actors/admin/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/admin/inner.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define DIALOGUES_EACH 5u     /* of one full JID: its oldest gives way */
#define CALLS_MAX 100u        /* commands that wait for shards */

struct dialogue {
	struct list link; /* in admin->dialogues, oldest first */
	char id[2 * COMMAND_ID_BYTES + 1];
	struct jid *asker, *at; /* full; the address it is with */
	const struct command *command;
	char *subject;    /* NULL in the first stage */
	uint64_t until_ms;
};

struct admin {
	const struct server *server;
	actor_id self;
	char *uri;
	struct store *store; /* NULL until it is needed and could be opened */
	struct builder *builder;
	struct list dialogues, waiting;
	unsigned dialogue_count, waiting_count;
	uint64_t calls;
};

static command_run_f *const runs[COMMAND_COUNT] = {
#define COMMAND(name, part, node, title, who, fields, doc) run_##name,
#include "actors/admin/commands.def"
#undef COMMAND
};

/* --- dialogues --- */

static void dialogue_free(struct admin *self, struct dialogue *d)
{
	list_remove(&d->link);
	self->dialogue_count--;
	jid_unref(d->asker);
	jid_unref(d->at);
	free(d->subject);
	free(d);
}

/* All live equally long, so the first ones end first. */
static void drop_old_dialogues(struct admin *self)
{
	while (!list_empty(&self->dialogues)) {
		struct dialogue *oldest = CONTAINER_OF(self->dialogues.next, struct dialogue, link);

		if (oldest->until_ms > actor_now_ms())
			break;
		dialogue_free(self, oldest);
	}
}

static void make_room(struct admin *self, const struct jid *asker)
{
	struct dialogue *oldest = NULL;
	unsigned count = 0;

	LIST_EACH(it, &self->dialogues) {
		struct dialogue *d = CONTAINER_OF(it, struct dialogue, link);

		if (jid_eq(d->asker, asker) && count++ == 0)
			oldest = d;
	}
	if (count >= DIALOGUES_EACH)
		dialogue_free(self, oldest);
}

/* NULL: there are too many. */
static struct dialogue *dialogue_new(struct call *c)
{
	struct admin *self = c->admin;
	struct dialogue *d;

	make_room(self, c->packet.from);
	if (self->dialogue_count >= (uint64_t)self->server->conf->command_sessions) {
		metric_limit(METRIC_limit_commands);
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	outside_random_hex(d->id, COMMAND_ID_BYTES);
	d->asker = jid_ref(c->packet.from);
	d->at = jid_ref(c->packet.to);
	d->command = c->command;
	d->until_ms = actor_now_ms() + (uint64_t)self->server->conf->command_time * 1000;
	list_push_back(&self->dialogues, &d->link);
	self->dialogue_count++;
	return d;
}

static struct dialogue *dialogue_find(struct admin *self, const struct call *c, struct span id)
{
	LIST_EACH(it, &self->dialogues) {
		struct dialogue *d = CONTAINER_OF(it, struct dialogue, link);

		if (span_is(id, d->id) && jid_eq(d->asker, c->packet.from) && jid_eq(d->at, c->packet.to) && d->command == c->command)
			return d;
	}
	return NULL;
}

/* --- answers --- */

static void send_answer(struct call *c, struct stanza *s)
{
	struct packet reply = packet_make(s, c->packet.to, c->packet.from, PACKET_SERVER);

	reply.pledge = c->packet.pledge; /* handled when the answer is with the asker's connection, as passage_reply has it */
	c->packet.pledge = NULL;
	server_route(c->server, &reply);
}

static void call_free(struct call *c)
{
	packet_clear(&c->packet);
	buf_fini(&c->lines);
	buf_fini(&c->note);
	free(c);
}

static void end_dialogue(struct call *c)
{
	if (c->dialogue)
		dialogue_free(c->admin, c->dialogue);
	c->dialogue = NULL;
}

/* An error with the condition of XEP-0050 4.4 beside the stanza's own. */
static void refuse_as(struct call *c, enum stanza_error condition, const char *special, const char *text)
{
	struct builder *b = c->builder;

	metric_inc(METRIC_commands_refused);
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_attr_text(b, "type", "error");
	builder_attr(b, "id", stanza_id(c->packet.stanza));
	builder_open(b, "error", NULL);
	builder_attr_text(b, "type", stanza_error_type(condition));
	builder_leaf(b, stanza_error_text(condition), NS_STANZAS, SPAN_NONE);
	if (text)
		builder_leaf(b, "text", NS_STANZAS, span_of(text));
	if (special)
		builder_leaf(b, special, NS_COMMANDS, SPAN_NONE);
	builder_close(b);
	builder_close(b);
	send_answer(c, builder_finish(b));
}

void call_refuse(struct call *c, enum stanza_error condition, const char *text)
{
	refuse_as(c, condition, condition == STANZA_ERROR_BAD_REQUEST ? "bad-payload" : NULL, text);
}

static struct builder *open_answer(struct call *c, const char *status)
{
	struct builder *b = c->builder;

	stanza_open_result(b, c->packet.stanza, SPAN_NONE, SPAN_NONE);
	builder_open(b, "command", NS_COMMANDS);
	builder_attr_text(b, "node", c->command->node);
	builder_attr_text(b, "sessionid", c->id);
	builder_attr_text(b, "status", status);
	return b;
}

static void close_answer(struct call *c, const char *kind, const char *note)
{
	struct builder *b = c->builder;

	if (note) {
		builder_open(b, "note", NULL);
		builder_attr_text(b, "type", kind);
		builder_text(b, span_of(note));
		builder_close(b);
	}
	builder_close(b);
	builder_close(b);
	send_answer(c, builder_finish(b));
}

static struct builder *open_completed(struct call *c)
{
	end_dialogue(c);
	metric_inc(METRIC_commands_run);
	return open_answer(c, "completed");
}

void call_done(struct call *c, const char *note)
{
	open_completed(c);
	close_answer(c, "info", note);
}

struct builder *call_result(struct call *c)
{
	struct builder *b = open_completed(c);

	form_open(b, "result", c->command->title, NULL);
	form_kind(b, NS_ADMIN);
	return b;
}

void call_end(struct call *c, const char *note)
{
	builder_close(c->builder);
	close_answer(c, "warn", note ? note : c->late ? "Not every part of the server has answered in time: this is not all" : NULL);
}

static void open_form(struct call *c, const char *instructions)
{
	struct builder *b = open_answer(c, "executing");

	builder_open(b, "actions", NULL);
	builder_attr_text(b, "execute", "complete");
	builder_open(b, "complete", NULL);
	builder_close(b);
	builder_close(b);
	form_open(b, "form", c->command->title, instructions);
	form_kind(b, NS_ADMIN);
}

struct builder *call_ask_more(struct call *c, const char *instructions)
{
	struct dialogue *d = c->dialogue ? c->dialogue : dialogue_new(c);

	if (!d) {
		call_refuse(c, STANZA_ERROR_RESOURCE_CONSTRAINT, "Too many commands are under way; try again later");
		return NULL;
	}
	c->dialogue = d;
	(void)snprintf(c->id, sizeof(c->id), "%s", d->id);
	open_form(c, instructions);
	return c->builder;
}

void call_end_more(struct call *c, const char *subject)
{
	free(c->dialogue->subject);
	c->dialogue->subject = subject ? xstrdup(subject) : NULL;
	builder_close(c->builder);
	close_answer(c, NULL, NULL);
}

const char *call_subject(const struct call *c)
{
	return c->dialogue ? c->dialogue->subject : NULL;
}

/* --- the form --- */

struct span call_field(const struct call *c, const char *var)
{
	return form_text(c->packet.stanza, c->form, var);
}

struct jid *call_account(struct call *c, struct span text, bool full)
{
	struct jid *j = text.n ? jid_parse(text) : NULL;
	const char *problem = NULL;

	if (!j || j->local_n == 0 || (!full && !jid_is_bare(j)))
		problem = full ? "this is no address of an account; write name@domain or name@domain/resource" :
				 "this is no account; write name@domain";
	if (problem) {
		call_refuse(c, STANZA_ERROR_BAD_REQUEST, problem);
	} else if (!server_is_local(c->server, jid_domain(j))) {
		call_refuse(c, STANZA_ERROR_ITEM_NOT_FOUND, "This domain is not served here");
		problem = "";
	} else if (c->reach != COMMAND_EVERYWHERE && !span_eq(jid_domain(j), c->domain)) {
		call_refuse(c, STANZA_ERROR_FORBIDDEN, "You may do this within the domain of the command only");
		problem = "";
	}
	if (!problem)
		return j;
	jid_unref(j);
	return NULL;
}

bool call_each_account(struct call *c, const char *var, bool full, call_each_f *visit, void *ctx)
{
	const struct stanza *s = c->packet.stanza;
	stanza_el field = form_find(s, c->form, var), value = STANZA_NO_EL;

	while ((value = form_next_value(s, field, value)) != STANZA_NO_EL) {
		struct jid *j;

		if (stanza_text(s, value).n == 0)
			continue;
		j = call_account(c, stanza_text(s, value), full);
		if (!j)
			return false;
		if (visit)
			visit(c, j, ctx);
		jid_unref(j);
	}
	return true;
}

/* --- the shards --- */

static void ask_one(struct call *c, actor_id shard, enum shard_ask_op op, struct jid *about, uint32_t limit, struct stanza *stanza)
{
	struct shard_ask *m = MSG_NEW(shard_ask, shard_ask);

	m->reply = &admin_answered_kind;
	m->op = op;
	m->call = c->number;
	m->about = jid_ref(about);
	m->stanza = stanza ? stanza_ref(stanza) : NULL;
	m->limit = limit;
	c->outstanding++;
	actor_send(shard, &m);
}

void call_ask(struct call *c, enum shard_ask_op op, struct jid *about, uint32_t limit, struct stanza *stanza)
{
	if (about->local_n)
		ask_one(c, server_shard(c->server, about), op, about, limit, stanza);
	else
		for (unsigned i = 0; i < c->server->shards; i++)
			ask_one(c, c->server->shard[i], op, about, limit, stanza);
}

void call_wait(struct call *c, void (*answered)(struct call *c))
{
	struct admin_deadline *m;

	c->answered = answered;
	end_dialogue(c);
	if (c->outstanding == 0) {
		answered(c);
		return;
	}
	list_push_back(&c->admin->waiting, &c->link);
	c->admin->waiting_count++;
	m = MSG_NEW(admin_deadline, admin_deadline);
	m->call = c->number;
	actor_send_after(c->admin->self, &m, (uint64_t)c->server->conf->command_wait * 1000);
}

static struct call *waiting_call(struct admin *self, uint64_t number)
{
	LIST_EACH(it, &self->waiting) {
		struct call *c = CONTAINER_OF(it, struct call, link);

		if (c->number == number)
			return c;
	}
	return NULL; /* answered already */
}

static void finish(struct admin *self, struct call *c)
{
	list_remove(&c->link);
	self->waiting_count--;
	c->answered(c);
	call_free(c);
}

static void on_admin_answered(struct admin *self, struct shard_ask *m)
{
	struct call *c = waiting_call(self, m->call);

	if (!c)
		return;
	c->count += m->count;
	buf_add_span(&c->lines, buf_span(&m->lines));
	if (--c->outstanding == 0)
		finish(self, c);
}

static void on_admin_deadline(struct admin *self, struct admin_deadline *m)
{
	struct call *c = waiting_call(self, m->call);

	if (!c)
		return;
	c->late = true;
	finish(self, c);
}

/* --- requests --- */

static bool open_store(struct admin *self)
{
	char *error = NULL;

	if (self->store)
		return true;
	if (store_open(self->uri, STORE_WRITER, &self->store, &error) == STATUS_OK)
		return true;
	LOG_ERROR("admin", "the store cannot be opened: %s", error ? error : "unknown reason");
	free(error);
	return false;
}

static void run_stage(struct call *c)
{
	char room[160];
	const char *problem = form_problem(c->packet.stanza, c->form, c->command->fields, c->command->field_count, room);

	if (problem) {
		call_refuse(c, STANZA_ERROR_BAD_REQUEST, problem);
		return;
	}
	if (!open_store(c->admin)) {
		call_refuse(c, STANZA_ERROR_INTERNAL_SERVER_ERROR, "The store cannot be opened");
		return;
	}
	c->store = c->admin->store;
	LOG_INFO("admin", "%s runs %s at %s", c->packet.from->text, c->command->node, c->packet.to->text);
	runs[c->command - commands](c);
}

static void send_form(struct call *c)
{
	if (!call_ask_more(c, NULL))
		return;
	for (unsigned i = 0; i < c->command->field_count; i++)
		form_add(c->builder, &c->command->fields[i]);
	call_end_more(c, NULL);
}

static void cancel(struct call *c)
{
	end_dialogue(c);
	open_answer(c, "canceled");
	close_answer(c, NULL, NULL);
}

/* What the request wants of the stage it is in (XEP-0050 3.4). */
static void act(struct call *c, struct span action)
{
	bool first = !c->dialogue, known = !action.n || span_is(action, "execute") || span_is(action, "complete") || span_is(action, "next");

	if (span_is(action, "cancel") && !first)
		cancel(c);
	else if (span_is(action, "prev") || (span_is(action, "cancel") && first))
		refuse_as(c, STANZA_ERROR_BAD_REQUEST, "bad-action", "There is nothing to go back to");
	else if (!known)
		refuse_as(c, STANZA_ERROR_BAD_REQUEST, "malformed-action", "This is no action of a command");
	else if (first && c->form == STANZA_NO_EL && c->command->field_count)
		send_form(c);
	else
		run_stage(c);
}

static void begin(struct admin *self, struct call *c, struct span node, struct span id)
{
	c->command = command_find(node);
	c->domain = jid_domain(c->packet.to);
	if (!c->command) {
		refuse_as(c, STANZA_ERROR_ITEM_NOT_FOUND, NULL, "There is no such command");
		return;
	}
	c->reach = command_reach(self->server, c->command, c->packet.from, c->domain);
	if (c->reach == COMMAND_NOWHERE) {
		LOG_WARNING("admin", "%s may not run %s at %s", c->packet.from->text, c->command->node, c->packet.to->text);
		refuse_as(c, STANZA_ERROR_FORBIDDEN, NULL, "You may not run this command");
		return;
	}
	drop_old_dialogues(self);
	c->dialogue = id.n ? dialogue_find(self, c, id) : NULL;
	if (c->dialogue)
		(void)snprintf(c->id, sizeof(c->id), "%s", c->dialogue->id);
	else
		outside_random_hex(c->id, COMMAND_ID_BYTES); /* for an answer without a dialogue */
	if (id.n && !c->dialogue)
		refuse_as(c, STANZA_ERROR_BAD_REQUEST, "bad-sessionid", "This session has ended, or never was; begin again without a sessionid");
	else if (self->waiting_count >= CALLS_MAX)
		refuse_as(c, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL, "Too many commands are under way; try again later");
	else
		act(c, stanza_attr(c->packet.stanza, stanza_first(c->packet.stanza, STANZA_TOP), "action"));
}

static void on_admin_command(struct admin *self, struct packet_msg *m)
{
	struct call *c = xcalloc(1, sizeof(*c));
	const struct stanza *s = m->packet.stanza;
	stanza_el command = stanza_first(s, STANZA_TOP);

	*c = (struct call){ .number = ++self->calls, .admin = self, .server = self->server, .builder = self->builder };
	list_init(&c->link);
	c->packet = packet_take(&m->packet);
	c->form = form_submitted(s, command);
	begin(self, c, stanza_attr(s, command, "node"), stanza_attr(s, command, "sessionid"));
	if (list_empty(&c->link)) /* answered */
		call_free(c);
}

MSG_RECEIVE(admin, struct admin, ADMIN_PROTOCOL)

/* --- life --- */

static void start(void *state, actor_id id)
{
	((struct admin *)state)->self = id;
}

static void stop(void *state)
{
	struct admin *self = state;
	struct list *link;

	while ((link = list_pop_front(&self->waiting)))
		call_free(CONTAINER_OF(link, struct call, link));
	while (!list_empty(&self->dialogues))
		dialogue_free(self, CONTAINER_OF(self->dialogues.next, struct dialogue, link));
	store_close(self->store);
	builder_free(self->builder);
	free(self->uri);
	free(self);
}

actor_id admin_spawn(const struct server *server, const char *store_uri)
{
	static const struct behaviour behaviour = { .name = "admin", .placement = ACTOR_THREADED, .receive = admin_receive,
						    .on_start = start, .on_stop = stop };
	struct admin *self = xcalloc(1, sizeof(*self));

	self->server = server;
	self->uri = xstrdup(store_uri);
	self->builder = builder_new();
	list_init(&self->dialogues);
	list_init(&self->waiting);
	return actor_spawn(&behaviour, self, 0);
}
