#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/edge/pages.h"

struct place {
	char directory[64];
	char file[128], link[128], other[128];
};

static void put(char *path, size_t room, const char *directory, const char *name, const char *text)
{
	FILE *file;

	snprintf(path, room, "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->directory, sizeof(p->directory), "/tmp/edge-pages-XXXXXX");
	assert_non_null(mkdtemp(p->directory));
	put(p->file, sizeof(p->file), p->directory, "visitor.html", "<!doctype html>hello");
	put(p->other, sizeof(p->other), p->directory, "secret.pem", "key");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	unlink(p->other);
	rmdir(p->directory);
	free(p);
	return 0;
}

static void known_endings_are_served_with_their_type(void **state)
{
	struct place *p = *state;
	struct pages *pages = pages_load(p->directory);
	const struct page *page = pages_find(pages, SPAN_LIT("visitor.html"));

	assert_non_null(page);
	assert_string_equal(page->type, "text/html; charset=utf-8");
	assert_int_equal(page->n, 20);
	assert_int_equal(strlen(page->etag), 18);
	pages_free(pages);
}

static void nothing_else_is(void **state)
{
	static const char *const names[] = { "secret.pem", "", ".", "..", "../visitor.html", "visitor.html/", "VISITOR.HTML",
					     "visitor%2ehtml", "visitor.htm" };
	struct place *p = *state;
	struct pages *pages = pages_load(p->directory);

	assert_int_equal(pages_count(pages), 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_null(pages_find(pages, span_of(names[i])));
	assert_null(pages_find(pages, (struct span){ "visitor.html\0x", 14 }));
	pages_free(pages);
}

static void an_absent_directory_is_no_pages(void **state)
{
	struct pages *none = pages_load(NULL), *absent = pages_load("/nonexistent/pages");

	(void)state;
	assert_int_equal(pages_count(none), 0);
	assert_int_equal(pages_count(absent), 0);
	pages_free(none);
	pages_free(absent);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(known_endings_are_served_with_their_type),
		TEST(nothing_else_is),
		TEST(an_absent_directory_is_no_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
