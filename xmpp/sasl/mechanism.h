#pragma once
/* What one SASL mechanism fills in; sasl.c drives it. */
#include "xmpp/sasl/sasl.h"

struct sasl_mechanism {
	/* Bytes from the client; initial ones p NULL when it sent none. */
	enum sasl_step (*respond)(struct sasl_exchange *x, struct span bytes, struct buf *out);
	enum sasl_step (*credential)(struct sasl_exchange *x, const struct credential *c, struct buf *out);
	void (*free_state)(void *state); /* wipes */
};
extern const struct sasl_mechanism sasl_plain, sasl_scram, sasl_external, sasl_anonymous, sasl_ht;

enum sasl_step sasl_fail(struct sasl_exchange *x, enum sasl_failure failure);
/* authcid, with or without "@domain" of this stream -> bare JID; NULL when it is none of this host. */
struct jid *sasl_user(const struct sasl_exchange *x, struct span name);
/* An authorization identity must be empty or exactly that user (V36), and whom the stream named, if it did. */
bool sasl_authzid_fits(const struct sasl_exchange *x, struct span authzid);
