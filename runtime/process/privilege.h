#pragma once
/* What the process may do beyond its own user (reliability 7d). In this order, by the main thread, before any other
 * thread starts: standard files, drop, open ports, seal. Errors are texts for the operator, owned by the caller. */
#include "runtime/base.h"

/* Opens 0, 1 and 2 on /dev/null where they are closed: else a socket would get the number and receive what is written to
 * standard error (F55). First thing in main. */
void privilege_open_standard_files(void);

/* Started as root: becomes `user` ("" = stays) with its groups, `group` ("" = the user's own) as the first, and keeps
 * nothing but the capability to bind ports below 1024. Started as somebody else: only checks that it is that user.
 * NULL, or what is wrong. */
char *privilege_drop(const char *user, const char *group);

/* No capability is left, a program that is executed gains none, and there is no way back to root: that is tried. A
 * process that is still root keeps its powers, and is warned of. NULL, or what is wrong. */
char *privilege_seal(void);

/* Whether a crash may leave a core file, and a debugger of the same user may look in; otherwise /proc/PID belongs to
 * root. After each change of user (which forbids it). */
void privilege_allow_dumps(bool allow);
