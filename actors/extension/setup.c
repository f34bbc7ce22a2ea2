/* The functions of switchboard.h for `init`, and those that may be called anywhere. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/extension/inner.h"
#include "conf/option.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"

const char *sb_name(const struct sb_setup *setup)
{
	return setup->named->name;
}

/* --- settings --- */

static const struct config_raw *ask(struct sb_setup *setup, const char *key)
{
	option_add_item(&setup->asked, xstrdup(key));
	return config_extension_setting(setup->conf, setup->named, key);
}

static void refuse(struct sb_setup *setup, const struct config_raw *where, const char *text)
{
	setup->refused++;
	config_report((struct config *)(uintptr_t)setup->conf, setup->problems, CONFIG_FATAL, where ? where : setup->named->source, text);
}

const char *sb_setting(struct sb_setup *setup, const char *key, const char *otherwise)
{
	const struct config_raw *raw = ask(setup, key);

	return raw ? raw->value : otherwise;
}

int64_t sb_setting_int(struct sb_setup *setup, const char *key, int64_t otherwise, int64_t least, int64_t most)
{
	const struct config_raw *raw = ask(setup, key);
	char text[200];
	int64_t value;

	if (!raw)
		return otherwise;
	if (option_parse_int(raw->value, &value) && value >= least && value <= most)
		return value;
	snprintf(text, sizeof(text), "'%.60s' is no number from %lld to %lld", raw->value, (long long)least, (long long)most);
	refuse(setup, raw, text);
	return otherwise;
}

bool sb_setting_bool(struct sb_setup *setup, const char *key, bool otherwise)
{
	const struct config_raw *raw = ask(setup, key);
	char text[120];
	bool value;

	if (!raw || option_parse_bool(raw->value, &value))
		return raw ? value : otherwise;
	snprintf(text, sizeof(text), "'%.60s' is neither true nor false", raw->value);
	refuse(setup, raw, text);
	return otherwise;
}

/* Kept for as long as the server lives: the extension holds pointers into it. */
static const char *keep_item(const char *list, size_t index)
{
	struct config_list items;
	char *found = NULL;

	option_parse_list(list, &items);
	if (index < items.count) {
		found = items.items[index];
		items.items[index] = xstrdup("");
	}
	option_free_list(&items);
	return found;
}

const char *sb_setting_item(struct sb_setup *setup, const char *key, size_t index)
{
	const struct config_raw *raw = ask(setup, key);

	return raw ? keep_item(raw->value, index) : NULL;
}

const char *sb_global(struct sb_setup *setup, const char *name, const char *otherwise)
{
	struct buf key = BUF_INIT;
	const char *value;
	char *text;

	buf_addf(&key, "--%s", name);
	text = buf_take_text(&key);
	value = config_raw_value(setup->conf, text);
	free(text);
	return value ? value : otherwise;
}

void sb_problem(struct sb_setup *setup, const char *key, const char *text)
{
	const struct config_raw *where = key ? config_extension_setting(setup->conf, setup->named, key) : NULL;
	struct buf line = BUF_INIT;
	char *said;

	if (key && !where) /* the default does not do: say which setting is missing */
		buf_addf(&line, "%s%s/%s: %s", setup->named->is_component ? "" : "sess-man/plugins-conf/", setup->named->name, key, text);
	else
		buf_addf(&line, "%s", text);
	said = buf_take_text(&line);
	refuse(setup, where, said);
	free(said);
}

void setup_finish(struct sb_setup *setup)
{
	for (size_t i = 0; i < setup->conf->raw_count; i++) {
		const struct config_raw *raw = &setup->conf->raw[i];
		bool asked = !config_extension_owns(setup->named, raw->key);
		char text[300];

		for (size_t k = 0; k < setup->asked.count && !asked; k++)
			asked = strcmp(strrchr(raw->key, '/') + 1, setup->asked.items[k]) == 0;
		if (asked)
			continue;
		snprintf(text, sizeof(text), "%.200s is no setting of the extension %s", raw->key, setup->named->name);
		config_report((struct config *)(uintptr_t)setup->conf, setup->problems, CONFIG_WARNING, raw, text);
	}
}

/* --- metrics --- */

/* The pointer is the metric's number, so that none of ours is NULL and none needs memory. */
static struct sb_metric *declare(const struct sb_setup *setup, const char *name, enum metric_kind kind, const char *help)
{
	struct buf whole = BUF_INIT;
	enum metric m;
	char *text;

	buf_addf(&whole, "ext_%s_%s", setup->named->name, name);
	text = buf_take_text(&whole);
	for (char *p = text; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
			*p = '_';
	m = metric_declare(text, kind, help ? help : "");
	if (m == METRIC_COUNT)
		LOG_WARNING("extension", "%s: no metric %s: there are too many, or it is of another kind already", setup->named->name, text);
	free(text);
	return (struct sb_metric *)((uintptr_t)m + 1);
}

struct sb_metric *sb_counter(struct sb_setup *setup, const char *name, const char *help)
{
	return declare(setup, name, METRIC_COUNTER, help);
}

struct sb_metric *sb_gauge(struct sb_setup *setup, const char *name, const char *help)
{
	return declare(setup, name, METRIC_GAUGE, help);
}

void sb_add(struct sb_metric *metric, int64_t by)
{
	if (metric)
		metric_add((enum metric)((uintptr_t)metric - 1), by);
}

/* --- log and clock --- */

void sb_log(enum sb_level level, const char *area, const char *format, ...)
{
	enum log_level as = level <= SB_DEBUG ? (enum log_level)level : LOG_LEVEL_DEBUG;
	char text[1000];
	va_list args;

	if (as > log_level_now())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(as, area, "%s", text);
}

uint64_t sb_now_ms(void)
{
	return outside_mono_ms();
}
