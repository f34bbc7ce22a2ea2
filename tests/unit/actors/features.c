/* The table of standards says nothing that the program does not have. */
#include "tests/support/check.h"

#include "actors/features.h"
#include "conf/inner.h"
#include "xmpp/parser.h"

static void what_is_there_has_its_plugin(void **state)
{
	(void)state;
	for (size_t i = 0; i < feature_count; i++) {
		const struct feature *f = &features[i];
		bool later = f->plugin >= 0 && plugin_rows[f->plugin].state == PLUGIN_LATER;

		if (f->state != FEATURE_NONE && later)
			fail_msg("%s: plugin %s is not built", f->title, plugin_rows[f->plugin].id);
		if (f->state == FEATURE_PARTIAL && !*f->remark)
			fail_msg("%s: what is missing?", f->title);
		assert_null(strpbrk(f->remark, "&<>|"));
		assert_null(strpbrk(f->title, "&<>|"));
	}
}

static void each_stands_once_and_in_order(void **state)
{
	(void)state;
	for (size_t i = 1; i < feature_count; i++) {
		const struct feature *a = &features[i - 1], *b = &features[i];

		assert_true(a->is_xep <= b->is_xep);
		if (a->is_xep == b->is_xep)
			assert_true(a->number < b->number || (a->number == b->number && !a->is_xep && strcmp(a->part, b->part) != 0));
	}
}

static void every_plugin_that_is_built_has_its_standard(void **state)
{
	/* that no document describes: the server's own, and the users' shapes of what others do */
	static const int own[] = { CONFIG_PLUGIN_session_open, CONFIG_PLUGIN_session_close, CONFIG_PLUGIN_default_handler, CONFIG_PLUGIN_desk,
				   CONFIG_PLUGIN_session, CONFIG_PLUGIN_domain_filter, CONFIG_PLUGIN_forward };

	(void)state;
	for (int p = 0; p < CONFIG_PLUGIN_COUNT; p++) {
		bool found = plugin_rows[p].state == PLUGIN_LATER;

		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			found |= own[i] == p;
		for (size_t i = 0; i < feature_count; i++)
			found |= features[i].plugin == p;
		if (!found)
			fail_msg("plugin %s is in no row", plugin_rows[p].id);
	}
}

static void the_doap_file_is_xml(void **state)
{
	struct buf text = BUF_INIT;
	char *whole;
	const char *body;
	struct xml_pool *pool = xml_pool_new();
	static const struct xml_limits no_limits;
	struct stanza *s = NULL;

	(void)state;
	features_print_doap(&text);
	whole = buf_take_text(&text);
	body = strstr(whole, "?>") + 2;
	body += strspn(body, "\n");
	assert_int_equal(xml_parse_document(pool, span_of(body), &no_limits, &s), STREAM_ERROR_NONE);
	stanza_unref(s);
	free(whole);
	xml_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_there_has_its_plugin),
		cmocka_unit_test(each_stands_once_and_in_order),
		cmocka_unit_test(every_plugin_that_is_built_has_its_standard),
		cmocka_unit_test(the_doap_file_is_xml),
	};

	return RUN(tests);
}
