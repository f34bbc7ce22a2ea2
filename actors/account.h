#pragma once
/* Accounts: the command line, and what it shares with registration. They use the store directly: any thread of their own. */
#include "conf/config.h"
#include "storage/store.h"
#include "xmpp/jid.h"

/* `switchboard … account add|passwd|delete|list [JID]` with the words behind "account"; password on standard input. Works with
 * the server up or down. Prints its errors; returns the exit code: 0, 1 (refused, says why), 2 (misuse). */
int account_command(const struct config *conf, int argc, char **argv);

/* Sets the keys of an account for a password, creating it. INVALID: the password may not be used (SASLprep, length). */
enum status account_set(struct store *s, const struct jid *user, struct span password, uint32_t iterations) MUST_CHECK;

/* The installation's secret: read, or made and kept at the first start. */
enum status store_installation_secret(struct store *s, uint8_t out[32]) MUST_CHECK;
