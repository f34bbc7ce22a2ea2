#include "tests/support/check.h"

#include "xmpp/rules/names.h"

static void letters_of_scripts_that_look_alike_are_not_mixed(void **state)
{
	static const struct {
		const char *local;
		bool mixed;
	} rows[] = {
		{ "admin", false },
		{ "alice-7_b.c", false },
		{ "7", false },
		{ "", false },
		{ "adm\xd1\x96n", true },                                   /* Cyrillic i */
		{ "p\xd0\xb0ypal", true },                                  /* Cyrillic a */
		{ "\xd0\xbe\xd0\xbb\xd1\x8f", false },                      /* olya in Cyrillic */
		{ "\xd0\xbe\xd0\xbb\xd1\x8f-7", false },
		{ "\xce\xb1\xce\xb2", false },                              /* Greek */
		{ "\xce\xb1" "b", true },
		{ "\xce\xb1\xd0\xb0", true },                               /* Greek and Cyrillic */
		{ "j\xc3\xb6rg", false },                                   /* Latin with an umlaut */
		{ "\xe6\x9d\x8e" "lee", false },                            /* Chinese and Latin look nothing alike */
		{ "\xe1\x8e\xa0" "a", true },                               /* Cherokee */
		{ "a\xf0\x9f\x98\x80", false },                             /* four bytes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (names_mix_scripts(span_of(rows[i].local)) != rows[i].mixed)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(letters_of_scripts_that_look_alike_are_not_mixed) };

	return RUN(tests);
}
