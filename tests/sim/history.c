#include "tests/sim/history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct history history;

static const char *const words[] = {
#define HISTORY_TEXT(name, text) text,
	HISTORY_ROWS(HISTORY_TEXT)
#undef HISTORY_TEXT
};

void history_end(void)
{
	for (uint32_t i = 0; i < history.person_count; i++) {
		free(history.persons[i].name);
		free(history.persons[i].bare);
	}
	for (size_t i = 0; i < history.count; i++)
		free((char *)(uintptr_t)history.entries[i].text);
	free(history.persons);
	free(history.messages);
	free(history.entries);
	memset(&history, 0, sizeof(history));
}

/* --- persons and messages --- */

uint32_t history_person(const char *name, const char *bare, enum history_class class, bool returns)
{
	history.persons = xrealloc(history.persons, (history.person_count + 1) * sizeof(*history.persons));
	history.persons[history.person_count] =
		(struct history_person){ xstrdup(name), xstrdup(bare), class, returns, false };
	return history.person_count++;
}

uint32_t history_find_person(const char *name, size_t n)
{
	for (uint32_t i = 0; i < history.person_count; i++)
		if (strlen(history.persons[i].name) == n && memcmp(history.persons[i].name, name, n) == 0)
			return i;
	return HISTORY_NONE;
}

uint32_t history_find_bare(const char *bare, size_t n)
{
	for (uint32_t i = 0; i < history.person_count; i++)
		if (strlen(history.persons[i].bare) == n && memcmp(history.persons[i].bare, bare, n) == 0)
			return i;
	return HISTORY_NONE;
}

uint32_t history_message(uint32_t sender, uint32_t to, bool to_full)
{
	uint32_t seq = 1;

	for (uint32_t i = history.message_count; i > 0; i--)
		if (history.messages[i - 1].sender == sender) {
			seq = history.messages[i - 1].seq + 1;
			break;
		}
	history.messages = xrealloc(history.messages, (history.message_count + 1) * sizeof(*history.messages));
	history.messages[history.message_count] = (struct history_message){ sender, seq, to, to_full };
	return history.message_count++;
}

/* --- bodies --- */

uint64_t history_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

void history_body(uint32_t message, char out[HISTORY_BODY_MAX])
{
	const struct history_message *m = &history.messages[message];
	int n = snprintf(out, HISTORY_BODY_MAX, "%" PRIx64 "|%s|%u", sim_seed(), history.persons[m->sender].name, m->seq);

	ASSERT(n > 0 && n < HISTORY_BODY_MAX - 18);
	(void)snprintf(out + n, HISTORY_BODY_MAX - (size_t)n, "|%016" PRIx64, history_hash(out));
}

uint32_t history_read_body(const char *body, size_t n)
{
	const char *name = memchr(body, '|', n), *end, *seq_text;
	char whole[HISTORY_BODY_MAX];
	uint32_t sender, seq = 0;

	if (!name || n >= HISTORY_BODY_MAX)
		return HISTORY_NONE;
	name++;
	end = memchr(name, '|', n - (size_t)(name - body));
	if (!end)
		return HISTORY_NONE;
	sender = history_find_person(name, (size_t)(end - name));
	for (seq_text = end + 1; seq_text < body + n && *seq_text >= '0' && *seq_text <= '9'; seq_text++)
		seq = seq * 10 + (uint32_t)(*seq_text - '0');
	for (uint32_t i = 0; i < history.message_count; i++) {
		if (history.messages[i].sender != sender || history.messages[i].seq != seq)
			continue;
		history_body(i, whole);
		return strlen(whole) == n && memcmp(whole, body, n) == 0 ? i : HISTORY_NONE;
	}
	return HISTORY_NONE;
}

uint32_t history_find_body(const char *bytes, size_t n)
{
	static const char open[] = "<body>", close[] = "</body>";
	const char *begin = memmem(bytes, n, open, sizeof(open) - 1), *end;

	if (!begin)
		return HISTORY_NONE;
	begin += sizeof(open) - 1;
	end = memmem(begin, n - (size_t)(begin - bytes), close, sizeof(close) - 1);
	return end ? history_read_body(begin, (size_t)(end - begin)) : HISTORY_NONE;
}

/* --- entries --- */

struct history_entry *history_add(enum history_kind kind, uint32_t who, uint32_t session, uint32_t message)
{
	struct history_entry *e;

	if (history.count == history.room) {
		history.room = history.room ? 2 * history.room : 1024;
		history.entries = xrealloc(history.entries, history.room * sizeof(*history.entries));
	}
	e = &history.entries[history.count++];
	*e = (struct history_entry){ .at_us = sim_now(), .kind = kind, .who = who, .session = session, .message = message,
				     .other = HISTORY_NONE };
	sim_mix_number(e->at_us);
	sim_mix_number((uint64_t)kind << 56 ^ (uint64_t)who << 32 ^ message);
	return e;
}

void history_wrong(uint32_t who, uint32_t session, const char *fmt, ...)
{
	struct history_entry *e = history_add(HISTORY_WRONG, who, session, HISTORY_NONE);
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		BUG("out of memory");
	va_end(args);
	e->text = text;
}

/* --- printing --- */

void history_print_entry(FILE *to, const struct history *h, const struct history_entry *e)
{
	fprintf(to, "%12.6f  ", (double)e->at_us / 1e6);
	if (e->who != HISTORY_NONE)
		fprintf(to, "%s ", h->persons[e->who].name);
	fputs(words[e->kind], to);
	if (e->message != HISTORY_NONE) {
		const struct history_message *m = &h->messages[e->message];

		fprintf(to, " %s|%u", h->persons[m->sender].name, m->seq);
	}
	if (e->kind == HISTORY_SEND)
		fprintf(to, " to %s", h->messages[e->message].to == HISTORY_NONE ?
					       "the desk" : h->persons[h->messages[e->message].to].name);
	if (e->kind == HISTORY_COUNT)
		fprintf(to, " = %" PRIu64 " of %" PRIu64 " sent", e->number, e->sent);
	if (e->other != HISTORY_NONE)
		fprintf(to, " (%s)", h->persons[e->other].name);
	if (e->text)
		fprintf(to, " %s", e->text);
	if (e->who != HISTORY_NONE)
		fprintf(to, "   [session %u]", e->session);
	fputc('\n', to);
}

static bool is_of_lines(enum history_kind kind)
{
	return kind == HISTORY_LOGIN || kind == HISTORY_RESUME || kind == HISTORY_LOST || kind == HISTORY_CLOSE;
}

void history_print_life(FILE *to, const struct history *h, uint32_t message)
{
	bool *concerned = xcalloc(h->person_count + 1, sizeof(*concerned));

	concerned[h->messages[message].sender] = true;
	if (h->messages[message].to != HISTORY_NONE)
		concerned[h->messages[message].to] = true;
	for (size_t i = 0; i < h->count; i++)
		if (h->entries[i].message == message && h->entries[i].who != HISTORY_NONE)
			concerned[h->entries[i].who] = true;
	for (size_t i = 0; i < h->count; i++) {
		const struct history_entry *e = &h->entries[i];

		if (e->message == message || e->kind == HISTORY_CRASH || e->kind == HISTORY_START || e->kind == HISTORY_QUIET ||
		    (e->who != HISTORY_NONE && concerned[e->who] && is_of_lines(e->kind)))
			history_print_entry(to, h, e);
	}
	free(concerned);
}
