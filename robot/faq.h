#pragma once
/* The robot's knowledge: a text file of rules, first match wins.
 *
 *     # comment
 *     price, cost, 价格 = Our plans start at ten a month.
 *     * = Sorry, I do not know that one.
 *
 * Words left of `=` are separated by commas; one of them inside the question (ASCII case ignored) is a match. `*`
 * matches everything. `\n` in an answer is a line break. */
#include <stddef.h>

struct faq;

/* NULL on failure, after printing file, line and reason to stderr. */
struct faq *faq_load(const char *path);
void faq_free(struct faq *faq);
/* The answer, or NULL when no rule matches. Lives as long as the faq. */
const char *faq_answer(const struct faq *faq, const char *question);
size_t faq_rules(const struct faq *faq);
