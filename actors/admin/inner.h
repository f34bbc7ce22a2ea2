#pragma once
/* What the files of actors/admin share: a call, which is one command request under way, and what the commands are made of. All
 * of it runs in the admin actor's thread. */
#include "actors/admin/admin.h"
#include "actors/admin/commands.h"
#include "runtime/mem/list.h"

struct admin;
struct dialogue; /* a command of several stages (admin.c) */

#define COMMAND_ID_BYTES 16 /* random ones in a session's id */

struct call {
	struct list link; /* in admin->waiting while shards are asked */
	uint64_t number;
	struct admin *admin;
	const struct server *server;
	struct store *store;      /* writing; its own handle */
	struct builder *builder;
	const struct command *command;
	enum command_reach reach;
	struct packet packet;     /* the request */
	struct span domain;       /* of the address it was sent to */
	stanza_el form;           /* as submitted, or STANZA_NO_EL */
	struct dialogue *dialogue;
	char id[2 * COMMAND_ID_BYTES + 1]; /* sessionid of the answer */
	/* what the shards answer */
	unsigned outstanding;
	bool late;                /* not all of them did in time */
	uint64_t count;
	struct buf lines;         /* one for each item */
	struct buf note;          /* of the command's own */
	void (*answered)(struct call *c); /* all of them did, or the time is over */
};

typedef void command_run_f(struct call *c);
#define COMMAND(name, part, node, title, who, fields, doc) command_run_f run_##name;
#include "actors/admin/commands.def"
#undef COMMAND

/* Each command answers its call once, now or in `answered`. */

/* --- answers --- */
/* The stanza error says what is wrong; text is borrowed. */
void call_refuse(struct call *c, enum stanza_error condition, const char *text);
/* Done: the result with a note. */
void call_done(struct call *c, const char *note);
/* Done, with a form of results: add fields to call_result's builder, then call_end. note may be NULL. */
struct builder *call_result(struct call *c);
void call_end(struct call *c, const char *note);
/* The number, or the lines, that were gathered: done, with the one field. */
void call_answer_number(struct call *c, const char *var, const char *label);
void call_answer_list(struct call *c, const char *var, const char *label);
void call_add_lines(struct call *c, const char *var, const char *label, enum form_type type); /* into the open form */
uint32_t call_limit(const struct call *c); /* items the asker wants at most: field max_items */
/* Another form first, for what `subject` names; the fields are written by the caller between the two. */
struct builder *call_ask_more(struct call *c, const char *instructions);
void call_end_more(struct call *c, const char *subject);
const char *call_subject(const struct call *c); /* what an earlier stage settled; NULL in the first */

/* --- the form --- */
struct span call_field(const struct call *c, const char *var); /* n 0 when absent */
/* The account a field's value names: a JID with a localpart in a domain the asker may touch. NULL, and the call is refused: it
 * is not. The caller's. `full`: it may have a resource. */
struct jid *call_account(struct call *c, struct span text, bool full);
/* All values of a field, each as call_account; stops, with false, at the first that is refused. */
typedef void call_each_f(struct call *c, struct jid *account, void *ctx);
bool call_each_account(struct call *c, const char *var, bool full, call_each_f *visit, void *ctx);

/* --- the shards --- */
/* Asks the shard of a JID, or all of them when it is a domain; c->answered comes later, also when none is asked. */
void call_ask(struct call *c, enum shard_ask_op op, struct jid *about, uint32_t limit, struct stanza *stanza);
void call_wait(struct call *c, void (*answered)(struct call *c)); /* last: the command returns, and waits */
