#pragma once
/* One HTTP connection: requests in, answers out in the order of the requests (keep-alive, pipelining), deadlines
 * against slow clients. A request that waits for its answer is an exchange. */
#include "actors/edge/edge_inner.h"

struct bosh_session;

struct exchange {
	struct list link;       /* the connection's exchanges, in order of arrival */
	struct http_conn *conn; /* NULL: the client is gone */
	bool keep_alive, head, answered, secure;
	struct buf answer;      /* the whole answer, while an earlier exchange is open */
	char *origin;           /* outlives the request; owned, NULL = none */
	struct buf cookies;     /* visitor cookies of all tenants, until the session is known (visitor_cookie.h) */
	struct buf body;        /* of a request on its way to another worker */
	/* BOSH */
	struct list waiting;    /* the session's held or early list */
	struct bosh_session *session;
	struct stanza *wrapper;
	uint64_t rid, answer_by_ms;
	char *key;              /* the key this request had to hash to; owned, NULL = no key sequence */
};

struct http_conn {
	struct edge_connection c;
	struct edge_timer timer;
	struct http_reader reader;
	struct list exchanges;
	unsigned open;           /* exchanges */
	bool closing, stuffed;   /* stuffed: reading waits for answers or output */
	bool owes_continue;      /* the client waits for a 100 before it sends the body */
	uint64_t since_ms;       /* the request being read began, or idle since */
	uint64_t received;       /* bytes of the request being read */
	const struct regime *regime; /* of the BOSH session last seen here */
	struct exchange *carried; /* its request must be handled on worker `carry_for` */
	unsigned carry_for;
};

struct edge_connection *http_conn_new(struct edge *e, const struct config_listener *listener);
void http_conn_opened(struct edge_connection *c);
/* It carries requests of a session under this regime. */
void http_conn_serves(struct http_conn *h, const struct regime *regime);

/* A request that has been read; answer it in any order. */
struct exchange *exchange_new(struct http_conn *h);
void exchange_free(struct exchange *x); /* one whose connection is gone */
/* Answers; x is gone afterwards. `extra`: header lines besides CORS, each ending in CRLF. */
/* Whether pages of the request's Origin may act for a visitor: open a WebSocket, send the visitor cookie along. Requests
 * without an Origin come from no page. */
bool exchange_origin_allowed(const struct exchange *x);
void exchange_answer(struct exchange *x, int status, const char *type, struct span extra, struct span body);
void exchange_answer_text(struct exchange *x, int status, const char *text);
/* As above, and the connection is closed after it. */
void exchange_answer_last(struct exchange *x, int status, const char *type, struct span extra, struct span body);
/* No answer: the connection, if it is still there, is closed, and x with it. x belongs to nobody any more. */
void exchange_drop(struct exchange *x);
/* The request must be handled on that worker: the connection moves there with a copy of the body, as soon as what came
 * before it is answered. */
void exchange_carry(struct exchange *x, struct span body, unsigned worker);

/* routes.c */
/* Answers or passes on; true when the connection is a WebSocket now and its struct http_conn is gone. */
bool routes_handle(struct exchange *x, const struct http_request *r);
