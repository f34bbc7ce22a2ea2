#include "actors/session/kept.h"

#include <stdlib.h>

#include "actors/session/pipeline.h"

/* Reads of one passage. */
#define READS_MAX 8u

enum note { NOTE_USER, NOTE_SESSION, NOTE_TARGET };

struct kept {
	struct store_request *answers[READS_MAX];
	unsigned count;
	bool is_asked;
};

bool kept_is_asked(const struct user *user)
{
	return user->kept && user->kept->is_asked;
}

void kept_forget(struct user *user)
{
	struct kept *k = user->kept;

	if (!k)
		return;
	for (unsigned i = 0; i < k->count; i++)
		msg_free(&k->answers[i]->m);
	free(k);
	user->kept = NULL;
}

static void send(struct passage *p, struct store_request *r, const struct msg_kind *reply)
{
	r->note[NOTE_USER] = (uintptr_t)p->user;
	outbox_store(p->out, p->server, p->user, r);
	r->reply = reply;
}

/* --- reads --- */

static bool answers(const struct store_request *r, enum store_op op, enum store_collection c, struct span owner,
		    struct span key)
{
	return r->op == op && r->collection == c && span_is(owner, r->owner) && span_is(key, r->key ? r->key : "");
}

static const struct store_request *read_some(struct passage *p, enum store_op op, enum store_collection c, struct span owner,
					     struct span key, uint64_t rows, uint64_t bytes)
{
	struct store_request *r;
	struct kept *k = p->user->kept;

	if (!k)
		k = p->user->kept = xcalloc(1, sizeof(*k));
	for (unsigned i = 0; i < k->count; i++)
		if (answers(k->answers[i], op, c, owner, key))
			return k->answers[i];
	ASSERT(!k->is_asked && k->count < READS_MAX);
	k->is_asked = true;
	r = store_request_new(op, c, owner, key, NULL);
	r->limit = rows;
	r->bytes = bytes;
	send(p, r, &shard_read_kind);
	return NULL;
}

const struct store_request *passage_read(struct passage *p, enum store_op op, enum store_collection c, struct span owner,
					 struct span key)
{
	return read_some(p, op, c, owner, key, 0, 0);
}

const struct store_request *passage_read_log(struct passage *p, enum store_collection c, struct span owner, uint64_t rows,
					     uint64_t bytes)
{
	return read_some(p, STORE_OP_LOG_READ, c, owner, SPAN_NONE, rows, bytes);
}

struct user *kept_user(struct store_request *r)
{
	struct user *user = (struct user *)(uintptr_t)r->note[NOTE_USER];

	ASSERT(user && user->pending > 0);
	user->pending--;
	return user;
}

struct user *kept_read(struct store_request *r)
{
	struct user *user = kept_user(r);
	struct kept *k = user->kept;

	if (!k || !k->is_asked) /* who asked did not wait */
		return user;
	k->is_asked = false;
	k->answers[k->count++] = r;
	actor_keep(&r->m);
	return user;
}

/* --- writes --- */

enum xep_verdict passage_write(struct passage *p, struct store_request *r)
{
	struct packet request = packet_copy(&p->packet); /* its pledge, too: it is handled when it is answered */

	r->note[NOTE_SESSION] = p->session ? p->session->handle : 0;
	r->note[NOTE_TARGET] = p->target;
	r->packet = packet_note_new(&request);
	send(p, r, &shard_kept_kind);
	return XEP_DONE;
}

/* The passage of a request that waited, which comes out of `note`. */
static void go_on(struct passage *p, struct packet_note *note, uint64_t session, enum target target)
{
	p->packet = packet_take(&note->packet);
	p->target = target;
	p->direction = target == TARGET_CONTACT ? INBOUND : OUTBOUND;
	p->session = p->direction == OUTBOUND ? users_session(p->users, session) : NULL;
}

void kept_written(struct passage *p, struct store_request *r)
{
	const struct xep *x = NULL;

	go_on(p, r->packet, r->note[NOTE_SESSION], (enum target)r->note[NOTE_TARGET]);
	if (r->status != STATUS_OK && r->status != STATUS_NOT_FOUND) {
		passage_refuse(p, STANZA_ERROR_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	(void)pipeline_claim(p, &x);
	if (x && x->written)
		x->written(p, r);
	else
		passage_result(p);
}

/* --- the account --- */

enum xep_verdict passage_account(struct passage *p, enum account_op op, struct span password)
{
	struct account_request *r = MSG_NEW(auth_account, account_request);
	struct packet request = packet_copy(&p->packet);
	const struct server *server = p->server;

	r->reply = &shard_account_kind;
	r->op = op;
	r->user = jid_ref(p->user->bare);
	r->password = password.p ? xstrndup(password.p, password.n) : NULL;
	r->who = p->user;
	r->session = p->session ? p->session->handle : 0;
	r->packet = packet_note_new(&request);
	p->user->pending++;
	p->user->account_busy = true;
	outbox_add(p->out, server->auth[r->user->bare_hash % server->auths], r);
	return XEP_DONE;
}

struct user *kept_account_user(struct account_request *r)
{
	struct user *user = r->who;

	ASSERT(user && user->pending > 0);
	user->pending--;
	user->account_busy = false;
	return user;
}

void kept_accounted(struct passage *p, struct account_request *r)
{
	const struct xep *x = NULL;

	go_on(p, r->packet, r->session, TARGET_SELF); /* no plugin claims the account's and the server's apart */
	(void)pipeline_claim(p, &x);
	ASSERT(x && x->accounted);
	x->accounted(p, r);
}
