#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/edge/visitor_cookie.h"
#include "actors/server.h"

#define NOW 1800000000u
#define DAY 86400

static const uint8_t secret[32] = { 1, 2, 3 };
static const uint8_t other_secret[32] = { 9, 2, 3 };

static struct visitor_cookie_key key_of(const uint8_t *bytes, const char *domain)
{
	return (struct visitor_cookie_key){ bytes, span_of(domain) };
}

static char *made(const char *local, uint64_t at)
{
	struct buf value = BUF_INIT;

	visitor_cookie_value(&value, key_of(secret, "shop.example"), local, at);
	return buf_take_text(&value);
}

static bool passes(const char *value, struct visitor_cookie_key key, uint64_t now, char *out)
{
	return visitor_cookie_check(key, span_of(value), now, DAY, out);
}

static void a_fresh_local_part_has_the_reserved_form(void **state)
{
	char first[VISITOR_LOCAL_MAX], second[VISITOR_LOCAL_MAX];

	(void)state;
	visitor_cookie_new_local(first);
	visitor_cookie_new_local(second);

	assert_true(server_is_anonymous_local(span_of(first)));
	assert_string_not_equal(first, second);
}

static void a_cookie_gives_its_local_part_back(void **state)
{
	char local[VISITOR_LOCAL_MAX], out[VISITOR_LOCAL_MAX];
	char *value;

	(void)state;
	visitor_cookie_new_local(local);
	value = made(local, NOW);

	assert_true(passes(value, key_of(secret, "shop.example"), NOW + 100, out));
	assert_string_equal(out, local);
	free(value);
}

static void a_cookie_of_another_domain_or_installation_is_refused(void **state)
{
	char out[VISITOR_LOCAL_MAX];
	char *value = made("v-aaaaaaaaaaaaaaaaaaaa", NOW);

	(void)state;
	assert_false(passes(value, key_of(secret, "bank.example"), NOW, out));
	assert_false(passes(value, key_of(other_secret, "shop.example"), NOW, out));
	free(value);
}

static void an_old_cookie_and_one_from_the_future_are_refused(void **state)
{
	char out[VISITOR_LOCAL_MAX];
	char *value = made("v-aaaaaaaaaaaaaaaaaaaa", NOW);

	(void)state;
	assert_true(passes(value, key_of(secret, "shop.example"), NOW + DAY, out));
	assert_false(passes(value, key_of(secret, "shop.example"), NOW + DAY + 1, out));
	assert_false(passes(value, key_of(secret, "shop.example"), NOW - 3600, out));
	free(value);
}

static void no_changed_byte_goes_unnoticed(void **state)
{
	char out[VISITOR_LOCAL_MAX];
	char *value = made("v-aaaaaaaaaaaaaaaaaaaa", NOW);
	size_t n = strlen(value);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char kept = value[i];

		value[i] = kept == 'b' ? 'c' : 'b';
		assert_false(passes(value, key_of(secret, "shop.example"), NOW, out));
		value[i] = kept;
	}
	for (size_t i = 0; i < n; i++)
		assert_false(visitor_cookie_check(key_of(secret, "shop.example"), (struct span){ value, i }, NOW, DAY, out));
	free(value);
}

static void the_header_hides_the_cookie_from_scripts(void **state)
{
	struct buf clear = BUF_INIT, tls = BUF_INIT;
	char *a, *b;

	(void)state;
	visitor_cookie_header(&clear, SPAN_LIT("x"), DAY, false);
	visitor_cookie_header(&tls, SPAN_LIT("x"), DAY, true);
	a = buf_take_text(&clear);
	b = buf_take_text(&tls);

	assert_string_equal(a, "Set-Cookie: switchboard-visitor=x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax\r\n");
	assert_string_equal(b, "Set-Cookie: switchboard-visitor=x; Path=/; Max-Age=86400; HttpOnly; SameSite=None; Secure\r\n");
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_local_part_has_the_reserved_form),
		cmocka_unit_test(a_cookie_gives_its_local_part_back),
		cmocka_unit_test(a_cookie_of_another_domain_or_installation_is_refused),
		cmocka_unit_test(an_old_cookie_and_one_from_the_future_are_refused),
		cmocka_unit_test(no_changed_byte_goes_unnoticed),
		cmocka_unit_test(the_header_hides_the_cookie_from_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
