#pragma once
/* What systemd is told, by its protocol of datagrams to $NOTIFY_SOCKET (sd_notify(3)); without that variable nothing
 * happens. The socket is connected once, so that it also works inside the sandbox. */
#include "runtime/base.h"

/* Main thread, before the sandbox. False: there is a socket, and it cannot be used; errno says why. */
bool notify_open(void);
/* Whether and how often (in ms; 0 = never) the service manager wants to hear WATCHDOG=1. */
uint32_t notify_watchdog_ms(void);
/* Lines as sd_notify has them: "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…". Any thread; never waits. */
void notify_send(const char *lines);
/* "RELOADING=1" with the time it wants to see with it; READY=1 says that it is over. */
void notify_reloading(void);
void notify_close(void);
