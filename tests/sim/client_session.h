#pragma once
/* The bound part of a client: stanzas, stream management, the roster. Between client.c and client_session.c only. */
#include "tests/sim/client.h"

void client_write(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3); /* raw, now */
void client_begin_session(struct client *c); /* a resource is bound */
void client_resumed(struct client *c, const char *element);
void client_not_resumed(struct client *c, const char *element);
void client_stanza(struct client *c, const char *element); /* and what belongs to stream management */
void client_promise_all(struct client *c); /* the stream ended in good order */
void client_forget_session(struct client *c);
