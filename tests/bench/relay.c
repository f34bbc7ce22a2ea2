/* The yardstick: a bare epoll relay, one thread. Connections 2k and 2k+1 are partners; what one sends, the other gets: one recv
 * and one send a message, no parsing, no XML. What a server reaches is stated as a ratio to this, taken in the same run.
 *
 *   relay PORT      prints "relay ready", serves loopback until it is ended */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_LIMIT 262144

static int partner[FD_LIMIT];

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
		partner[fd] = waiting;
		if (waiting >= 0)
			partner[waiting] = fd;
		waiting = waiting >= 0 ? -1 : fd;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
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
	if (partner[fd] >= 0)
		(void)!send(partner[fd], bytes, (size_t)n, MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), port = open_port((uint16_t)(argc > 1 ? atoi(argv[1]) : 15999));
	struct epoll_event events[512], event = { .events = EPOLLIN, .data.fd = port };
	struct rlimit files;

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
			else
				pass_on(events[i].data.fd);
	}
}
