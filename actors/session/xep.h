#pragma once
/* What a plugin is made of and what it may use. A plugin is one file in xep/ with one constant of type struct xep,
 * and one line in xeps.def. It sees a passage: one stanza on its way through one user's phases. It may look at and
 * change that user's state, and append to the outbox; nothing else. So it runs in tests without threads. */
#include "actors/session/outbox.h"

struct custody;
struct resent;
struct xml_pool;
struct pipeline;

enum direction {
	OUTBOUND, /* from a client of the user */
	INBOUND,  /* to the user */
};
/* Where an outbound stanza goes, seen from its sender. */
enum target {
	TARGET_SELF,   /* no `to`, or the own bare JID: the server acts for the account (RFC 6120 10.3.3) */
	TARGET_SERVER, /* a domain we serve */
	TARGET_OTHER,
	TARGET_CONTACT, /* inbound: somebody else asks this user's bare JID (RFC 6121 8.5.1): the server acts for the account */
};
#define TARGET_BIT(t) (1u << (t))

enum xep_verdict {
	XEP_PASS,    /* not mine: the next one */
	XEP_DONE,    /* taken */
	XEP_REFUSED, /* answered with an error, put aside, or dropped on purpose: no tap looks at it */
	XEP_WAIT,    /* a fact is missing (passage_knows_… was false): nothing was done yet; begin again later */
};

struct passage {
	const struct server *server;
	const struct pipeline *pipeline;
	struct users *users;
	struct outbox *out;
	struct builder *builder; /* scratch */
	struct xml_pool *xml;    /* to read stored stanzas */
	struct resent *resent;
	enum direction direction;
	enum target target;      /* outbound, and of an inbound iq to the bare JID */
	struct user *user;       /* NULL: a request to the server from somebody who is no client here */
	struct session *session; /* outbound: the sender's, NULL when it has ended; inbound: the one named, or NULL */
	struct packet packet;    /* a gate may replace its stanza */
	unsigned begin;          /* how much was in the outbox when this passage began */
	bool is_kept;            /* it was put into the store, for nobody was there */
	struct custody *custody; /* of the message in passing, which came back (custody.h) */
	bool is_filtered;        /* inbound, to the bare JID: not for every client (privacy.h) */
	bool wants_account, wants_roster; /* set by passage_knows_… */
};

typedef enum xep_verdict xep_phase_f(struct passage *p);

struct store_request;
struct xep_claim { /* an iq get or set to the account or the server that this plugin answers */
	enum stanza_type type;
	const char *name, *ns; /* of the child; name NULL = any */
	unsigned targets;      /* TARGET_BIT of SELF, SERVER, CONTACT */
	xep_phase_f *answer;   /* must take it */
};

/* What a phase of a plugin is for: bits of direction and kind. It is not even called for the rest. */
#define XEP_OUT(kind) (1u << (kind))
#define XEP_IN(kind) (1u << (4 + (kind)))
#define XEP_BOTH(kind) (XEP_OUT(kind) | XEP_IN(kind))

struct xep {
	enum config_plugin plugin;
	enum config_plugin part_of;          /* loaded with that one, too; 0 = of none */
	const char *const *features;         /* for disco#info of the domain; NULL-terminated, may be NULL */
	const char *const *account_features; /* for disco#info of an account */
	enum config_component needs;         /* not loaded without that one; 0 = needs none */
	const struct xep_claim *claims;
	unsigned claim_count;
	/* What passage_write wrote for a claim is durable: answers p->packet. NULL = with an empty result. */
	void (*written)(struct passage *p, const struct store_request *r);
	/* What passage_account asked for is done, or not: answers p->packet. */
	void (*accounted)(struct passage *p, const struct account_request *r);
	xep_phase_f *gate;        /* may refuse or rewrite */
	xep_phase_f *asked;       /* an iq request to the account or the server, before the claims */
	xep_phase_f *handle;      /* exactly one owner takes it */
	xep_phase_f *tap;         /* looks at what was taken or kept; the verdict is ignored */
	xep_phase_f *undelivered; /* inbound, nobody took it */
	xep_phase_f *otherwise;   /* last: forward it or answer it */
	xep_phase_f *disco_node;  /* disco#info and #items with a node: XEP_PASS = it is not one of mine */
	uint8_t gate_on, handle_on, tap_on, undelivered_on; /* what each is for; 0 = everything */
	void (*opened)(struct passage *p); /* p->session was bound */
	/* Over what came of a passage, in p->out from this place on; one plugin of the pipeline at most has it. */
	void (*filter)(struct passage *p, unsigned first);
	void (*replaced)(struct passage *p); /* p->session gave way to one that comes at once: its user never left */
	void (*closed)(struct passage *p, enum close_reason reason); /* p->session ended, out of the user's list */
};

#define XEP(name) extern const struct xep xep_##name;
#include "actors/session/xeps.def"
#undef XEP

/* --- facts --- */
/* False: it is being asked for, return XEP_WAIT. True also when the store failed: see user->account and user->roster.
 */
bool passage_knows_account(struct passage *p);
bool passage_knows_roster(struct passage *p);

/* --- what is kept for the user (kept.c) --- */
/* A read that this passage needs. NULL: asked for, return XEP_WAIT; the passage begins again and finds the answer, which is
 * valid until the handler returns. Its status is STATUS_OK, STATUS_NOT_FOUND or a failure. What the user wrote before is
 * seen. op: STORE_OP_GET, MAP_GET, MAP_ALL, LOG_READ, LOG_COUNT. */
const struct store_request *passage_read(struct passage *p, enum store_op op, enum store_collection c, struct span owner,
					 struct span key);
/* The same for the first rows of a log: so many, and none beyond so many bytes. */
const struct store_request *passage_read_log(struct passage *p, enum store_collection c, struct span owner, uint64_t rows,
					     uint64_t bytes);
/* A write because of the request in passing, a claimed one, which is answered when it is durable: see xep->written; with
 * resource-constraint when the store failed. Takes r. Always XEP_DONE. */
enum xep_verdict passage_write(struct passage *p, struct store_request *r);

/* Work on the user's account by an auth actor, because of a claimed request, which xep->accounted answers. password: what the
 * operation needs, else SPAN_NONE. Always XEP_DONE. An account that was removed takes its sessions with it, after that answer. */
enum xep_verdict passage_account(struct passage *p, enum account_op op, struct span password);

/* --- answers to the sender of the stanza in passing --- */
/* Takes reply. Its addresses travel in the packet. */
void passage_reply(struct passage *p, struct stanza *reply);
void passage_result(struct passage *p); /* an empty iq result */
/* An iq result, open for children: builder_close once and passage_reply_built. */
struct builder *passage_open_result(struct passage *p);
void passage_reply_built(struct passage *p);
/* To the desk that sent it, which knows a better place for it. Always XEP_REFUSED. */
enum xep_verdict passage_give_back(struct passage *p);
/* Always XEP_REFUSED. What must not be answered (errors, results, PACKET_NO_STORE messages) is dropped; what the desk keeps
 * goes back there. text may be NULL. */
enum xep_verdict passage_refuse(struct passage *p, enum stanza_error condition, const char *text);
/* Outbound: the user has blocked whom it writes to (XEP-0191 3.3). Always XEP_REFUSED. */
enum xep_verdict passage_refuse_blocked(struct passage *p);

/* --- on its way --- */
/* Hands the stanza to a session of this user. */
void passage_deliver(struct passage *p, const struct session *s);
/* A stanza made for, or sent on behalf of, the user. Takes s. */
void passage_send(struct passage *p, struct stanza *s, struct jid *from, struct jid *to, uint32_t flags);
/* A presence of this type (NULL = available) without content, made by the server for the user. */
struct stanza *passage_make_presence(struct passage *p, const char *type);
void passage_send_presence(struct passage *p, const char *type, struct jid *from, struct jid *to);
bool passage_is(const struct passage *p, enum direction d, enum stanza_kind kind);
