#pragma once
/* One edge (or two) alone in the world: simulated engine, memory connections, probe actors in place of the shards
 * and of the auth and cookie actors. What the probes get is written into a log, one line a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/edge/edge_inner.h"
#include "actors/edge/stream.h"

#define EXEMPT_NOBODY "sess-man/limits/exempt-addresses[s]=192.0.2.254\n"

struct world {
	struct server server;
	struct config *conf;
	struct edge *edges[2];
	struct buf log;
	char *shown;        /* what world_log returned last */
	/* how the probes behave */
	bool silent;        /* auth and cookie actors do not answer: the request is in `kept` */
	bool unavailable;
	bool silent_shard;  /* no answer to SHARD_BIND */
	bool holds_inbound; /* what the shard gets is not handled until world_let_go */
	struct msg *held[2048];
	unsigned held_count;
	enum stanza_error bind_error;
	struct auth_request *kept;
	bool expired;       /* the token of alice is */
	bool rotates;       /* a token that is right is followed by a new one */
	struct token_work token; /* the last work with a token */
	enum status account_status; /* what account requests are answered with */
	bool holds_accounts;        /* they are kept until world_answer_account */
	struct account_request *kept_accounts[2];
	struct link link;   /* of the last SHARD_BIND */
	uint64_t session;   /* given to the last one bound */
	char full[128];     /* its JID */
	struct xml_pool *pool;
	size_t listeners; /* of the configuration, put aside */
};

#define WORLD_TOKEN "alice's token"   /* the one that is right */
#define WORLD_FRESH "the next token"  /* the one that is given */
#define WORLD_EXPIRY_S 1764079200     /* of it: 2025-11-25T14:00:00Z */
#define WORLD_STORE "memory:edge" /* gone with the world, unless somebody else has it open */
struct world *world_new(const char *lines, unsigned workers);
void world_free(struct world *w);
void world_run(struct world *w);               /* until nothing is left to do now */
void world_pass(struct world *w, uint64_t ms); /* time goes by */
/* The lines since the last call; "" when nothing came. */
const char *world_log(struct world *w);
void world_let_go(struct world *w, unsigned index); /* of w->held */
void world_deliver(struct world *w, const char *xml, uint64_t receipt); /* to the client bound last */
void world_deliver_from(struct world *w, const char *sender, const char *xml, uint64_t receipt); /* world_deliver: from bob */
void world_close(struct world *w, enum stream_error error);
void world_shutdown(struct world *w);
void world_answer_auth(struct world *w, enum auth_verdict verdict); /* the kept request */
void world_answer_account(struct world *w); /* the oldest kept one, with account_status */

struct client {
	struct client *next;
	struct world *w;
	struct conn *conn; /* NULL: the edge has closed it */
	struct buf in;
	char *shown;
	bool refused; /* not even accepted */
};
/* A connection to the first listener of this component; edge: which worker accepts it. */
struct client *client_open(struct world *w, enum config_component component, const char *address, unsigned edge);
struct client *client_new(struct world *w, enum config_component component); /* from 203.0.113.7 */
void client_free(struct client *c);
void client_send(struct client *c, const char *text); /* and runs the world */
void client_send_bytes(struct client *c, const void *bytes, size_t n);
/* What came since the last call. */
const char *client_read(struct client *c);
void client_drop(struct client *c, enum conn_end why);
void client_take(struct client *c); /* what came goes to c->in */

#define assert_has(text, part) assert_has_at(text, part, __FILE__, __LINE__)
/* Where it is. */
const char *assert_has_at(const char *text, const char *part, const char *file, int line);
#define assert_lacks(text, part) assert_null(strstr(text, part))
/* Both are there, `second` behind `first`. */
#define assert_before(text, first, second) assert_has_at(assert_has_at(text, first, __FILE__, __LINE__), second, __FILE__, __LINE__)
unsigned count_of(const char *text, const char *part);
/* Between the first `before` and the next `after`; a static buffer. */
const char *between(const char *text, const char *before, const char *after);

/* `before`, letters, `after`: n bytes in all. Static, good until the next. */
const char *filled(const char *before, const char *after, size_t n);

/* --- TCP --- */
#define HEAD "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	     "to='localhost' version='1.0'>"
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define BIND_IQ "<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define ANONYMOUS_AUTH "<auth xmlns='" SASL "' mechanism='ANONYMOUS'/>"
#define ALICE_AUTH "<auth xmlns='" SASL "' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>"      /* alice, secret */
#define ALICE_WRONG "<auth xmlns='" SASL "' mechanism='PLAIN'>AGFsaWNlAHdyb25n</auth>"         /* alice, wrong */
#define MALLORY_AUTH "<auth xmlns='" SASL "' mechanism='PLAIN'>AG1hbGxvcnkAc2VjcmV0</auth>"    /* nobody's account */
/* Logged in as alice and bound; output and log are read away. */
struct client *tcp_alice(struct world *w);

/* --- HTTP --- */
/* POST with a BOSH body; `headers`: more lines or NULL. */
void http_post(struct client *c, const char *body, const char *headers);
void http_get(struct client *c, const char *path, const char *headers);
