#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/edge/wrap.h"

static void language_tags_are_checked(void **state)
{
	static const struct {
		const char *given, *written;
	} rows[] = {
		{ "de", "de" }, { "zh-Hans-CN", "zh-Hans-CN" }, { "", "en" }, { "x' y='", "en" }, { "de_DE", "en" },
		{ "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "en" }, { "\xc3\xa4", "en" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(span_is(wrap_lang(span_of(rows[i].given)), rows[i].written));
}

static void the_stream_header_declares_both_namespaces(void **state)
{
	struct buf out = BUF_INIT;
	char *text;

	(void)state;
	wrap_stream_header(&out, &(struct wrap_head){ SPAN_LIT("shop.example"), SPAN_NONE, SPAN_LIT("a1"), SPAN_LIT("de") });
	text = buf_take_text(&out);

	assert_string_equal(text, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
				  "xmlns:stream='http://etherx.jabber.org/streams' from='shop.example' id='a1' "
				  "version='1.0' xml:lang='de'>");
	free(text);
}

static void websocket_framing_is_spelled_as_strophe_compares_it(void **state)
{
	struct buf out = BUF_INIT;
	char *text;

	(void)state;
	wrap_open(&out, &(struct wrap_head){ SPAN_LIT("shop.example"), SPAN_NONE, SPAN_LIT("a1"), SPAN_LIT("en") });
	text = buf_take_text(&out);

	assert_true(span_is(wrap_close(), "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />"));
	assert_memory_equal(text, "<open ", 6);
	assert_non_null(strstr(text, " xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\""));
	assert_non_null(strstr(text, " version=\"1.0\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(language_tags_are_checked),
		cmocka_unit_test(the_stream_header_declares_both_namespaces),
		cmocka_unit_test(websocket_framing_is_spelled_as_strophe_compares_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
