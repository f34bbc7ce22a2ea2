#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/edge/limits.h"

static void regimes_grow_from_strict_to_lax(void **state)
{
	struct config *conf = config_for_test(NULL);
	struct regime r[REGIMES];

	(void)state;
	limits_regimes(conf, r);
	assert_int_equal(r[REGIME_PREAUTH].xml.stanza_bytes, 10000); /* RFC 6120 13.12: not below */
	for (int i = 1; i < REGIMES; i++) {
		assert_int_equal(r[i].name, i);
		assert_true(r[i].xml.stanza_bytes >= r[i - 1].xml.stanza_bytes);
		assert_true(r[i].xml.elements >= r[i - 1].xml.elements);
		assert_true(r[i].conn.out_hard >= r[i - 1].conn.out_hard);
	}
	config_free(conf);
}

static void a_body_may_carry_a_few_stanzas_after_login(void **state)
{
	struct config *conf = config_for_test(NULL);
	struct regime r[REGIMES];

	(void)state;
	limits_regimes(conf, r);
	assert_int_equal(r[REGIME_PREAUTH].body.stanza_bytes, 10000);
	assert_int_equal(r[REGIME_PREAUTH].body.elements, 33);
	assert_int_equal(r[REGIME_VISITOR].body.stanza_bytes, 4 * 16384);
	assert_int_equal(r[REGIME_USER].body.stanza_bytes, 262144); /* not above the HTTP body */
	assert_int_equal(r[REGIME_VISITOR].body.depth, r[REGIME_VISITOR].xml.depth + 1);
	config_free(conf);
}

static void zero_stays_no_limit(void **state)
{
	struct config *conf = config_for_test("sess-man/limits/user/elements[I]=0\nsess-man/limits/user/depth[I]=0\n"
					      "sess-man/limits/user/stanza-bytes[I]=0\n");
	struct regime r[REGIMES];

	(void)state;
	limits_regimes(conf, r);
	assert_int_equal(r[REGIME_USER].xml.stanza_bytes, 0);
	assert_int_equal(r[REGIME_USER].body.elements, 0);
	assert_int_equal(r[REGIME_USER].body.depth, 0);
	assert_int_equal(r[REGIME_USER].body.stanza_bytes, 262144);
	config_free(conf);
}

static void what_is_too_big_is_skipped_after_login_only(void **state)
{
	struct config *conf = config_for_test("sess-man/limits/robot/stanza-bytes[I]=0\n"), *off =
		config_for_test("sess-man/limits/oversize[I]=0\n");
	struct regime r[REGIMES];

	(void)state;
	limits_regimes(conf, r);
	assert_int_equal(r[REGIME_PREAUTH].xml.skip_bytes, 0);
	assert_int_equal(r[REGIME_VISITOR].xml.skip_bytes, 16384 + 65536);
	assert_int_equal(r[REGIME_VISITOR].websocket.skip_bytes, 16384 + 65536);
	assert_int_equal(r[REGIME_USER].xml.skip_bytes, 262144 + 65536);
	assert_int_equal(r[REGIME_ROBOT].xml.skip_bytes, 0);
	limits_regimes(off, r);
	assert_int_equal(r[REGIME_VISITOR].xml.skip_bytes, 0);
	config_free(conf);
	config_free(off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regimes_grow_from_strict_to_lax),
		cmocka_unit_test(a_body_may_carry_a_few_stanzas_after_login),
		cmocka_unit_test(zero_stays_no_limit),
		cmocka_unit_test(what_is_too_big_is_skipped_after_login_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
