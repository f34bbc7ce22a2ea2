/* What a configuration names outside of itself: files, directories, certificates, addresses of this machine. Only looks:
 * nothing is made, nothing written, no port taken. What is right now may still be wrong at the start, which then says so. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/inner.h"
#include "runtime/io/tls.h"
#include "runtime/mem/buf.h"

#define HEADER_LINE_MAX 1022 /* as the HTTP ports read them (actors/edge/shared.c) */

static void report(struct loading *l, enum config_severity severity, enum config_option option, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void report(struct loading *l, enum config_severity severity, enum config_option option, const char *fmt, ...)
{
	const struct config_raw *where = l->c->source[option];
	char text[900];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	loading_problem(l, severity, where, where ? "%s" : "%s (default of %s)", text, option_rows[option].key);
}

/* --- where something is to be written --- */

static bool may(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* The directory a path lies in, owned by the caller. */
static char *parent_of(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n ? xstrndup(path, n) : xstrdup(".");
}

/* Why no entry can be made in the directory, or NULL; `deep`: directories above it would be made too. */
static char *cannot_make_in(const char *directory, bool deep)
{
	struct buf why = BUF_INIT;
	struct stat st;
	char *above, *result;

	if (stat(directory, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			buf_addf(&why, "%s is not a directory", directory);
		else if (!may(directory, W_OK | X_OK))
			buf_addf(&why, "%s: %s", directory, strerror(errno));
		return buf_len(&why) ? buf_take_text(&why) : NULL;
	}
	if (errno != ENOENT || !deep) {
		buf_addf(&why, "%s: %s", directory, strerror(errno));
		return buf_take_text(&why);
	}
	above = parent_of(directory);
	result = cannot_make_in(above, true);
	free(above);
	return result;
}

/* Why the file cannot be opened for writing, or NULL. */
static char *cannot_write(const char *path, bool deep)
{
	struct buf why = BUF_INIT;
	struct stat st;
	char *directory, *result;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			buf_addf(&why, "%s is a directory", path);
		else if (!may(path, W_OK))
			buf_addf(&why, "%s: %s", path, strerror(errno));
		return buf_len(&why) ? buf_take_text(&why) : NULL;
	}
	if (errno != ENOENT) {
		buf_addf(&why, "%s: %s", path, strerror(errno));
		return buf_take_text(&why);
	}
	directory = parent_of(path);
	result = cannot_make_in(directory, deep);
	free(directory);
	return result;
}

/* The first bytes of a file: as many as it has, at most n; -1 = it cannot be read. */
static ssize_t read_begin(int fd, char *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t now = read(fd, to + done, n - done);

		if (now < 0 && errno != EINTR)
			return -1;
		if (now == 0)
			break;
		done += now > 0 ? (size_t)now : 0;
	}
	return (ssize_t)done;
}

/* --- each kind of thing --- */

/* SQLite puts its log beside the file, so the directory must be writable even when the file is there. */
static void check_store(struct loading *l)
{
	static const char magic[16] = "SQLite format 3";
	const char *uri = l->c->user_db_uri, *path = uri + 7;
	char begin[sizeof(magic)], *why, *directory;
	ssize_t n;
	int fd;

	if (strncmp(uri, "sqlite:", 7) != 0 || *path == '\0')
		return; /* said by check.c */
	why = cannot_write(path, true);
	directory = parent_of(path);
	if (!why)
		why = cannot_make_in(directory, true);
	free(directory);
	if (why) {
		report(l, CONFIG_FATAL, CONFIG_OPTION_user_db_uri, "the store cannot be written: %s; give sqlite:PATH in a directory that "
		       "this user may write to", why);
		free(why);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd >= 0 ? read_begin(fd, begin, sizeof(begin)) : 0;
	if (fd >= 0)
		close(fd);
	if (n != 0 && (n < (ssize_t)sizeof(magic) || memcmp(begin, magic, sizeof(magic)) != 0))
		report(l, CONFIG_FATAL, CONFIG_OPTION_user_db_uri, "%s is no SQLite database; give the path of another file", path);
}

static void check_dump(struct loading *l)
{
	const char *path = l->c->config_dump_file;
	char *why = config_dump_is_off(path) ? NULL : cannot_write(path, true);

	if (why)
		report(l, CONFIG_WARNING, CONFIG_OPTION_config_dump_file, "the configuration in force cannot be written: %s; give another "
		       "path, or none", why);
	free(why);
}

static void check_log(struct loading *l)
{
	char *why = *l->c->log_file ? cannot_write(l->c->log_file, false) : NULL;

	if (why)
		report(l, CONFIG_WARNING, CONFIG_OPTION_log_file, "the log cannot be written: %s; lines go to standard error", why);
	free(why);
}

static bool serves_http(const struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (c->listeners[i].component != CONFIG_COMPONENT_c2s)
			return true;
	return false;
}

static bool is_header(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	if (!colon || colon == line || n > HEADER_LINE_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return false;
	return true;
}

static void check_header_lines(struct loading *l, FILE *file, const char *path)
{
	char *line = NULL;
	size_t room = 0;

	for (unsigned number = 1; getline(&line, &room, file) >= 0; number++) {
		size_t n = strcspn(line, "\r\n");

		if (n && *line != '#' && !is_header(line, n))
			report(l, CONFIG_WARNING, CONFIG_OPTION_bosh_headers_file, "%s:%u is no header and is left out; write Name: value", path,
			       number);
	}
	free(line);
}

static void check_headers(struct loading *l)
{
	const char *path = l->c->bosh_headers_file;
	int fd = *path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat st;

	if (!*path)
		return;
	if (!file && errno == ENOENT) {
		if (l->c->source[CONFIG_OPTION_bosh_headers_file])
			report(l, CONFIG_WARNING, CONFIG_OPTION_bosh_headers_file, "%s does not exist; the built-in CORS headers are used", path);
	} else if (!file) {
		report(l, CONFIG_FATAL, CONFIG_OPTION_bosh_headers_file, "%s cannot be read: %s", path, strerror(errno));
	} else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		report(l, CONFIG_FATAL, CONFIG_OPTION_bosh_headers_file, "%s is no ordinary file", path);
	} else {
		check_header_lines(l, file, path);
	}
	if (file)
		fclose(file);
}

/* The default may be missing: a server without pages is one that was told nothing about them. */
static void check_pages(struct loading *l)
{
	const char *path = l->c->pages_dir;
	struct stat st;

	if (!l->c->pages || !l->c->source[CONFIG_OPTION_pages_dir])
		return;
	if (stat(path, &st) != 0)
		report(l, CONFIG_WARNING, CONFIG_OPTION_pages_dir, "no pages are served: %s: %s; tools/web makes them", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		report(l, CONFIG_WARNING, CONFIG_OPTION_pages_dir, "no pages are served: %s is not a directory", path);
	else if (!may(path, R_OK | X_OK))
		report(l, CONFIG_WARNING, CONFIG_OPTION_pages_dir, "no pages are served: %s: %s", path, strerror(errno));
}

/* --- certificates --- */

static void on_certificate(void *ctx, bool fatal, const char *text)
{
	report(ctx, fatal ? CONFIG_FATAL : CONFIG_WARNING, CONFIG_OPTION_certs_location, "%s", text);
}

/* False: nothing can be read there. Only the first one is made when missing. */
static bool check_directory(struct loading *l, const char *path, bool first)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		if (errno == ENOENT && first)
			return true;
		report(l, errno == ENOENT ? CONFIG_WARNING : CONFIG_FATAL, CONFIG_OPTION_certs_location, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		report(l, CONFIG_FATAL, CONFIG_OPTION_certs_location, "%s is not a directory; name the directory of the PEM files", path);
	else if (!may(path, R_OK | X_OK))
		report(l, CONFIG_FATAL, CONFIG_OPTION_certs_location, "%s: %s", path, strerror(errno));
	else
		return true;
	return false;
}

/* What is missing is made at the start, in the first directory, which is made itself. */
static void check_making(struct loading *l, const char *missing)
{
	const char *directory = l->c->certs_location.items[0];
	struct stat st;
	char *above = parent_of(directory), *why = cannot_make_in(stat(directory, &st) == 0 ? directory : above, false);

	if (why)
		report(l, CONFIG_FATAL, CONFIG_OPTION_certs_location, "there is no certificate for %s, and none can be made: %s", missing, why);
	free(why);
	free(above);
}

static void check_certificates(struct loading *l)
{
	const struct config *c = l->c;
	const char **names = xcalloc(c->vhost_count, sizeof(*names));
	struct tls_names hosts = { names, c->vhost_count };
	bool usable = check_is_certificate_name(c->cert_default);
	const char *missing;

	for (size_t i = 0; i < c->vhost_count; i++)
		names[i] = c->vhosts[i].name;
	for (size_t i = 0; i < c->certs_location.count; i++)
		usable &= check_directory(l, c->certs_location.items[i], i == 0);
	missing = usable ? tls_store_look((const char *const *)c->certs_location.items, c->certs_location.count, c->cert_default, &hosts,
					  on_certificate, l) : NULL;
	if (missing)
		check_making(l, missing);
	free(names);
}

/* --- addresses of this machine --- */

/* Binds a socket that listens to nothing, to any free port unless the port itself needs a right. 0 or errno. */
static int try_address(const char *text, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_v4 = strcmp(text, "*") == 0 || inet_pton(AF_INET, text, &v4.sin_addr) == 1;
	int fd, error = 0;

	if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		return 0; /* said by listeners.c */
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (bind(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)) != 0)
		error = errno;
	close(fd);
	return error == EADDRINUSE ? 0 : error; /* perhaps by the very server that is to be restarted */
}

static void check_listener(struct loading *l, const struct config_listener *at)
{
	for (size_t i = 0; i < at->interfaces.count; i++) {
		const char *address = at->interfaces.items[i];
		int error = strcmp(address, "*") == 0 && at->port >= 1024 ? 0 : try_address(address, at->port < 1024 ? at->port : 0);

		if (error == EACCES || error == EPERM)
			loading_problem(l, CONFIG_FATAL, at->port_source, "port %u needs a right this user does not have; take one from 1024 on, or "
					"give the program CAP_NET_BIND_SERVICE", at->port);
		else if (error)
			loading_problem(l, CONFIG_FATAL, at->interface_source, "port %u: ifc %s is no address of this machine (%s); `ip address` "
					"shows them", at->port, address, strerror(error));
	}
}

void config_check_outside(struct config *c, struct config_problems *problems)
{
	struct loading l = { .c = c, .problems = problems };

	check_store(&l);
	check_dump(&l);
	check_log(&l);
	if (serves_http(c)) {
		check_headers(&l);
		check_pages(&l);
	}
	if (config_wants_tls(c) && c->certs_location.count > 0)
		check_certificates(&l);
	for (size_t i = 0; i < c->listener_count; i++)
		check_listener(&l, &c->listeners[i]);
	loading_sort(&l);
}
