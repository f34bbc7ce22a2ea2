/* libstrophe on a pipe: logs in over STARTTLS with the server's certificate, then each line of standard input is a stanza to
 * send, and each stanza that comes is a line of standard output. The first line out is the full JID. For errands_libstrophe.mjs.
 *   strophe_pipe JID PASSWORD PORT CERTIFICATE */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <unistd.h>

#define TURN_MS 10u

struct pipe {
	xmpp_ctx_t *ctx;
	xmpp_conn_t *conn;
	char line[65536]; /* of standard input, not yet ended */
	size_t n;
	bool failed;
};

static int on_stanza(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *userdata)
{
	char *text;
	size_t n;

	(void)conn;
	(void)userdata;
	if (xmpp_stanza_to_text(stanza, &text, &n) != XMPP_EOK)
		return 1;
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	printf("%s\n", text);
	xmpp_free(xmpp_conn_get_context(conn), text);
	return 1;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error, xmpp_stream_error_t *stream_error, void *userdata)
{
	struct pipe *p = userdata;

	if (event != XMPP_CONN_CONNECT) {
		if (error || stream_error)
			fprintf(stderr, "libstrophe: the connection ended with error %d\n", error);
		p->failed = error || stream_error;
		xmpp_stop(p->ctx);
		return;
	}
	xmpp_handler_add(conn, on_stanza, NULL, NULL, NULL, p);
	printf("%s\n", xmpp_conn_get_bound_jid(conn));
	xmpp_send_raw_string(conn, "<presence/>");
}

static void send_line(struct pipe *p, const char *line)
{
	xmpp_stanza_t *stanza = xmpp_stanza_new_from_string(p->ctx, line);

	if (!stanza) {
		fprintf(stderr, "libstrophe does not take %s\n", line);
		p->failed = true;
		return;
	}
	xmpp_send(p->conn, stanza);
	xmpp_stanza_release(stanza);
}

/* False at the end of the input. */
static bool read_lines(struct pipe *p)
{
	ssize_t got = read(STDIN_FILENO, p->line + p->n, sizeof(p->line) - 1 - p->n);
	char *end;

	if (got <= 0)
		return got < 0; /* nothing now */
	p->n += (size_t)got;
	p->line[p->n] = '\0';
	while ((end = strchr(p->line, '\n'))) {
		*end = '\0';
		send_line(p, p->line);
		p->n -= (size_t)(end + 1 - p->line);
		memmove(p->line, end + 1, p->n + 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct pipe p;

	if (argc != 5)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	xmpp_initialize();
	p.ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_WARN));
	p.conn = xmpp_conn_new(p.ctx);
	xmpp_conn_set_jid(p.conn, argv[1]);
	xmpp_conn_set_pass(p.conn, argv[2]);
	xmpp_conn_set_cafile(p.conn, argv[4]);
	xmpp_conn_set_flags(p.conn, XMPP_CONN_FLAG_MANDATORY_TLS);
	p.failed = xmpp_connect_client(p.conn, "127.0.0.1", (unsigned short)strtoul(argv[3], NULL, 10), on_connection, &p) != XMPP_EOK;
	while (!p.failed && (xmpp_conn_is_connecting(p.conn) || xmpp_conn_is_connected(p.conn))) {
		xmpp_run_once(p.ctx, TURN_MS);
		if (xmpp_conn_is_connected(p.conn) && !read_lines(&p))
			xmpp_disconnect(p.conn);
	}
	xmpp_conn_release(p.conn);
	xmpp_ctx_free(p.ctx);
	xmpp_shutdown();
	return p.failed;
}
