#pragma once
/* What the parts of the load generator share: users, the options of a run, and who calls whom.
 *
 *   loadgen.c    options, the modes          client.c   a user's way from connecting to chat
 *   wire.c       sockets, TLS                bosh.c, websocket.c   framing of XML on top of it
 *   scram.c      the client's side of SASL   report.c   latency and results
 *
 * One thread, no locks. Anything unexpected ends the program: half a measurement is none. */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum transport { TCP, TLS, BOSH, WEBSOCKET };
enum mechanism { ANONYMOUS, PLAIN, SCRAM_SHA_1, SCRAM_SHA_256 };
enum stage { IDLE, CONNECTING, HANDSHAKE, UPGRADING, GREETING, AUTHENTICATING, REGREETING, BINDING, ROSTER, SETTLING, READY };

#define IN_MAX 65536

struct user {
	int fd;
	uint8_t stage, transport;
	uint32_t in_len;
	char jid[96];
	char *in; /* bytes not yet understood; only while there are some */
	SSL *ssl;
	struct bosh *bosh;
	struct scram *scram;
	uint64_t begin_us; /* of connecting */
};

struct options {
	const char *domain, *mode;
	enum transport transport;
	enum mechanism mechanism;
	uint16_t port, http_port; /* of the transport; of BOSH and /metrics beside it */
	uint32_t users, window, seconds, rate, receivers, messages, crowd;
	bool raw, roster, probe;
};

extern struct options opt;
extern struct user *users; /* opt.users, then the two probes, then opt.crowd */
extern uint32_t started, ready; /* of those that log in at the moment */
extern uint64_t sent, received, received_bytes;
extern bool chatting;
extern uint64_t probe_arrival_us; /* a probe got a message */

_Noreturn void die(const char *what, const char *why);
uint64_t now_us(void);

/* client.c */
void client_start(struct user *u, enum transport transport, uint16_t port);
void client_drop(struct user *u);                     /* its line is cut; between two turns only */
void client_chat(struct user *from, struct user *to); /* one message that carries its time and its sender */
void client_turn(int wait_ms);                        /* one turn of the event loop */
void client_setup(void);
bool client_watch_input(void);                        /* false: standard input has ended */
/* Takes what it understands of complete XML; returns the bytes that are done with. */
size_t client_understand(struct user *u, char *in, size_t n);
void client_greet(struct user *u);

/* wire.c */
void wire_setup(void);
int wire_connect(uint16_t port, uint32_t index);
bool wire_handshake(struct user *u);                              /* true when TLS is up */
void wire_put(struct user *u, const char *bytes, size_t n);       /* all of it at once */
ptrdiff_t wire_get(struct user *u, char *bytes, size_t n);        /* 0: nothing now */
bool wire_has_more(const struct user *u);                         /* TLS holds bytes epoll knows nothing of */

/* bosh.c: each takes one whole unit off the input, hands its XML on, returns its size, or 0 if it is not complete yet */
void bosh_greet(struct user *u);
void bosh_send(struct user *u, const char *xml, size_t n);
size_t bosh_take(struct user *u, char *in, size_t n);

/* websocket.c */
void websocket_upgrade(struct user *u);
void websocket_greet(struct user *u);
void websocket_send(struct user *u, const char *xml, size_t n);
size_t websocket_take(struct user *u, char *in, size_t n);

/* scram.c: users are u0, u1, …; all have the password "bench" */
void scram_auth(struct user *u, char *out, size_t size);                             /* the <auth/> element */
void scram_respond(struct user *u, const char *challenge, size_t n, char *out, size_t size); /* the <response/> element */

/* report.c */
void report_reset(void);
void report_forget(void);                     /* of latency; messages count on */
void report_latency(uint64_t us);
void report_percentiles(const char *of);
void report_messages(uint64_t begin_us);
