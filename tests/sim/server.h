#pragma once
/* The whole server, as main.c would raise it, under the seeded scheduler: real topology, real actors, virtual listeners. It can
 * die as under kill -9 (all actors are thrown away, only what the disk has kept is left) and start anew. */
#include "runtime/io/conn.h"

#define SERVER_PORT 5222

void server_begin(const char *settings, unsigned workers); /* starts it; settings in init.properties form */
void server_end(void);
bool server_is_up(void);

void server_must_die(void);   /* at the end of the present slice */
void server_die_if_told(void);
/* Calls `happened` after each death, when all its connections have closed, and after each start. */
void server_on_change(void (*happened)(bool up));
void server_start_again_after(uint64_t us); /* of each death */

/* A client connects; NULL: refused. */
struct conn *server_connect(const struct address *from, const struct conn_memory_peer *peer, void *ctx);
void server_stall_store(uint64_t us); /* the store's thread hangs */

/* --- for sim.c --- */
void server_advance(uint64_t now_us);
bool server_step(void);
uint64_t server_next_us(void); /* of the run; UINT64_MAX = never */
