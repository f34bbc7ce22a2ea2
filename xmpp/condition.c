#include "xmpp/condition.h"

struct stanza_row {
	const char *text, *type;
	int code;
};
static const struct stanza_row stanza_rows[] = {
	{ "", "", 0 },
#define ROW(name, text, type, code) { text, type, code },
	STANZA_ERROR_ROWS(ROW)
#undef ROW
};
static const char *const stream_rows[] = {
	"",
#define ROW(name, text) text,
	STREAM_ERROR_ROWS(ROW)
#undef ROW
};

const char *stanza_error_text(enum stanza_error e)
{
	ASSERT((size_t)e < ARRAY_LEN(stanza_rows));
	return stanza_rows[e].text;
}

const char *stanza_error_type(enum stanza_error e)
{
	ASSERT((size_t)e < ARRAY_LEN(stanza_rows));
	return stanza_rows[e].type;
}

int stanza_error_code(enum stanza_error e)
{
	ASSERT((size_t)e < ARRAY_LEN(stanza_rows));
	return stanza_rows[e].code;
}

const char *stream_error_text(enum stream_error e)
{
	ASSERT((size_t)e < ARRAY_LEN(stream_rows));
	return stream_rows[e];
}
