/* The yardstick: a bare epoll relay, one thread. Connections 2k and 2k+1 are partners; what one sends, the other gets: one recv
 * and one send a message, no parsing, no XML. What a server reaches is stated as a ratio to this, taken in the same run.
 *
 *   relay PORT [tls]    prints "relay ready", serves loopback until it is ended; tls: with a certificate made at the start */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_LIMIT 262144

struct peer {
	int partner; /* -1: none yet */
	SSL *ssl;
};

static struct peer peers[FD_LIMIT];
static SSL_CTX *context; /* NULL: plain */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_port(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
		die("listen");
	return fd;
}

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_sign(certificate, key, EVP_sha256());
	context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1); /* one recv takes header and record */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1)
		die("certificate");
}

static void take_all(int epoll, int port)
{
	static int waiting = -1; /* accepted, without a partner yet */
	int fd, on = 1;

	while ((fd = accept4(port, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

		if (fd >= FD_LIMIT) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		peers[fd].partner = waiting;
		if (context) {
			peers[fd].ssl = SSL_new(context);
			SSL_set_fd(peers[fd].ssl, fd);
			SSL_set_accept_state(peers[fd].ssl);
		}
		if (waiting >= 0)
			peers[waiting].partner = fd;
		waiting = waiting >= 0 ? -1 : fd;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

static void pass_on_sealed(struct peer *from)
{
	static char bytes[65536];
	int n;

	while ((n = SSL_read(from->ssl, bytes, sizeof(bytes))) > 0) { /* the first reads do the handshake */
		if (from->partner >= 0 && peers[from->partner].ssl)
			(void)!SSL_write(peers[from->partner].ssl, bytes, n);
		if (!SSL_has_pending(from->ssl))
			return;
	}
	if (SSL_get_error(from->ssl, n) != SSL_ERROR_WANT_READ && SSL_get_fd(from->ssl) >= 0) {
		close(SSL_get_fd(from->ssl));
		SSL_free(from->ssl);
		from->ssl = NULL;
	}
}

static void pass_on(int fd)
{
	static char bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			close(fd);
		return;
	}
	if (peers[fd].partner >= 0)
		(void)!send(peers[fd].partner, bytes, (size_t)n, MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), port = open_port((uint16_t)(argc > 1 ? atoi(argv[1]) : 15999));
	struct epoll_event events[512], event = { .events = EPOLLIN, .data.fd = port };
	struct rlimit files;

	if (argc > 2 && strcmp(argv[2], "tls") == 0)
		make_certificate();
	signal(SIGPIPE, SIG_IGN); /* SSL_write to one who has gone */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	epoll_ctl(epoll, EPOLL_CTL_ADD, port, &event);
	puts("relay ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, 512, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == port)
				take_all(epoll, port);
			else if (context)
				pass_on_sealed(&peers[events[i].data.fd]);
			else
				pass_on(events[i].data.fd);
	}
}
