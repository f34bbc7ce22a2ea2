/* Message kinds and drop functions of the store, auth, cookie, watch and expiry actors: apart from the actors themselves, so that a
 * sender links without its receiver. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "actors/account_watch.h"
#include "actors/auth.h"
#include "actors/expiry.h"
#include "actors/packet.h"
#include "actors/store.h"

MSG_DEFINE(STORE_PROTOCOL)
MSG_DEFINE(AUTH_PROTOCOL)
MSG_DEFINE(COOKIE_PROTOCOL)
MSG_DEFINE(WATCH_PROTOCOL)
MSG_DEFINE(EXPIRY_PROTOCOL)

void store_request_drop(struct msg *m)
{
	struct store_request *r = (struct store_request *)(void *)m;

	free(r->owner);
	free(r->key);
	buf_fini(&r->value);
	for (size_t i = 0; i < r->row_count; i++) {
		free(r->rows[i].key);
		free(r->rows[i].bytes);
	}
	free(r->rows);
	packet_note_free(r->packet);
}

struct store_request *store_request_new(enum store_op op, enum store_collection c, struct span owner, struct span key,
					const struct msg_kind *reply)
{
	struct store_request *r = MSG_NEW(store_request, store_request);

	r->op = op;
	r->collection = c;
	r->owner = xstrndup(owner.p ? owner.p : "", owner.n);
	r->key = xstrndup(key.p ? key.p : "", key.n);
	r->reply = reply;
	return r;
}

void auth_request_drop(struct msg *m)
{
	struct auth_request *r = (struct auth_request *)(void *)m;

	jid_unref(r->user);
	if (r->password)
		OPENSSL_cleanse(r->password, strlen(r->password));
	free(r->password);
	if (r->token)
		token_work_wipe(r->token);
	free(r->token);
	credential_wipe(&r->credential);
}

void account_request_drop(struct msg *m)
{
	struct account_request *r = (struct account_request *)(void *)m;

	jid_unref(r->user);
	if (r->password)
		OPENSSL_cleanse(r->password, strlen(r->password));
	free(r->password);
	packet_note_free(r->packet);
}
