/* Message kinds and drop functions of the session shards. */
#include <stdlib.h>

#include "actors/session/shard.h"

MSG_DEFINE(SHARD_PROTOCOL)

void shard_bind_drop(struct msg *m)
{
	struct shard_bind *b = (struct shard_bind *)(void *)m;

	jid_unref(b->bare);
	free(b->resource);
}

void shard_inbound_drop(struct msg *m)
{
	packet_clear(&((struct shard_inbound *)(void *)m)->packet);
}

void packet_msg_drop(struct msg *m)
{
	packet_clear(&((struct packet_msg *)(void *)m)->packet);
}

void shard_contact_drop(struct msg *m)
{
	struct shard_contact *c = (struct shard_contact *)(void *)m;

	jid_unref(c->user);
	jid_unref(c->contact);
	free(c->name);
	free(c->group);
}

void shard_expire_drop(struct msg *m)
{
	jid_unref(((struct shard_expire *)(void *)m)->user);
}

void shard_removed_drop(struct msg *m)
{
	jid_unref(((struct shard_removed *)(void *)m)->account);
}

void shard_ask_drop(struct msg *m)
{
	struct shard_ask *a = (struct shard_ask *)(void *)m;

	jid_unref(a->about);
	stanza_unref(a->stanza);
	buf_fini(&a->lines);
}
