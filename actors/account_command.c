/* `switchboard … account add|passwd|delete|list`: a process of its own beside the server, or without it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "actors/account.h"
#include "actors/hosts.h"
#include "actors/server.h"

#define PASSWORD_LINE_MAX 4096

typedef enum account_refusal account_set_f(struct store *s, const struct config *conf, const struct jid *user, struct span password);

struct command {
	const struct config *conf;
	struct store *store;
	struct jid *user; /* of list: the domain */
};

static int refuse(const char *what, const char *why)
{
	fprintf(stderr, "switchboard account: %s: %s\n", what, why);
	return 1;
}

static int usage(void)
{
	fputs("usage: switchboard --property-file F account add|passwd|delete JID\n"
	      "       switchboard --property-file F account list [DOMAIN]\n"
	      "The password of add and passwd is read from standard input, one line.\n", stderr);
	return 2;
}

/* Bytes up to the end of the line, read one by one: nothing of a password stays in a buffer of stdio, and what follows is
 * left for the next line. Longer ones are cut where they are too long for a password anyway. */
static void read_bytes(struct buf *line)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) == 1 || (n < 0 && errno == EINTR)) {
		if (n == 1 && c == '\n')
			break;
		if (n == 1 && buf_len(line) < PASSWORD_LINE_MAX)
			buf_add(line, &c, 1);
	}
	if (buf_len(line) && line->base[line->end - 1] == '\r')
		line->end--;
}

/* One line from standard input; from a terminal without echo. The caller wipes it. */
static void read_line(const char *prompt, struct buf *line)
{
	struct termios before, quiet;
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;

	(void)buf_reserve(line, PASSWORD_LINE_MAX); /* so that it never moves and leaves a copy behind */
	if (terminal) {
		fputs(prompt, stderr);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	read_bytes(line);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputs("\n", stderr);
	}
}

/* False: the terminal's user typed two different ones. */
static bool read_password(struct buf *password)
{
	struct buf again = BUF_INIT;
	bool same;

	read_line("Password: ", password);
	if (!isatty(STDIN_FILENO))
		return true;
	read_line("Again: ", &again);
	same = span_eq(buf_span(password), buf_span(&again));
	buf_wipe(&again);
	return same;
}

static int refuse_for(struct command *c, enum account_refusal r)
{
	const char *hint = r == ACCOUNT_EXISTS ? "; use passwd to change its password" : r == ACCOUNT_UNKNOWN ? "; use add" : "";
	struct buf text = BUF_INIT;
	char *why;
	int code;

	buf_addf(&text, "%s%s", account_refusal_text(r), hint);
	why = buf_take_text(&text);
	code = refuse(c->user->text, why);
	free(why);
	return code;
}

static int set_password(struct command *c, account_set_f *set)
{
	enum account_refusal r = ACCOUNT_FINE;
	struct buf password = BUF_INIT;
	bool same = read_password(&password), empty = buf_len(&password) == 0;

	if (same && !empty)
		r = set(c->store, c->conf, c->user, buf_span(&password));
	buf_wipe(&password);
	if (!same)
		return refuse(c->user->text, "the two passwords differ");
	if (empty)
		return refuse(c->user->text, "no password on standard input");
	return r ? refuse_for(c, r) : 0;
}

/* An account that a pattern makes a visitor reaches nobody but the desk: seldom what was meant. */
static void remark_visitor(const struct command *c)
{
	const struct server facts = { .conf = c->conf };

	if (server_class(&facts, c->user) == CLASS_VISITOR)
		fprintf(stderr, "switchboard account: %s: warning: sess-man/desk/visitors covers this name: it logs in with its password "
			"only, but is a visitor to the desk\n", c->user->text);
}

/* Both look before they ask for a password, and once more when it is there. */
static int add(struct command *c)
{
	enum account_refusal r = account_may_add(c->store, c->conf, c->user);

	if (r)
		return refuse_for(c, r);
	remark_visitor(c);
	return set_password(c, account_add);
}

static int change(struct command *c)
{
	enum account_refusal r = account_known(c->store, c->user);

	return r == ACCOUNT_EXISTS ? set_password(c, account_change) : refuse_for(c, r);
}

static int delete(struct command *c)
{
	enum status st = account_remove(c->store, c->user, NULL);

	if (st == STATUS_OK)
		return 0;
	return refuse(c->user->text, st == STATUS_NOT_FOUND ? "no such account" : status_text(st));
}

static bool print_account(void *ctx UNUSED, struct span account)
{
	printf("%.*s\n", SPAN_FMT(account));
	return true;
}

static int list(struct command *c, const char *domain)
{
	struct span of = SPAN_NONE;
	enum status st;

	if (domain) {
		c->user = jid_parse(span_of(domain));
		if (!c->user || c->user->local_n || c->user->resource_n)
			return refuse(domain, "no domain");
		if (!config_vhost(c->conf, jid_domain(c->user)))
			return refuse(domain, account_refusal_text(ACCOUNT_NOT_SERVED));
		of = jid_domain(c->user);
	}
	st = account_each(c->store, of, false, print_account, NULL);
	return st == STATUS_OK ? 0 : refuse("list", status_text(st));
}

static int run(struct command *c, const char *verb, const char *word)
{
	if (strcmp(verb, "list") == 0)
		return list(c, word);
	if (!word)
		return usage();
	c->user = jid_parse(span_of(word));
	if (!c->user || !jid_is_bare(c->user) || !c->user->local_n)
		return refuse(word, "no bare JID; write name@domain");
	if (strcmp(verb, "add") == 0)
		return add(c);
	if (strcmp(verb, "passwd") == 0)
		return change(c);
	return delete(c);
}

int account_command(const struct config *conf, int argc, char **argv)
{
	static const char *const verbs[] = { "add", "passwd", "delete", "list" };
	struct command c = { .conf = conf };
	char *error = NULL;
	bool known = false;
	int code;

	for (size_t i = 0; argc > 0 && i < ARRAY_LEN(verbs); i++)
		known |= strcmp(argv[0], verbs[i]) == 0;
	if (!known || argc > 2)
		return usage();
	if (store_open(conf->user_db_uri, STORE_WRITER, &c.store, &error) != STATUS_OK) {
		code = refuse("store", error ? error : "cannot be opened");
		free(error);
		return code;
	}
	if (hosts_restore(c.store, conf) == STATUS_OK) /* domains added while a server ran */
		code = run(&c, argv[0], argc > 1 ? argv[1] : NULL);
	else
		code = refuse("store", "the domains in it cannot be read");
	jid_unref(c.user);
	store_close(c.store);
	return code;
}
