/* switchboard-robot: a small XMPP client that answers visitors from a FAQ text file. It is also the model for people who
 * write their own robot: log in as an account that the server's `sess-man/desk/robots[s]` names, send presence, answer
 * every message that has a body to its `from`. The server does the rest: which visitor, which robot, when to be silent. */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strophe.h>

#include "robot/faq.h"

#define RETRY_MAX_S 30u
/* Turns of 200 ms for the server to close its side after we asked to leave. */
#define FAREWELL_TURNS 10u

struct robot {
	const char *jid, *host, *ca_file;
	char *password;
	unsigned short port;
	bool trust;
	struct faq *faq;
	xmpp_ctx_t *ctx;
	bool online;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *opaque)
{
	struct robot *robot = opaque;
	const char *type = xmpp_stanza_get_type(stanza);
	const char *from = xmpp_stanza_get_from(stanza);
	char *body = xmpp_message_get_body(stanza);
	const char *answer = body ? faq_answer(robot->faq, body) : NULL;

	/* Notices of the desk (a visitor left, …) carry an <event/>: nothing to answer. */
	bool notice = xmpp_stanza_get_child_by_ns(stanza, "urn:switchboard:desk:1") != NULL &&
		      xmpp_stanza_get_child_by_name(stanza, "event") != NULL;

	if (answer && from && !notice && !(type && strcmp(type, "error") == 0)) {
		char *id = xmpp_uuid_gen(robot->ctx);
		xmpp_stanza_t *reply = xmpp_message_new(robot->ctx, "chat", from, id);

		xmpp_message_set_body(reply, answer);
		xmpp_send(conn, reply);
		xmpp_stanza_release(reply);
		xmpp_free(robot->ctx, id);
	}
	xmpp_free(robot->ctx, body);
	return 1;
}

static int on_ping(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *opaque)
{
	struct robot *robot = opaque;
	const char *id = xmpp_stanza_get_id(stanza);
	const char *from = xmpp_stanza_get_from(stanza);
	xmpp_stanza_t *reply = xmpp_iq_new(robot->ctx, "result", id ? id : "");

	if (from)
		xmpp_stanza_set_to(reply, from);
	xmpp_send(conn, reply);
	xmpp_stanza_release(reply);
	return 1;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error,
			  void *opaque)
{
	struct robot *robot = opaque;

	if (event == XMPP_CONN_CONNECT) {
		xmpp_stanza_t *presence = xmpp_presence_new(robot->ctx);

		xmpp_handler_add(conn, on_message, NULL, "message", NULL, robot);
		xmpp_handler_add(conn, on_ping, "urn:xmpp:ping", "iq", "get", robot);
		xmpp_send(conn, presence);
		xmpp_stanza_release(presence);
		robot->online = true;
		printf("robot online as %s, %zu rules\n", robot->jid, faq_rules(robot->faq));
		fflush(stdout);
	} else {
		if (!stopping)
			fprintf(stderr, "robot: connection to %s:%u ended (%s)\n", robot->host, robot->port,
				stream_error && stream_error->text ? stream_error->text :
				error ? strerror(error) : "closed");
		xmpp_stop(robot->ctx);
	}
}

/* One connection from start to end. */
static void session(struct robot *robot)
{
	xmpp_conn_t *conn = xmpp_conn_new(robot->ctx);

	if (robot->trust)
		xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_TRUST_TLS);
	if (robot->ca_file)
		xmpp_conn_set_cafile(conn, robot->ca_file);
	xmpp_conn_set_jid(conn, robot->jid);
	xmpp_conn_set_pass(conn, robot->password);
	xmpp_conn_set_sockopt_callback(conn, xmpp_sockopt_cb_keepalive);
	robot->online = false;
	if (xmpp_connect_client(conn, robot->host, robot->port, on_connection, robot) == XMPP_EOK) {
		unsigned farewell = FAREWELL_TURNS;

		while (xmpp_conn_is_connected(conn) || xmpp_conn_is_connecting(conn)) {
			xmpp_run_once(robot->ctx, 200);
			if (stopping && farewell == FAREWELL_TURNS)
				xmpp_disconnect(conn);
			if (stopping && farewell-- == 0)
				break;
		}
	}
	xmpp_conn_release(conn);
}

static char *read_password(const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t got;

	if (!file) {
		perror(path);
		return NULL;
	}
	got = getline(&line, &size, file);
	if (file != stdin)
		fclose(file);
	if (got <= 0) {
		free(line);
		fprintf(stderr, "%s: no password on the first line\n", path);
		return NULL;
	}
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static void usage(FILE *out)
{
	fputs("usage: switchboard-robot --jid JID --password-file FILE|- --faq FILE [--host HOST] [--port PORT]\n"
	      "                         [--ca-file PEM | --trust-any-certificate]\n"
	      "Answers chat messages from a FAQ text file. See robot/faq.txt for the format.\n", out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "jid", required_argument, NULL, 'j' },	 { "password-file", required_argument, NULL, 'w' },
		{ "faq", required_argument, NULL, 'f' },	 { "host", required_argument, NULL, 'h' },
		{ "port", required_argument, NULL, 'p' },	 { "ca-file", required_argument, NULL, 'c' },
		{ "trust-any-certificate", no_argument, NULL, 't' }, { "help", no_argument, NULL, '?' }, { 0 },
	};
	struct robot robot = { .host = "127.0.0.1", .port = 5222 };
	const char *faq = NULL, *password = NULL;
	unsigned wait_s = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': robot.jid = optarg; break;
		case 'w': password = optarg; break;
		case 'f': faq = optarg; break;
		case 'h': robot.host = optarg; break;
		case 'p': robot.port = (unsigned short)strtoul(optarg, NULL, 10); break;
		case 'c': robot.ca_file = optarg; break;
		case 't': robot.trust = true; break;
		default: usage(stderr); return 2;
		}
	}
	if (!robot.jid || !faq || !password || optind != argc) {
		usage(stderr);
		return 2;
	}
	robot.faq = faq_load(faq);
	robot.password = read_password(password);
	if (!robot.faq || !robot.password)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	xmpp_initialize();
	robot.ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_ERROR));
	while (!stopping) {
		session(&robot);
		if (robot.online)
			wait_s = 1;
		for (unsigned s = 0; s < wait_s && !stopping; s++)
			sleep(1);
		wait_s = wait_s < RETRY_MAX_S ? wait_s * 2 : RETRY_MAX_S;
	}
	xmpp_ctx_free(robot.ctx);
	xmpp_shutdown();
	faq_free(robot.faq);
	explicit_bzero(robot.password, strlen(robot.password));
	free(robot.password);
	return 0;
}
