#include "robot/faq.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
	char **words; /* lower case; "*" matches all */
	size_t word_count;
	char *answer;
};

struct faq {
	struct rule *rules;
	size_t count;
};

static char *trimmed_copy(const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return strndup(from, (size_t)(to - from));
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void unescape_breaks(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			*out++ = '\n';
			text++;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

static void add_words(struct rule *rule, const char *from, const char *end)
{
	while (from < end) {
		const char *comma = memchr(from, ',', (size_t)(end - from));
		char *word = trimmed_copy(from, comma ? comma : end);

		if (word && *word) {
			lower(word);
			rule->words = realloc(rule->words, (rule->word_count + 1) * sizeof(*rule->words));
			if (!rule->words)
				abort();
			rule->words[rule->word_count++] = word;
		} else {
			free(word);
		}
		from = comma ? comma + 1 : end;
	}
}

static bool add_line(struct faq *faq, const char *line)
{
	const char *equals = strchr(line, '=');
	struct rule rule = { 0 };

	if (!equals)
		return false;
	add_words(&rule, line, equals);
	if (rule.word_count == 0)
		return false;
	rule.answer = trimmed_copy(equals + 1, line + strlen(line));
	if (!rule.answer)
		abort();
	unescape_breaks(rule.answer);
	faq->rules = realloc(faq->rules, (faq->count + 1) * sizeof(*faq->rules));
	if (!faq->rules)
		abort();
	faq->rules[faq->count++] = rule;
	return true;
}

struct faq *faq_load(const char *path)
{
	FILE *file = fopen(path, "r");
	struct faq *faq = calloc(1, sizeof(*faq));
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	bool good = true;

	if (!faq)
		abort();
	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(faq);
		return NULL;
	}
	while (getline(&line, &size, file) >= 0) {
		const char *start = line + strspn(line, " \t");

		number++;
		if (*start == '#' || *start == '\n' || *start == '\0')
			continue;
		if (!add_line(faq, start)) {
			fprintf(stderr, "%s:%u: expected `word, word = answer`\n", path, number);
			good = false;
		}
	}
	free(line);
	fclose(file);
	if (!good) {
		faq_free(faq);
		return NULL;
	}
	return faq;
}

void faq_free(struct faq *faq)
{
	for (size_t i = 0; i < faq->count; i++) {
		for (size_t w = 0; w < faq->rules[i].word_count; w++)
			free(faq->rules[i].words[w]);
		free(faq->rules[i].words);
		free(faq->rules[i].answer);
	}
	free(faq->rules);
	free(faq);
}

const char *faq_answer(const struct faq *faq, const char *question)
{
	char *text = strdup(question);
	const char *answer = NULL;

	if (!text)
		abort();
	lower(text);
	for (size_t i = 0; i < faq->count && !answer; i++)
		for (size_t w = 0; w < faq->rules[i].word_count; w++)
			if (strcmp(faq->rules[i].words[w], "*") == 0 || strstr(text, faq->rules[i].words[w]))
				answer = faq->rules[i].answer;
	free(text);
	return answer;
}

size_t faq_rules(const struct faq *faq)
{
	return faq->count;
}
