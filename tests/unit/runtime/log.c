/* What a peer sends into a line of the log stays one line of text. */
#include "tests/support/check.h"

#include <stdio.h>
#include <unistd.h>

#include "runtime/log.h"

static char path[64];

/* The message of one line, as it is in the file. */
static const char *logged(const char *text)
{
	static char line[8192];
	FILE *in;
	size_t n;
	char *message;

	log_open(path);
	log_write(LOG_LEVEL_ERROR, "test", "%s", text);
	log_open(NULL);
	in = fopen(path, "r");
	assert_non_null(in);
	n = fread(line, 1, sizeof(line) - 1, in);
	fclose(in);
	unlink(path);
	line[n] = '\0';
	message = strstr(line, " error test: ");
	assert_non_null(message);
	return message + strlen(" error test: ");
}

static void what_is_no_text_is_escaped(void **state)
{
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "plain text", "plain text\n" },
		{ "Grüße, 客服 \xf0\x9f\x98\x80", "Grüße, 客服 \xf0\x9f\x98\x80\n" },
		{ "a\n2026 FATAL", "a\\x0a2026 FATAL\n" },
		{ "\x1b[2J\x7f", "\\x1b[2J\\x7f\n" },
		{ "\xc2\x9b", "\\xc2\\x9b\n" },                                 /* C1 */
		{ "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xd8\\x9c\n" }, /* bidirectional controls */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8\n" },
		/* no UTF-8: a terminal that takes bytes would see a control there */
		{ "\x9b" "2J", "\\x9b2J\n" },
		{ "\xc0\x8a", "\\xc0\\x8a\n" },
		{ "\xe0\x80\x8a", "\\xe0\\x80\\x8a\n" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80\n" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80\n" },
		{ "cut \xe2\x82", "cut \\xe2\\x82\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(logged(rows[i].text), rows[i].line);
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	static char text[20001];
	const char *line;

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	line = logged(text);
	assert_true(strlen(line) > 1000);
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_text_is_escaped),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
	};

	snprintf(path, sizeof(path), "/tmp/switchboard-log-%d", (int)getpid());
	return RUN(tests);
}
