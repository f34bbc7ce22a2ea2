/* Datagrams to a service manager of our own, at a path and at an abstract name. */
#include "tests/support/check.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/process/notify.h"

static struct manager {
	int fd;
	char name[64], directory[32];
} manager;

static void manage(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(name);

	snprintf(manager.name, sizeof(manager.name), "%s", name);
	memcpy(address.sun_path, name, n);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager.fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	static char text[256];
	ssize_t n = recv(manager.fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

static int setup(void **state)
{
	(void)state;
	manager.fd = -1;
	manager.name[0] = '\0';
	snprintf(manager.directory, sizeof(manager.directory), "/tmp/notify-test-XXXXXX");
	assert_non_null(mkdtemp(manager.directory));
	return 0;
}
static int teardown(void **state)
{
	(void)state;
	notify_close();
	if (manager.fd >= 0)
		close(manager.fd);
	if (manager.name[0] == '/')
		unlink(manager.name);
	rmdir(manager.directory);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static const char *path_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s/notify", manager.directory);
	return name;
}

static void a_manager_at_a_path_hears(void **state)
{
	(void)state;
	manage(path_name());
	assert_true(notify_open());
	notify_send("READY=1");
	assert_string_equal(heard(), "READY=1");
	notify_send("STOPPING=1");
	assert_string_equal(heard(), "STOPPING=1");
	assert_null(heard());
}

static void a_manager_at_an_abstract_name_hears(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@switchboard-test-%d", (int)getpid());
	manage(name);
	assert_true(notify_open());
	notify_send("READY=1");
	assert_string_equal(heard(), "READY=1");
}

static void a_reload_tells_the_time(void **state)
{
	unsigned long long us = 0;
	const char *text;

	(void)state;
	manage(path_name());
	assert_true(notify_open());
	notify_reloading();
	text = heard();
	assert_non_null(text);
	assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &us), 1);
	assert_true(us > 0);
}

static void without_a_manager_nothing_happens(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_true(notify_open());
	assert_int_equal(notify_watchdog_ms(), 0);
	notify_send("READY=1");
}

static void a_manager_that_is_gone_does_no_harm(void **state)
{
	(void)state;
	manage(path_name());
	assert_true(notify_open());
	close(manager.fd);
	manager.fd = -1;
	notify_send("READY=1");
	notify_close();
	assert_false(notify_open()); /* nobody listens there now */
	notify_send("READY=1");
}

static void names_that_are_none_are_refused(void **state)
{
	char longest[256];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	assert_false(notify_open());
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(notify_open());
}

static void the_watchdog_is_for_the_process_it_names(void **state)
{
	static const struct {
		const char *us, *pid; /* pid: "self", or text */
		uint32_t ms;
	} rows[] = {
		{ "30000000", "self", 30000 }, { "30000000", NULL, 30000 }, { "30000000", "1", 0 }, { "0", NULL, 0 },
		{ "x", NULL, 0 },	       { "1000x", NULL, 0 },	    { "1000", NULL, 2 },    { "99999999999999999", NULL, UINT32_MAX },
	};

	(void)state;
	manage(path_name());
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char self[32];

		snprintf(self, sizeof(self), "%d", (int)getpid());
		setenv("WATCHDOG_USEC", rows[i].us, 1);
		if (rows[i].pid)
			setenv("WATCHDOG_PID", strcmp(rows[i].pid, "self") == 0 ? self : rows[i].pid, 1);
		else
			unsetenv("WATCHDOG_PID");
		assert_true(notify_open());
		assert_int_equal(notify_watchdog_ms(), rows[i].ms);
		notify_close();
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_manager_at_a_path_hears),
		TEST(a_manager_at_an_abstract_name_hears),
		TEST(a_reload_tells_the_time),
		TEST(without_a_manager_nothing_happens),
		TEST(a_manager_that_is_gone_does_no_harm),
		TEST(names_that_are_none_are_refused),
		TEST(the_watchdog_is_for_the_process_it_names),
	};

	return RUN(tests);
}
