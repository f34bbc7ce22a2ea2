/* The program: reads options and configuration, raises the topology, waits for signals, drains. The only file that sees
 * every layer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/account.h"
#include "actors/admin/commands.h"
#include "actors/confine.h"
#include "actors/features.h"
#include "actors/reference.h"
#include "actors/topology.h"
#include "conf/option.h"
#include "runtime/actor/engine.h"
#include "runtime/actor/watch.h"
#include "runtime/io/tls.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "runtime/process/notify.h"
#include "runtime/process/privilege.h"
#include "xmpp/parser.h"

#define DEFAULT_FILE "etc/init.properties"
struct command_line {
	struct config_list files;
	struct config_list extra; /* "--name=value" */
	bool check;
	const char *reference; /* page to print */
	int rest;              /* index of the first word that is no option */
	bool misuse;           /* something was wrong and has been said */
};

static void print_usage(FILE *to)
{
	fputs("usage: switchboard --property-file F[,F…] [--NAME VALUE …]       run in the foreground\n"
	      "       switchboard --property-file F --check-config              report every mistake, exit 1 if one is fatal\n"
	      "       switchboard --property-file F account add JID             password on standard input\n"
	      "       switchboard --property-file F account passwd JID          password on standard input\n"
	      "       switchboard --property-file F account delete JID\n"
	      "       switchboard --property-file F account list [DOMAIN]\n"
	      "       switchboard --print-reference options|metrics|messages|commands|features|doap|sample\n"
	      "       switchboard --version\n"
	      "Signals: TERM and INT drain and stop, HUP reads certificates and the log level again.\n",
	      to);
}

static const char *const program_words[] = { "--property-file", "--check-config", "--print-reference", "--help", "--version" };

/* An option nobody knows takes no value: the word behind it may be the one that matters. */
static void report_unknown(struct command_line *line, const char *word)
{
	struct nearest near = nearest_to(word);

	for (size_t i = 0; i < ARRAY_LEN(program_words); i++)
		nearest_consider(&near, program_words[i]);
	option_consider_all(&near);
	if (near.best)
		fprintf(stderr, "%s: error: unknown option %s; did you mean %s?\n", CONFIG_COMMAND_LINE, word, near.best);
	else
		fprintf(stderr, "%s: error: unknown option %s; one of an extension is written %s=VALUE\n", CONFIG_COMMAND_LINE, word,
			word);
	line->misuse = true;
}

static void need_value(struct command_line *line, const char *word)
{
	fprintf(stderr, "%s: error: %s needs a value\n", CONFIG_COMMAND_LINE, word);
	line->misuse = true;
}

/* The words of the program itself, also as --word=value. False: it is none of them. Exits on --help and --version. */
static bool take_program_word(struct command_line *line, const char *word, const char *value)
{
	struct config_list files;

	if (strcmp(word, "--help") == 0) {
		print_usage(stdout);
		exit(0);
	}
	if (strcmp(word, "--version") == 0) {
		puts("switchboard " SERVER_VERSION);
		exit(0);
	}
	if (strcmp(word, "--check-config") == 0) {
		line->check = true;
	} else if (strcmp(word, "--property-file") == 0 && value) {
		option_parse_list(value, &files);
		for (size_t i = 0; i < files.count; i++)
			option_add_item(&line->files, xstrdup(files.items[i]));
		if (files.count == 0)
			need_value(line, word);
		option_free_list(&files);
	} else if (strcmp(word, "--print-reference") == 0 && value) {
		line->reference = value;
	} else {
		return false;
	}
	return true;
}

static bool is_program_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(program_words); i++)
		if (strcmp(word, program_words[i]) == 0)
			return true;
	return false;
}

static bool takes_value(const char *word)
{
	return strcmp(word, "--property-file") == 0 || strcmp(word, "--print-reference") == 0 ||
	       (!is_program_word(word) && (option_find(word) || option_find_later(word) || strcmp(word, "--sm-plugins") == 0));
}

/* "--name=value"; a name nobody knows is kept for extensions unless it looks like a word of the program. */
static void take_pair(struct command_line *line, const char *pair, const char *equals)
{
	char *word = xstrndup(pair, (size_t)(equals - pair));
	struct nearest near = nearest_to(word);

	for (size_t i = 0; i < ARRAY_LEN(program_words); i++)
		nearest_consider(&near, program_words[i]);
	if (is_program_word(word) && !takes_value(word)) {
		fprintf(stderr, "%s: error: %s takes no value\n", CONFIG_COMMAND_LINE, word);
		line->misuse = true;
	} else if (is_program_word(word)) {
		(void)take_program_word(line, word, equals + 1);
	} else if (near.best && !takes_value(word)) {
		report_unknown(line, word);
	} else {
		option_add_item(&line->extra, xstrdup(pair));
	}
	free(word);
}

/* Reads on after a mistake, so that all of them are said at once. */
static struct command_line parse_command_line(int argc, char **argv)
{
	struct command_line line = { 0 };
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		char *word = argv[i], *equals = strchr(word, '=');
		const char *value = i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0 ? argv[i + 1] : NULL;

		if (equals) {
			take_pair(&line, word, equals);
		} else if (!takes_value(word)) {
			if (!take_program_word(&line, word, NULL))
				report_unknown(&line, word);
		} else if (!value) {
			need_value(&line, word);
		} else {
			if (!take_program_word(&line, word, value)) {
				struct buf pair = BUF_INIT;

				buf_addf(&pair, "%s=%s", word, value);
				option_add_item(&line.extra, buf_take_text(&pair));
			}
			i++;
		}
	}
	if (line.files.count == 0)
		option_add_item(&line.files, xstrdup(DEFAULT_FILE));
	line.rest = i;
	return line;
}

static struct config *load(const struct command_line *line, struct config_problems *problems)
{
	return config_load((const char *const *)line->files.items, line->files.count, (const char *const *)line->extra.items,
			   line->extra.count, problems);
}

static int print_reference(const char *page)
{
	struct buf out = BUF_INIT;

	if (strcmp(page, "options") == 0)
		config_print_reference(&out);
	else if (strcmp(page, "metrics") == 0)
		metric_print_reference(&out);
	else if (strcmp(page, "messages") == 0)
		reference_print_messages(&out);
	else if (strcmp(page, "commands") == 0)
		commands_print_reference(&out);
	else if (strcmp(page, "features") == 0)
		features_print_reference(&out);
	else if (strcmp(page, "doap") == 0)
		features_print_doap(&out);
	else if (strcmp(page, "sample") == 0)
		config_print_sample(&out);
	else {
		fprintf(stderr, "switchboard: no reference page '%s': options, metrics, messages, commands, features, doap or sample\n", page);
		buf_fini(&out);
		return 2;
	}
	fwrite(out.base + out.start, 1, buf_len(&out), stdout);
	buf_fini(&out);
	return 0;
}

static void print_problems(const struct config_problems *problems)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < problems->count; i++) {
		config_problem_print(&problems->items[i], &out);
		buf_add_text(&out, "\n");
	}
	if (buf_len(&out))
		fwrite(out.base + out.start, 1, buf_len(&out), stderr);
	buf_fini(&out);
}

/* Descriptors are what connections are made of: take all that the system gives us. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			LOG_WARNING("main", "cannot raise the descriptor limit: %s", strerror(errno));
	}
}

/* Each mistake of a reload, as --check-config prints it. */
static void log_mistakes(const struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		struct buf line = BUF_INIT;

		config_problem_print(&problems->items[i], &line);
		if (problems->items[i].severity == CONFIG_FATAL)
			LOG_ERROR("main", "%.*s", SPAN_FMT(buf_span(&line)));
		buf_fini(&line);
	}
	LOG_ERROR("main", "the configuration has mistakes, what was in force stays");
}

/* The certificates in use are read again whatever the files say: they lie where the running configuration has them. */
static void reload(const struct command_line *line, const struct server *server)
{
	struct config_problems problems = { 0 };
	struct config *fresh = load(line, &problems);
	bool mistakes = config_has_fatal(&problems), certificates = topology_reload(server);

	if (*server->conf->log_file)
		log_open(server->conf->log_file);
	if (mistakes) {
		log_mistakes(&problems);
	} else {
		log_set_level((enum log_level)fresh->log_level);
		LOG_INFO("main", "log level read again; other settings need a restart");
	}
	metric_inc(mistakes || !certificates ? METRIC_config_reload_failures : METRIC_config_reloads);
	config_problems_free(&problems);
	config_free(fresh);
}

/* Clients are told, then have until the deadline to take what is queued for them; then the mailboxes empty, so that what
 * was accepted is stored. */
static void drain(const struct server *server, const sigset_t *signals)
{
	uint64_t deadline = outside_mono_ms() + (uint64_t)server->conf->shutdown_timeout * 1000;
	const struct timespec poll = { 0, 20 * 1000 * 1000 };

	notify_send("STOPPING=1");
	LOG_INFO("main", "stopping: telling %lld connections", (long long)metric_read(METRIC_connections_open));
	topology_shutdown(server);
	while (metric_read(METRIC_connections_open) > 0 && outside_mono_ms() < deadline) {
		int number = sigtimedwait(signals, NULL, &poll);

		if (number == SIGTERM || number == SIGINT)
			break; /* asked twice: now */
	}
	(void)engine_drain(2000);
	topology_settle(server);
	if (!engine_drain(2000))
		LOG_WARNING("main", "some actors still had messages waiting at the end");
}

/* Before any file is made: files belong to the user the server runs as. */
static bool change_user(const struct config *conf)
{
	char *error = privilege_drop(conf->run_user, conf->run_group);

	umask(0077);
	privilege_allow_dumps(conf->core_dumps);
	if (error)
		fprintf(stderr, "switchboard: cannot start: %s\n", error);
	free(error);
	return !error;
}

/* All that needs privileges or a path nobody will need again; then no way back. NULL, or what is wrong. */
static char *raise_all(const struct command_line *line, const struct config *conf, const struct extensions *extensions,
		       struct server *server)
{
	char *error = topology_raise(conf, extensions, server);

	if (error)
		return error;
	if (!config_dump(conf, conf->config_dump_file))
		LOG_WARNING("main", "the configuration dump %s cannot be written: %s", conf->config_dump_file,
			    strerror(errno));
	error = privilege_seal();
	return error ? error : confine(conf, (const char *const *)line->files.items, line->files.count);
}

static void tell_watchdog(void)
{
	notify_send("WATCHDOG=1");
}

/* A service manager that wants to hear from us does twice in its time. */
static int start_watch(const struct config *conf)
{
	return watch_start(&(struct watch_options){ .warn_ms = (uint32_t)conf->watchdog_warn,
					     .abort_ms = (uint32_t)conf->watchdog_abort * 1000,
					     .tell_ms = notify_watchdog_ms() / 2,
					     .tell = tell_watchdog });
}

/* Every thread there will be. 0, or the errno of the one that could not be made. */
static int start_threads(const struct config *conf)
{
	int problem = log_start_writer(); /* the first thread: what holds for this one holds for all */

	if (!problem)
		problem = engine_start();
	return problem ? problem : start_watch(conf);
}

static void lower_all(struct server *server)
{
	watch_stop();
	engine_stop();
	topology_lower(server);
}

static int run(const struct command_line *line, struct config *conf, const struct extensions *extensions)
{
	struct server server;
	sigset_t signals;
	char *error;
	int number = 0, problem;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	raise_descriptor_limit();
	log_set_level((enum log_level)conf->log_level);
	log_open(*conf->log_file ? conf->log_file : NULL);
	if (!notify_open())
		LOG_WARNING("main", "the service manager cannot be reached at $NOTIFY_SOCKET: %s", strerror(errno));
	engine_init(&(struct engine_options){ .workers = (unsigned)conf->workers });
	error = raise_all(line, conf, extensions, &server);
	if (error) {
		fprintf(stderr, "switchboard: cannot start: %s\n", error);
		free(error);
		topology_lower(&server);
		return 1;
	}
	problem = start_threads(conf);
	if (problem) {
		fprintf(stderr, "switchboard: cannot start: no thread can be made: %s; raise the limit (TasksMax, ulimit -u) or lower "
				"basic-conf/workers\n", strerror(problem));
		lower_all(&server);
		log_stop_writer();
		return 1;
	}
	puts("switchboard ready");
	fflush(stdout);
	notify_send("READY=1");
	while (number != SIGTERM && number != SIGINT) {
		const struct timespec pause = { .tv_sec = (time_t)conf->cert_check };

		number = sigtimedwait(&signals, NULL, &pause);
		if (number < 0 && server.tls)
			tls_store_remind(server.tls);
		if (number == SIGHUP) {
			notify_reloading();
			reload(line, &server);
			notify_send("READY=1");
		}
	}
	drain(&server, &signals);
	lower_all(&server);
	LOG_INFO("main", "stopped");
	notify_close();
	log_stop_writer();
	return 0;
}

int main(int argc, char **argv)
{
	struct command_line line;
	struct config_problems problems = { 0 };
	struct config *conf;
	struct extensions *extensions = NULL;
	const char *missing = xml_library_problem();
	int code;

	privilege_open_standard_files();
	setenv("TZ", "UTC0", 1); /* the C library counts leap seconds where the machine's zone does; stamps must not */
	line = parse_command_line(argc, argv);
	if (line.reference && !line.misuse)
		return print_reference(line.reference);
	if (missing) {
		fprintf(stderr, "switchboard: this libexpat cannot be used safely: %s\n", missing);
		return 1;
	}
	if (!outside_random_works()) { /* tables of names are keyed: even reading the configuration takes some */
		fputs("switchboard: cannot start: OpenSSL gets no random bytes from the system (getrandom)\n", stderr);
		return 1;
	}
	conf = load(&line, &problems);
	if (line.misuse) {
		if (line.check)
			print_problems(&problems);
		fputs("switchboard --help tells what there is\n", stderr);
		code = 2;
	} else if (line.rest < argc && strcmp(argv[line.rest], "account") != 0) {
		fprintf(stderr, "switchboard: unknown command '%s'\n", argv[line.rest]);
		print_usage(stderr);
		code = 2;
	} else if (config_has_fatal(&problems) || line.check || line.rest >= argc) {
		bool changed = change_user(conf); /* what the world allows is asked as that user */

		if (line.check || line.rest >= argc) {
			config_check_outside(conf, &problems);
			extensions = extensions_load(conf, &problems);
		}
		print_problems(&problems);
		code = config_has_fatal(&problems) || !changed;
		if (line.check && !code)
			puts("configuration ok");
		else if (!line.check && !code)
			code = run(&line, conf, extensions);
	} else {
		code = change_user(conf) ? account_command(conf, argc - line.rest - 1, argv + line.rest + 1) : 1;
	}
	extensions_free(extensions);
	config_problems_free(&problems);
	config_free(conf);
	option_free_list(&line.files);
	option_free_list(&line.extra);
	return code;
}
