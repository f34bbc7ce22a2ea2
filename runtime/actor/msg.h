#pragma once
/* What travels between actors. A message is one heap block with this header first. It has one owner: the sender
 * until actor_send takes it, then the runtime, which frees it after the handler (drop function first, then the
 * block) in one place. A handler that keeps a piece takes it out and leaves NULL; a handler that passes the whole
 * message on calls actor_forward. */
#include "runtime/base.h"

/* index in the low 24 bits, generation above; 0 is nobody */
typedef uint64_t actor_id;
#define ACTOR_NONE ((actor_id)0)

struct msg;

struct msg_kind {
	const char *name; /* "SHARD_DELIVER" */
	uint32_t size;    /* bytes of the whole struct */
	uint32_t number;  /* position in its protocol table */
	void (*drop)(struct msg *m); /* releases what the message owns, not the block; may be NULL */
	const char *doc;
};

struct msg {
	struct msg *next; /* mailbox link: owned by the mailbox */
	const struct msg_kind *kind;
	actor_id to, from; /* set by send */
};

/* A protocol is a table of rows in the receiver's header:
 *
 *     #define SHARD_PROTOCOL(M) \
 *         M(SHARD_DELIVER, shard_deliver, packet_msg, packet_msg_drop, "Something for a user here.") \
 *         ...
 *     MSG_DECLARE(shard, SHARD_PROTOCOL)
 *
 * Columns: number, name (handler and kind), struct tag, drop function or NULL, one sentence. Every struct starts
 * with `struct msg m;`. MSG_DECLARE makes the numbers and the kinds (`shard_deliver_kind`) visible. The kinds and the
 * drop functions are defined in a protocol.c beside the header by MSG_DEFINE(SHARD_PROTOCOL), so that a sender links
 * without its receiver; in the receiver's .c file MSG_RECEIVE(shard, struct shard, SHARD_PROTOCOL) makes
 * `shard_receive`, which calls `on_shard_deliver(struct shard *, struct packet_msg *)` for each row: a missing
 * handler or one with another struct stops the build. Several rows may use one struct, so that a request can come
 * home to its sender under a reply kind (actor_reply_as). */
#define MSG_KIND_DECLARE_ROW(NAME, name, tag, drop, doc) extern const struct msg_kind name##_kind;
#define MSG_ENUM_ROW(NAME, name, tag, drop, doc) NAME,
#define MSG_DECLARE_KINDS(TABLE) TABLE(MSG_KIND_DECLARE_ROW)
#define MSG_DECLARE_NUMBERS(actor, TABLE) enum actor##_number { TABLE(MSG_ENUM_ROW) };
#define MSG_DECLARE(actor, TABLE) \
	MSG_DECLARE_NUMBERS(actor, TABLE) \
	MSG_DECLARE_KINDS(TABLE)

#define MSG_KIND_ROW(NAME, name, tag, drop_fn, doc_text) \
	const struct msg_kind name##_kind = { #NAME, sizeof(struct tag), NAME, drop_fn, doc_text };
#define MSG_DEFINE(TABLE) TABLE(MSG_KIND_ROW)
#define MSG_CASE_ROW(NAME, name, tag, drop, doc) \
	case NAME: \
		ASSERT(m->kind == &name##_kind); \
		on_##name(self, (struct tag *)(void *)m); \
		break;
#define MSG_RECEIVE(actor, state, TABLE) \
	static void actor##_receive(void *opaque, struct msg *m) \
	{ \
		state *self = opaque; \
		switch ((enum actor##_number)m->kind->number) { \
			TABLE(MSG_CASE_ROW) \
		default: \
			BUG("message of another protocol"); \
		} \
	}

/* A zeroed message of this kind. */
struct msg *msg_new(const struct msg_kind *kind);
/* MSG_NEW(shard_deliver, packet_msg): a zeroed `struct packet_msg` of kind shard_deliver. */
#define MSG_NEW(name, tag) ((struct tag *)(void *)msg_new(&name##_kind))
/* Drops and frees a message that was never sent. */
void msg_free(struct msg *m);
