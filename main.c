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
#include "actors/reference.h"
#include "actors/topology.h"
#include "runtime/actor/engine.h"
#include "runtime/log.h"
#include "runtime/metric.h"
#include "runtime/outside.h"
#include "xmpp/parser.h"

#define DEFAULT_FILE "etc/init.properties"
#define EXTRA_MAX 64
#define FILES_MAX 16

struct command_line {
	const char *files[FILES_MAX];
	size_t file_count;
	char *extra[EXTRA_MAX]; /* "--name=value" */
	size_t extra_count;
	bool check;
	const char *reference; /* page to print */
	int rest;              /* index of the first word that is no option */
};

static void print_usage(FILE *to)
{
	fputs("usage: switchboard --property-file F[,F…] [--NAME VALUE …]       run in the foreground\n"
	      "       switchboard --property-file F --check-config              report every mistake, exit 1 if one is fatal\n"
	      "       switchboard --property-file F account add JID             password on standard input\n"
	      "       switchboard --property-file F account passwd JID          password on standard input\n"
	      "       switchboard --property-file F account delete JID\n"
	      "       switchboard --property-file F account list [DOMAIN]\n"
	      "       switchboard --print-reference options|metrics|messages|sample\n"
	      "       switchboard --version\n"
	      "Signals: TERM and INT drain and stop, HUP reads certificates and the log level again.\n",
	      to);
}

static void add_files(struct command_line *line, char *list)
{
	char *save = NULL;

	for (char *f = strtok_r(list, ",", &save); f && line->file_count < FILES_MAX; f = strtok_r(NULL, ",", &save))
		line->files[line->file_count++] = f;
}

/* Exits on --help, --version and misuse. */
static struct command_line parse_command_line(int argc, char **argv)
{
	struct command_line line = { 0 };
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--check-config") == 0) {
			line.check = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			print_usage(stdout);
			exit(0);
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("switchboard " SERVER_VERSION);
			exit(0);
		} else if (strchr(argv[i], '=') && line.extra_count < EXTRA_MAX) {
			line.extra[line.extra_count++] = xstrdup(argv[i]);
		} else if (value && strcmp(argv[i], "--property-file") == 0) {
			add_files(&line, argv[++i]);
		} else if (value && strcmp(argv[i], "--print-reference") == 0) {
			line.reference = argv[++i];
		} else if (value && line.extra_count < EXTRA_MAX) {
			struct buf pair = BUF_INIT;

			buf_addf(&pair, "%s=%s", argv[i], value);
			line.extra[line.extra_count++] = buf_take_text(&pair);
			i++;
		} else {
			fprintf(stderr, "switchboard: %s needs a value\n", argv[i]);
			print_usage(stderr);
			exit(2);
		}
	}
	if (line.file_count == 0)
		line.files[line.file_count++] = DEFAULT_FILE;
	line.rest = i;
	return line;
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
	else if (strcmp(page, "sample") == 0)
		config_print_sample(&out);
	else {
		fprintf(stderr, "switchboard: no reference page '%s': options, metrics, messages or sample\n", page);
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

static void reload(const struct command_line *line, const struct server *server)
{
	struct config_problems problems = { 0 };
	struct config *fresh = config_load(line->files, line->file_count, (const char *const *)line->extra,
					   line->extra_count, &problems);

	topology_reload(server);
	if (config_has_fatal(&problems)) {
		LOG_ERROR("main", "the configuration has mistakes, nothing of it is taken over; see --check-config");
	} else {
		log_set_level((enum log_level)fresh->log_level);
		LOG_INFO("main", "log level read again; other settings need a restart");
	}
	if (*server->conf->log_file)
		log_open(server->conf->log_file);
	config_problems_free(&problems);
	config_free(fresh);
}

/* Clients are told, then have until the deadline to take what is queued for them; then the mailboxes empty, so that what
 * was accepted is stored. */
static void drain(const struct server *server, const sigset_t *signals)
{
	uint64_t deadline = outside_mono_ms() + (uint64_t)server->conf->shutdown_timeout * 1000;
	const struct timespec poll = { 0, 20 * 1000 * 1000 };

	LOG_INFO("main", "stopping: telling %lld connections", (long long)metric_read(METRIC_connections_open));
	topology_shutdown(server);
	while (metric_read(METRIC_connections_open) > 0 && outside_mono_ms() < deadline) {
		int number = sigtimedwait(signals, NULL, &poll);

		if (number == SIGTERM || number == SIGINT)
			break; /* asked twice: now */
	}
	if (!engine_drain(2000))
		LOG_WARNING("main", "some actors still had messages waiting at the end");
}

static int run(const struct command_line *line, struct config *conf)
{
	struct server server;
	sigset_t signals;
	char *error;
	int number = 0;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	umask(0077);
	raise_descriptor_limit();
	log_set_level((enum log_level)conf->log_level);
	log_open(*conf->log_file ? conf->log_file : NULL);
	log_start_writer();
	engine_init(&(struct engine_options){ .workers = (unsigned)conf->workers });
	error = topology_raise(conf, &server);
	if (error) {
		log_stop_writer();
		fprintf(stderr, "switchboard: cannot start: %s\n", error);
		free(error);
		return 1;
	}
	engine_start();
	if (!config_dump(conf, conf->config_dump_file))
		LOG_WARNING("main", "the configuration dump %s cannot be written: %s", conf->config_dump_file,
			    strerror(errno));
	puts("switchboard ready");
	fflush(stdout);
	while (number != SIGTERM && number != SIGINT) {
		sigwait(&signals, &number);
		if (number == SIGHUP)
			reload(line, &server);
	}
	drain(&server, &signals);
	engine_stop();
	topology_lower(&server);
	LOG_INFO("main", "stopped");
	log_stop_writer();
	return 0;
}

int main(int argc, char **argv)
{
	struct command_line line = parse_command_line(argc, argv);
	struct config_problems problems = { 0 };
	struct config *conf;
	const char *missing = xml_library_problem();
	int code;

	if (line.reference)
		return print_reference(line.reference);
	if (missing) {
		fprintf(stderr, "switchboard: this libexpat cannot be used safely: %s\n", missing);
		return 1;
	}
	conf = config_load(line.files, line.file_count, (const char *const *)line.extra, line.extra_count, &problems);
	if (line.rest < argc && strcmp(argv[line.rest], "account") != 0) {
		fprintf(stderr, "switchboard: unknown command '%s'\n", argv[line.rest]);
		print_usage(stderr);
		code = 2;
	} else if (config_has_fatal(&problems) || line.check || line.rest >= argc) {
		print_problems(&problems);
		code = config_has_fatal(&problems);
		if (line.check && !code)
			puts("configuration ok");
		else if (!line.check && !code)
			code = run(&line, conf);
	} else {
		code = account_command(conf, argc - line.rest - 1, argv + line.rest + 1);
	}
	config_problems_free(&problems);
	config_free(conf);
	for (size_t i = 0; i < line.extra_count; i++)
		free(line.extra[i]);
	return code;
}
