/* The simulated client's view of a stream. */
#include "tests/support/check.h"

#include <stdlib.h>

#include "tests/sim/scan.h"

#define HEAD "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='a>b'>"

static void elements_are_cut_wherever_the_bytes_are(void **state)
{
	static const char text[] = HEAD "<a x='1'/> <m id='2'><body>x</body><c y='</m>'/></m></stream:stream>";
	static const enum scan_piece want[] = { SCAN_HEADER, SCAN_ELEMENT, SCAN_ELEMENT, SCAN_END };
	static const char *const texts[] = { NULL, "<a x='1'/>", "<m id='2'><body>x</body><c y='</m>'/></m>", NULL };

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		struct scan s = { 0 };
		size_t seen = 0;

		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t n = sizeof(text) - 1 - at < step ? sizeof(text) - 1 - at : step;
			enum scan_piece piece;
			char *out;

			scan_add(&s, (struct span){ text + at, n });
			while ((piece = scan_next(&s, &out)) != SCAN_MORE) {
				assert_true(seen < ARRAY_LEN(want));
				assert_int_equal(piece, want[seen]);
				assert_true(!out == !texts[seen] && (!out || strcmp(out, texts[seen]) == 0));
				free(out);
				seen++;
			}
		}
		assert_int_equal(seen, 4);
		scan_fini(&s);
	}
}

static void what_a_server_must_not_write_is_noticed(void **state)
{
	static const char *const texts[] = { HEAD "text", "<a/>", "</a>", HEAD "<?pi?>" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct scan s = { 0 };
		enum scan_piece piece;
		char *out;

		scan_add(&s, span_of(texts[i]));
		scan_add(&s, SPAN_LIT("<b/>"));
		while ((piece = scan_next(&s, &out)) == SCAN_HEADER)
			;
		assert_int_equal(piece, SCAN_BROKEN);
		scan_fini(&s);
	}
}

static void attributes_and_texts_are_found(void **state)
{
	static const char element[] = "<message from='a@b/c' id=\"id='9'\" to='x'><bodyguard>no</bodyguard><body lang='de'>yes</body></message>";
	char out[16];
	struct span text;

	(void)state;
	assert_true(scan_is(element, "message"));
	assert_false(scan_is(element, "mess"));
	assert_true(scan_attribute(element, "id", out, sizeof(out)));
	assert_string_equal(out, "id='9'");
	assert_true(scan_attribute(element, "to", out, sizeof(out)));
	assert_string_equal(out, "x");
	assert_false(scan_attribute(element, "lang", out, sizeof(out)));
	assert_true(scan_text(element, "body", &text));
	assert_true(span_is(text, "yes"));
	assert_false(scan_text(element, "thread", &text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_cut_wherever_the_bytes_are),
		cmocka_unit_test(what_a_server_must_not_write_is_noticed),
		cmocka_unit_test(attributes_and_texts_are_found),
	};

	return RUN(tests);
}
