/* Login tokens (XEP-0484) in a store: given, used, replaced, counted, taken back. */
#include "tests/support/check.h"

#include "actors/account.h"
#include "actors/token.h"

#define URI "memory:token"
#define DAY 86400u
#define PHONE "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define TABLET "d4565fa7-4d72-4749-b3d3-740edbf87771"

static struct store *s;
static struct jid *alice;
static struct buf account;
static struct token_rules rules;
static struct token_work w;

static void read_account(void)
{
	buf_fini(&account);
	assert_int_equal(store_get(s, STORE_ACCOUNT, jid_bare(alice), &account), STATUS_OK);
}

static int setup(void **state)
{
	char *error = NULL;

	(void)state;
	assert_int_equal(store_open(URI, STORE_WRITER, &s, &error), STATUS_OK);
	alice = jid_parse(SPAN_LIT("alice@localhost"));
	assert_int_equal(account_set(s, alice, SPAN_LIT("secret"), 4096), STATUS_OK);
	read_account();
	rules = (struct token_rules){ (const uint8_t *)"an installation's secret of 32 b", 1000000, 10 * DAY, 2 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_fini(&account);
	jid_unref(alice);
	store_close(s);
	return 0;
}

static const char *issue(const char *client, enum sasl_name mechanism)
{
	static char token[TOKEN_TEXT_MAX];

	w = (struct token_work){ .wanted = true, .wanted_mechanism = mechanism };
	snprintf(w.client, sizeof(w.client), "%s", client);
	assert_int_equal(token_issue(s, URI, &rules, alice, buf_span(&account), &w), TOKEN_OK);
	assert_int_equal(w.expiry_s, rules.now_s + rules.lifetime_s);
	snprintf(token, sizeof(token), "%s", w.fresh);
	return token;
}

/* What a client shows; what it is to do may be set before it is used. */
static void show(const char *client, enum sasl_name mechanism, const char *token)
{
	w = (struct token_work){ .mechanism = mechanism };
	snprintf(w.client, sizeof(w.client), "%s", client);
	sasl_token_proof(span_of(token), "Initiator", SPAN_NONE, w.proof);
}

static enum token_verdict use_shown(void)
{
	return token_use(s, URI, &rules, alice, buf_span(&account), &w);
}

static enum token_verdict use(const char *client, const char *token)
{
	show(client, SASL_HT_SHA_256_NONE, token);
	return use_shown();
}

static void one_is_good_again_and_again_for_its_client_and_mechanism(void **state)
{
	uint8_t answer[SASL_PROOF];
	char token[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(use(PHONE, token), TOKEN_OK);
		sasl_token_proof(span_of(token), "Responder", SPAN_NONE, answer);
		assert_memory_equal(w.answer, answer, SASL_PROOF);
		assert_string_equal(w.fresh, ""); /* nothing is due */
	}
	assert_int_equal(use(TABLET, token), TOKEN_REFUSED);
	assert_int_equal(use(PHONE, "another"), TOKEN_REFUSED);
	assert_false(w.expired);
	show(PHONE, SASL_HT_SHA_256_ENDP, token);
	assert_int_equal(use_shown(), TOKEN_REFUSED);
	show(PHONE, SASL_HT_SHA_256_NONE, token);
	memset(w.binding, 1, sizeof(w.binding)); /* made for another line */
	w.binding_n = 32;
	assert_int_equal(use_shown(), TOKEN_REFUSED);
	show(PHONE, SASL_HT_SHA_256_NONE, token);
	assert_int_equal(token_use(s, URI, &rules, alice, SPAN_NONE, &w), TOKEN_REFUSED); /* no such account, or a disabled one */
}

static void an_old_one_has_expired(void **state)
{
	char token[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	rules.now_s += 10 * DAY;
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
	assert_true(w.expired);
	assert_int_equal(use(PHONE, "another"), TOKEN_REFUSED); /* that is told to nobody else */
	assert_false(w.expired);
}

/* 3.5: the old one is good until the new one is used, and no longer. */
static void they_are_replaced_one_by_one(void **state)
{
	char first[TOKEN_TEXT_MAX], lost[TOKEN_TEXT_MAX], second[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(first, sizeof(first), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	assert_int_equal(use(PHONE, first), TOKEN_OK);
	rules.now_s += 6 * DAY;
	assert_int_equal(use(PHONE, first), TOKEN_OK);
	snprintf(lost, sizeof(lost), "%s", w.fresh);
	assert_true(*lost);
	assert_int_equal(use(PHONE, first), TOKEN_OK); /* its client never heard of the next */
	snprintf(second, sizeof(second), "%s", w.fresh);
	assert_string_not_equal(second, lost);
	assert_int_equal(use(PHONE, lost), TOKEN_REFUSED);
	assert_int_equal(use(PHONE, second), TOKEN_OK);
	assert_string_equal(w.fresh, "");
	assert_int_equal(use(PHONE, first), TOKEN_REFUSED);
	assert_int_equal(use(PHONE, second), TOKEN_OK);
}

static void a_count_comes_once(void **state)
{
	static const struct {
		uint32_t count;
		enum token_verdict verdict;
	} rows[] = { { 1, TOKEN_OK }, { 1, TOKEN_REFUSED }, { 7, TOKEN_OK }, { 6, TOKEN_REFUSED }, { 7, TOKEN_REFUSED }, { 8, TOKEN_OK } };
	char token[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		show(PHONE, SASL_HT_SHA_256_NONE, token);
		w.counted = true;
		w.count = rows[i].count;
		if (use_shown() != rows[i].verdict)
			fail_msg("row %zu", i);
	}
}

static void the_client_ends_its_own(void **state)
{
	char token[TOKEN_TEXT_MAX], other[TOKEN_TEXT_MAX], fresh[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(other, sizeof(other), "%s", issue(TABLET, SASL_HT_SHA_256_NONE));
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	rules.now_s += 6 * DAY; /* due, and none is given all the same */
	show(PHONE, SASL_HT_SHA_256_NONE, token);
	w.invalidate = true;
	assert_int_equal(use_shown(), TOKEN_OK);
	assert_string_equal(w.fresh, "");
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
	assert_int_equal(use(TABLET, other), TOKEN_OK);
	/* unless one is asked for */
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	show(PHONE, SASL_HT_SHA_256_NONE, token);
	w.invalidate = w.wanted = true;
	w.wanted_mechanism = SASL_HT_SHA_256_NONE;
	assert_int_equal(use_shown(), TOKEN_OK);
	snprintf(fresh, sizeof(fresh), "%s", w.fresh);
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
	assert_int_equal(use(PHONE, fresh), TOKEN_OK);
}

static void another_password_ends_all(void **state)
{
	char token[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	assert_int_equal(account_rekey(s, alice, SPAN_LIT("other"), 4096), STATUS_OK);
	read_account();
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	assert_int_equal(account_disable(s, alice, true), ACCOUNT_FINE);
	assert_int_equal(account_disable(s, alice, false), ACCOUNT_FINE);
	read_account();
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	assert_int_equal(account_remove(s, alice, NULL), STATUS_OK);
	assert_int_equal(account_set(s, alice, SPAN_LIT("other"), 4096), STATUS_OK);
	read_account();
	assert_int_equal(use(PHONE, token), TOKEN_REFUSED);
}

/* The row itself is of no use for an account that has changed since. */
static void a_row_that_is_left_opens_nothing(void **state)
{
	char token[TOKEN_TEXT_MAX];
	struct buf other = BUF_INIT;

	(void)state;
	snprintf(token, sizeof(token), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	buf_add_span(&other, buf_span(&account));
	buf_add_text(&other, "x");
	show(PHONE, SASL_HT_SHA_256_NONE, token);
	assert_int_equal(token_use(s, URI, &rules, alice, buf_span(&other), &w), TOKEN_REFUSED);
	assert_int_equal(token_issue(s, URI, &rules, alice, buf_span(&other), &w), TOKEN_STORE); /* not the account's row any more */
	assert_string_equal(w.fresh, "");
	buf_fini(&other);
}

static void so_many_clients_have_one(void **state)
{
	char phone[TOKEN_TEXT_MAX], tablet[TOKEN_TEXT_MAX], third[TOKEN_TEXT_MAX];

	(void)state;
	snprintf(phone, sizeof(phone), "%s", issue(PHONE, SASL_HT_SHA_256_NONE));
	rules.now_s++;
	snprintf(tablet, sizeof(tablet), "%s", issue(TABLET, SASL_HT_SHA_256_NONE));
	rules.now_s++;
	snprintf(third, sizeof(third), "%s", issue("d4565fa7-4d72-4749-b3d3-740edbf87772", SASL_HT_SHA_256_NONE));
	assert_int_equal(use(PHONE, phone), TOKEN_REFUSED);
	assert_int_equal(use(TABLET, tablet), TOKEN_OK);
	assert_int_equal(use("d4565fa7-4d72-4749-b3d3-740edbf87772", third), TOKEN_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_good_again_and_again_for_its_client_and_mechanism),
		TEST(an_old_one_has_expired),
		TEST(they_are_replaced_one_by_one),
		TEST(a_count_comes_once),
		TEST(the_client_ends_its_own),
		TEST(another_password_ends_all),
		TEST(a_row_that_is_left_opens_nothing),
		TEST(so_many_clients_have_one),
	};

	return RUN(tests);
}
