/* Sockets and TLS. A write is expected to fit the socket's buffer: the loads here keep little outstanding. */
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *context;

void wire_setup(void)
{
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); /* a load on loopback: nobody to tell apart */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1); /* one recv takes header and record */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

int wire_connect(uint16_t port, uint32_t index)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	/* one loopback address has some 28,000 ports, and those of a crowd that was cut off stay taken: spread over source addresses */
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + index / 5000u) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof(one));
	if (opt.users + opt.crowd > 10000 && bind(fd, (struct sockaddr *)&source, sizeof(source)) != 0)
		die("bind", strerror(errno));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		die("connect", strerror(errno));
	return fd;
}

bool wire_handshake(struct user *u)
{
	int done;

	if (!u->ssl) {
		u->ssl = SSL_new(context);
		SSL_set_fd(u->ssl, u->fd);
		SSL_set_tlsext_host_name(u->ssl, opt.domain);
	}
	done = SSL_connect(u->ssl);
	if (done == 1)
		return true;
	if (SSL_get_error(u->ssl, done) != SSL_ERROR_WANT_READ)
		die("TLS", "the handshake failed");
	return false;
}

void wire_put(struct user *u, const char *bytes, size_t n)
{
	ssize_t done = u->ssl ? SSL_write(u->ssl, bytes, (int)n) : send(u->fd, bytes, n, MSG_NOSIGNAL);

	if (done != (ssize_t)n)
		die("send", done < 0 ? strerror(errno) : "the socket is full");
}

ptrdiff_t wire_get(struct user *u, char *bytes, size_t n)
{
	ssize_t got;

	if (u->ssl) {
		got = SSL_read(u->ssl, bytes, (int)n);
		if (got <= 0 && SSL_get_error(u->ssl, (int)got) == SSL_ERROR_WANT_READ)
			return 0;
	} else {
		got = recv(u->fd, bytes, n, 0);
		if (got < 0 && errno == EAGAIN)
			return 0;
	}
	if (got <= 0)
		die("the server closed a connection", got < 0 ? strerror(errno) : u->jid);
	return got;
}

bool wire_has_more(const struct user *u)
{
	return u->ssl && SSL_has_pending(u->ssl);
}
