#pragma once
/* The state machine of a client stream, shared by all transports: header, features, starttls, login, bind, and from
 * then on stanzas to the shard. One table of (phase, element) decides; what no line allows is an error. */
#include "actors/edge/stream.h"

void negotiation_header(struct stream *s, const struct xml_header *h);
/* Our header alone, in answer to the client's; NULL: before an error that comes ahead of that. */
void negotiation_open(struct stream *s, const struct xml_header *h);
void negotiation_element(struct stream *s, struct stanza *el); /* takes el */
/* A stanza that was over its limit and is not kept: refused with an error, counted as handled. Too many of them, or one
 * before there is a session, end the stream. Takes head. */
void negotiation_oversized(struct stream *s, struct stanza *head);
void negotiation_end(struct stream *s);                        /* the client ended its stream */
/* Binds this resource for login->user ("" = the server chooses), and answers `request` then; NULL: as a login by SASL2 asks. */
void negotiation_bind(struct stream *s, struct stanza *request, struct span resource);
void negotiation_bound(struct stream *s, struct edge_bound *m);
/* The stream has its session; the login block is gone. */
void negotiation_now_bound(struct stream *s, struct edge_bound *m);
