#pragma once
/* What a crash left behind, put where it belongs before the server starts: messages that were on their way to clients
 * which had not acknowledged them (the PENDING log, actors/session/custody.h) become offline messages of their recipients,
 * in order. Run again after a crash of its own it goes on; nothing is lost, nothing is there twice. Blocks. */
#include "storage/store.h"

/* *recovered: messages that are offline messages now. */
enum status recovery_run(struct store *writer, uint64_t *recovered) MUST_CHECK;
/* Records of sessions with stream management (SM_STATE) that are older than a day: nobody asks for them any more. */
enum status recovery_forget(struct store *writer, uint64_t now_s) MUST_CHECK;
