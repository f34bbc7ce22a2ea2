/* Accounts in bulk, for benchmarks: u0, u1, … with the password "bench", all with the same keys, so that ten thousand cost
 * one derivation. With CONTACTS each has so many neighbours on its roster, subscribed both ways.
 *
 *   accounts STORE-URI DOMAIN COUNT [CONTACTS]     the server is not running */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/outside.h"
#include "storage/store.h"
#include "xmpp/rules/roster.h"
#include "xmpp/sasl/credential.h"

#define ITERATIONS 10000

static void must(enum status st, const char *what)
{
	if (st == STATUS_OK)
		return;
	fprintf(stderr, "accounts: %s: %s\n", what, status_text(st));
	exit(1);
}

static struct jid *name(const char *domain, unsigned index)
{
	char local[16];

	snprintf(local, sizeof(local), "u%u", index);
	return jid_make(span_of(local), span_of(domain), SPAN_NONE);
}

static void befriend(struct store *s, struct jid *user, struct jid *contact)
{
	struct roster_item *item = roster_item_new(contact);
	struct buf saved = BUF_INIT;

	item->state = ROSTER_BOTH;
	item->listed = true;
	roster_item_save(item, &saved);
	must(store_map_put(s, STORE_ROSTER, jid_bare(user), jid_bare(contact), buf_span(&saved)), "roster");
	buf_fini(&saved);
	roster_item_free(item);
}

/* Half of the contacts before it in the ring of all accounts, half behind. */
static void fill_roster(struct store *s, const char *domain, unsigned index, unsigned count, unsigned contacts)
{
	struct jid *user = name(domain, index);

	for (unsigned k = 1; k <= contacts / 2; k++) {
		struct jid *behind = name(domain, (index + k) % count), *before = name(domain, (index + count - k) % count);

		befriend(s, user, behind);
		befriend(s, user, before);
		jid_unref(behind);
		jid_unref(before);
	}
	jid_unref(user);
}

int main(int argc, char **argv)
{
	uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT];
	unsigned count = argc > 3 ? (unsigned)atoi(argv[3]) : 0, contacts = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	struct buf keys = BUF_INIT;
	struct credential c;
	struct store *s = NULL;
	char *error = NULL;

	if (count <= contacts) {
		fputs("usage: accounts STORE-URI DOMAIN COUNT [CONTACTS], fewer contacts than accounts\n", stderr);
		return 2;
	}
	if (store_open(argv[1], STORE_WRITER, &s, &error) != STATUS_OK) {
		fprintf(stderr, "accounts: %s\n", error ? error : "the store cannot be opened");
		return 1;
	}
	outside_random(salts, sizeof(salts));
	credential_derive(&c, SPAN_LIT("bench"), ITERATIONS, (const uint8_t(*)[CREDENTIAL_SALT])salts);
	credential_encode(&c, &keys);
	must(store_begin(s), "begin");
	for (unsigned i = 0; i < count; i++) {
		struct jid *user = name(argv[2], i);

		must(store_put(s, STORE_ACCOUNT, jid_bare(user), buf_span(&keys)), "account");
		jid_unref(user);
		fill_roster(s, argv[2], i, count, contacts);
	}
	must(store_commit(s), "commit");
	store_close(s);
	buf_fini(&keys);
	return 0;
}
