#include "runtime/process/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/outside.h"

static int channel = -1;
static uint32_t watchdog_ms;

/* WATCHDOG_USEC counts for the process it names only: a variable may have been inherited. */
static uint32_t read_watchdog(void)
{
	const char *wanted = getenv("WATCHDOG_USEC"), *whose = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long us;

	if (!wanted || (whose && strtol(whose, NULL, 10) != getpid()))
		return 0;
	us = strtoull(wanted, &end, 10);
	if (end == wanted || *end || us == 0)
		return 0;
	us /= 1000;
	return us > UINT32_MAX ? UINT32_MAX : us < 2 ? 2 : (uint32_t)us;
}

static bool connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || n >= sizeof(address.sun_path)) {
		errno = EINVAL;
		return false;
	}
	memcpy(address.sun_path, name, n);
	if (name[0] == '@') /* abstract: a NUL in its place, and the length counts */
		address.sun_path[0] = '\0';
	channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return channel >= 0 &&
	       connect(channel, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == 0;
}

bool notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int why;

	if (!name || !*name)
		return true;
	watchdog_ms = read_watchdog();
	if (connect_to(name))
		return true;
	why = errno;
	notify_close();
	errno = why;
	return false;
}

uint32_t notify_watchdog_ms(void)
{
	return watchdog_ms;
}

void notify_send(const char *lines)
{
	/* A manager that does not listen is not our trouble. */
	while (channel >= 0 && send(channel, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
		;
}

void notify_reloading(void)
{
	char lines[64];

	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)outside_mono_us());
	notify_send(lines);
}

void notify_close(void)
{
	if (channel >= 0)
		close(channel);
	channel = -1;
	watchdog_ms = 0;
}
