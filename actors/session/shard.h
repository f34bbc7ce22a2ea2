#pragma once
/* A session shard: the users whose hash(bare JID) mod K is k. It owns their bound sessions and runs the plugin phases
 * gate, handle, tap, undelivered on every stanza, once for the sender and once for the recipient. */
#include "actors/edge/edge.h"
#include "actors/server.h"
#include "actors/store.h"

enum close_reason {
	CLOSE_STREAM_END,  /* </stream:stream>, <close/>: left on purpose */
	CLOSE_TERMINATE,   /* BOSH terminate */
	CLOSE_SOCKET_LOST, /* reset, EOF without stream end */
	CLOSE_INACTIVITY,  /* BOSH inactivity, idle limit */
	CLOSE_ERROR,       /* stream error we sent */
	CLOSE_REPLACED,    /* same resource bound elsewhere */
	CLOSE_SHUTDOWN,
	CLOSE_REMOVED,     /* its account was removed, or an administrator ended it */
};

struct shard_bind {
	struct msg m;
	struct link link;
	struct jid *bare;   /* counted */
	char *resource;     /* owned; NULL or "" = the server chooses */
	uint64_t since;     /* which account of this name logged in (account_since); 0 without one */
	enum client_class class;
	enum transport transport;
	bool anonymous, secure;
	bool confidential;  /* a password may be sent over it */
	bool carbons;       /* wants them from the start (XEP-0386) */
	bool known_client;  /* what is behind the last slash of the resource is the client's own: an earlier session of it ends */
	char address[48];   /* peer, for logs and notices */
};
struct shard_inbound { /* a stanza from the client; `from` stamped by the edge with the full JID */
	struct msg m;
	uint64_t session;
	struct packet packet; /* packet.to parsed by the edge; NULL when absent. A malformed `to` was bounced there. */
};
struct shard_closed {
	struct msg m;
	uint64_t session;
	enum close_reason reason;
};
struct shard_written {
	struct msg m;
	uint64_t session, receipt;
};
/* BOSH: no request has been open for a second (alive = false), or one is again. Stream management: the line was lost and the
 * session waits to be resumed, or it has been. */
struct shard_liveness {
	struct msg m;
	uint64_t session;
	bool alive;
};
struct packet_msg {
	struct msg m;
	struct packet packet;
	uint64_t session; /* SHARD_UNDELIVERED: of the closing connection, whose SHARD_CLOSED follows; 0 = crossed it */
};
struct shard_contact { /* the desk shows (or removes) a visitor or seat in a user's roster, in memory only */
	struct msg m;
	struct jid *user, *contact; /* bare, counted */
	char *name, *group;         /* owned, may be NULL */
	bool remove;
};

struct shard_removed { /* an account is no more; also told when nobody is logged in */
	struct msg m;
	struct jid *account; /* bare, counted */
	uint64_t removal;    /* its row in STORE_REMOVED: sessions of an account made behind it go on; 0 = all end */
	bool again;          /* told before: only who was logging in meanwhile is looked for */
};

enum shard_ask_op {
	SHARD_ASK_ONLINE, SHARD_ASK_ACTIVE, SHARD_ASK_IDLE, /* accounts with a session: all, present, the others */
	SHARD_ASK_RESOURCES,  /* of one account; a line each: resource, priority, what it shows */
	SHARD_ASK_END,        /* the sessions of one account, or the one of a full JID */
	SHARD_ASK_END_DOMAIN, /* all sessions of a domain that is served no more */
	SHARD_ASK_ANNOUNCE,   /* a message to every available client of the domain's accounts */
};
struct shard_ask { /* a question about sessions, or an order to end some; comes home under `reply` */
	struct msg m;
	const struct msg_kind *reply;
	enum shard_ask_op op;
	uint64_t call;         /* the asker's own */
	struct jid *about;     /* a domain, an account or a full JID; counted */
	struct stanza *stanza; /* ANNOUNCE; counted */
	uint32_t limit;        /* lines at most */
	/* answer */
	uint32_t count;        /* what was found or ended */
	struct buf lines;      /* each ends with a line feed */
};

struct shard_expire { /* look for offline messages whose time is over */
	struct msg m;
	struct jid *user; /* bare, counted */
};

void shard_expire_drop(struct msg *m);
void shard_bind_drop(struct msg *m);
void shard_inbound_drop(struct msg *m);
void packet_msg_drop(struct msg *m);
void shard_contact_drop(struct msg *m);
void shard_removed_drop(struct msg *m);
void shard_ask_drop(struct msg *m);

#define SHARD_PROTOCOL(M) \
	M(SHARD_BIND, shard_bind, shard_bind, shard_bind_drop, "Bind a resource for an authenticated client.") \
	M(SHARD_INBOUND, shard_inbound, shard_inbound, shard_inbound_drop, "A stanza from a bound client.") \
	M(SHARD_ROUTE, shard_route, packet_msg, packet_msg_drop, "A stanza for a user of this shard.") \
	M(SHARD_UNDELIVERED, shard_undelivered, packet_msg, packet_msg_drop, \
	  "A stanza comes back: its connection closed before it was written out.") \
	M(SHARD_WRITTEN, shard_written, shard_written, NULL, "A stanza with a receipt was written out.") \
	M(SHARD_LIVENESS, shard_liveness, shard_liveness, NULL, "A client fell silent (BOSH: polls no more, stream management: lost its line) or is back.") \
	M(SHARD_CLOSED, shard_closed, shard_closed, NULL, "A client's connection is gone (after its UNDELIVERED).") \
	M(SHARD_STORED, shard_stored, store_request, store_request_drop, "A store operation comes home.") \
	M(SHARD_READ, shard_read, store_request, store_request_drop, "What a plugin asked of the store comes home.") \
	M(SHARD_KEPT, shard_kept, store_request, store_request_drop, "What a plugin wrote is durable, or failed.") \
	M(SHARD_ACCOUNT, shard_account, account_request, account_request_drop, "What became of a change of the account.") \
	M(SHARD_CONTACT, shard_contact, shard_contact, shard_contact_drop, \
	  "The desk changes a roster's visitor entry.") \
	M(SHARD_REMOVED, shard_removed, shard_removed, shard_removed_drop, "An account was removed: its sessions end.") \
	M(SHARD_ASK, shard_ask, shard_ask, shard_ask_drop, "An administrator asks about sessions, or ends some.") \
	M(SHARD_EXPIRE, shard_expire, shard_expire, shard_expire_drop, "Look for offline messages of a user whose time is over.") \
	M(SHARD_TICK, shard_tick, edge_signal, NULL, "Housekeeping; sent by the shard to itself.") \
	M(SHARD_PACE, shard_pace, edge_signal, NULL, "Presence that waited for its turn may go on.") \
	M(SHARD_SAVE, shard_save, edge_signal, NULL, "Messages no client has acknowledged are due to be stored.")
MSG_DECLARE(shard, SHARD_PROTOCOL)

actor_id shard_spawn(const struct server *server, unsigned index);
