#pragma once
/* The client's side of SASL, written against the RFCs (4616, 4505, 5802), not with the server's code. */
#include "runtime/mem/buf.h"

enum login_mechanism { LOGIN_ANONYMOUS, LOGIN_PLAIN, LOGIN_SCRAM_SHA_1, LOGIN_SCRAM_SHA_256 };

#define LOGIN_PASSWORD "correct horse"
#define LOGIN_ITERATIONS 32 /* of the accounts of a run: it is not about the hash */

struct login_state {
	enum login_mechanism mechanism;
	char nonce[25], first_bare[96], signature[64]; /* signature: of the server, to be compared; base64 */
};

/* <auth/> and <response/>, appended to out. False: the server's part is wrong, *problem says how. */
void login_auth(struct login_state *l, enum login_mechanism m, const char *local, struct buf *out);
bool login_respond(struct login_state *l, struct span challenge, struct buf *out, const char **problem);
bool login_verify(const struct login_state *l, struct span additional, const char **problem);
