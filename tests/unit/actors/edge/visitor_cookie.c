#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
	visitor_cookie_header(&clear, key_of(secret, "shop.example"), SPAN_LIT("x"), DAY, false);
	visitor_cookie_header(&tls, key_of(secret, "shop.example"), SPAN_LIT("x"), DAY, true);
	a = buf_take_text(&clear);
	b = buf_take_text(&tls);

	assert_memory_equal(a, "Set-Cookie: switchboard-visitor-", 32);
	assert_string_equal(a + 32 + 16, "=x; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax\r\n");
	assert_string_equal(b + 32 + 16, "=x; Path=/; Max-Age=86400; HttpOnly; SameSite=None; Secure\r\n");
	free(a);
	free(b);
}

static void each_tenant_and_installation_has_a_name_of_its_own(void **state)
{
	char shop[VISITOR_COOKIE_NAME_MAX], again[VISITOR_COOKIE_NAME_MAX], bank[VISITOR_COOKIE_NAME_MAX],
		elsewhere[VISITOR_COOKIE_NAME_MAX];

	(void)state;
	visitor_cookie_name(key_of(secret, "shop.example"), shop);
	visitor_cookie_name(key_of(secret, "shop.example"), again);
	visitor_cookie_name(key_of(secret, "bank.example"), bank);
	visitor_cookie_name(key_of(other_secret, "shop.example"), elsewhere);

	assert_int_equal(strlen(shop), VISITOR_COOKIE_NAME_MAX - 1);
	assert_int_equal(strspn(shop + sizeof(VISITOR_COOKIE_PREFIX) - 1, "0123456789abcdef"), 16);
	assert_string_equal(shop, again);
	assert_string_not_equal(shop, bank);
	assert_string_not_equal(shop, elsewhere);
}

/* --- lists --- */

/* A request with these Cookie headers. */
static struct span collected(struct buf *list, const char *first, const char *second)
{
	struct http_request r = { .header_count = 2 };

	r.headers[0] = (struct http_header){ SPAN_LIT("Cookie"), span_of(first) };
	r.headers[1] = (struct http_header){ SPAN_LIT("cookie"), span_of(second) };
	visitor_cookies_collect(list, &r);
	return buf_span(list);
}

static void the_cookie_of_the_tenant_is_found_among_all(void **state)
{
	struct visitor_cookie_key shop = key_of(secret, "shop.example"), bank = key_of(secret, "bank.example");
	char names[2][VISITOR_COOKIE_NAME_MAX], first[256], second[256];
	struct buf list = BUF_INIT;
	struct span all;

	(void)state;
	visitor_cookie_name(shop, names[0]);
	visitor_cookie_name(bank, names[1]);
	snprintf(first, sizeof(first), "sid=1; %s=of-bank; lang=en", names[1]);
	snprintf(second, sizeof(second), "%s=of-shop;%s=older", names[0], names[0]);
	all = collected(&list, first, second);

	assert_true(span_is(visitor_cookies_find(shop, all), "of-shop"));
	assert_true(span_is(visitor_cookies_find(bank, all), "of-bank"));
	assert_null(visitor_cookies_find(key_of(secret, "pub.example"), all).p);
	assert_null(visitor_cookies_find(key_of(other_secret, "shop.example"), all).p);
	assert_null(visitor_cookies_find(shop, SPAN_NONE).p);
	assert_null(memmem(all.p, all.n, "lang", 4));

	visitor_cookies_put(&list, shop, SPAN_LIT("fresh"));
	assert_true(span_is(visitor_cookies_find(shop, buf_span(&list)), "fresh"));
	assert_true(span_is(visitor_cookies_find(bank, buf_span(&list)), "of-bank"));
	buf_fini(&list);
}

static void no_header_makes_the_list_longer_than_its_bound(void **state)
{
	struct visitor_cookie_key last = key_of(secret, "199.example");
	struct buf header = BUF_INIT, list = BUF_INIT;
	char name[VISITOR_COOKIE_NAME_MAX], domain[32];
	char *text;

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(domain, sizeof(domain), "%d.example", i);
		visitor_cookie_name(key_of(secret, domain), name);
		buf_addf(&header, "%s=%096d; ", name, i);
	}
	buf_addf(&header, "%s=%0500d", name, 0); /* no value of ours is that long */
	text = buf_take_text(&header);
	assert_true(strlen(text) > 4 * VISITOR_COOKIES_MAX);
	collected(&list, text, text);

	assert_true(buf_len(&list) <= VISITOR_COOKIES_MAX && buf_len(&list) > VISITOR_COOKIES_MAX - 200);
	assert_non_null(visitor_cookies_find(key_of(secret, "0.example"), buf_span(&list)).p);
	assert_null(visitor_cookies_find(last, buf_span(&list)).p);
	buf_fini(&list);
	free(text);
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
		cmocka_unit_test(each_tenant_and_installation_has_a_name_of_its_own),
		cmocka_unit_test(the_cookie_of_the_tenant_is_found_among_all),
		cmocka_unit_test(no_header_makes_the_list_longer_than_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
