#pragma once
/* Which files this configuration needs once the server runs, and the fence around the process made from that. */
#include "conf/config.h"

/* Enters the sandbox as basic-conf/sandbox says, and logs what is in force. `files` are those of the configuration, read
 * again at HUP. NULL, or a text for the operator (owned by the caller) when it is required and incomplete. Main thread,
 * before any other thread starts. */
char *confine(const struct config *conf, const char *const *files, size_t count);
