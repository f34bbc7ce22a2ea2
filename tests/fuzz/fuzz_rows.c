/* dict xmpp: Damaged rows of the store and forged cookies are refused or read as what they are, never as more. First byte: which
 * decoder. */
#include <stdlib.h>

#include "actors/edge/visitor_cookie.h"
#include "runtime/io/http.h"
#include "xmpp/parser.h"
#include "xmpp/rules/roster.h"

static const struct xml_limits none;

/* Messages kept for absent users: as offline.c, left.c and custody.c read them. */
static void check_stanza(struct span bytes)
{
	static struct xml_pool *pool;
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct stanza *s, *again;
	struct jid *from;

	if (!pool)
		pool = xml_pool_new();
	if (xml_parse_document(pool, bytes, &none, &s) != STREAM_ERROR_NONE)
		return;
	from = jid_parse(stanza_from(s));
	stanza_write(&once, s, from ? jid_full(from) : SPAN_NONE, SPAN_NONE, STANZA_FORM_ALONE);
	ASSERT(xml_parse_document(pool, buf_span(&once), &none, &again) == STREAM_ERROR_NONE);
	stanza_write(&twice, again, SPAN_NONE, SPAN_NONE, STANZA_FORM_ALONE);
	ASSERT(span_eq(buf_span(&once), buf_span(&twice)) && stanza_kind(again) == stanza_kind(s));
	jid_unref(from);
	stanza_unref(again);
	stanza_unref(s);
	buf_fini(&once);
	buf_fini(&twice);
}

static void check_contact(struct span bytes)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct roster_item *i = roster_item_load(SPAN_LIT("bob@example.com"), bytes), *again;

	if (!i)
		return;
	roster_item_save(i, &once);
	again = roster_item_load(SPAN_LIT("bob@example.com"), buf_span(&once));
	ASSERT(again && again->state == i->state && again->listed == i->listed && again->group_count == i->group_count);
	roster_item_save(again, &twice);
	ASSERT(span_eq(buf_span(&once), buf_span(&twice)));
	roster_item_free(again);
	roster_item_free(i);
	buf_fini(&once);
	buf_fini(&twice);
}

/* The second byte turns one bit of a good cookie over; the rest is a header in which one is looked for. */
static void check_cookie(struct span bytes)
{
	static const uint8_t secret[32] = { 1, 2, 3 };
	struct visitor_cookie_key key = { secret, SPAN_LIT("example.com") }, other = { secret, SPAN_LIT("other.example") };
	struct buf good = BUF_INIT;
	char local[VISITOR_LOCAL_MAX];

	ASSERT(!visitor_cookie_check(key, bytes, 1000, 3600, local));
	visitor_cookie_value(&good, key, "v-abcdefghijklmnopqrst", 1000);
	ASSERT(visitor_cookie_check(key, buf_span(&good), 1000, 3600, local) && strcmp(local, "v-abcdefghijklmnopqrst") == 0);
	ASSERT(!visitor_cookie_check(other, buf_span(&good), 1000, 3600, local));
	ASSERT(!visitor_cookie_check(key, buf_span(&good), 1000 + 3601, 3600, local));
	if (bytes.n) {
		size_t bit = (uint8_t)bytes.p[0] % (8 * buf_len(&good));

		((char *)(uintptr_t)buf_span(&good).p)[bit / 8] ^= (char)(1 << bit % 8);
		ASSERT(!visitor_cookie_check(key, buf_span(&good), 1000, 3600, local));
	}
	buf_fini(&good);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *own;
	struct span bytes;

	if (size < 1)
		return 0;
	own = memcpy(xmalloc(size), data + 1, size - 1); /* one byte more than that: nothing may be read there */
	own = xrealloc(own, size > 1 ? size - 1 : 1);
	bytes = (struct span){ own, size - 1 };
	if (data[0] % 3 == 0)
		check_stanza(bytes);
	else if (data[0] % 3 == 1)
		check_contact(bytes);
	else
		check_cookie(bytes);
	free(own);
	return 0;
}
