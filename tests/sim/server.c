#include "tests/sim/server.h"

#include <stdlib.h>

#include "actors/topology.h"
#include "runtime/actor/engine.h"
#include "runtime/io/listener.h"
#include "runtime/outside.h"
#include "tests/sim/sim.h"
#include "tests/sim/store.h"

static struct {
	struct server server;
	struct config *conf;
	unsigned workers, lives;
	bool up, must_die;
	uint64_t down_us, epoch_us; /* epoch: outside_mono_us at time 0 of the run */
	void (*happened)(bool up);
} here;

static void on_start_again(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED);

/* A server whose store does not take what it wants to write at the start says so and ends; it is started again. */
static void give_up_start(void)
{
	engine_stop();
	topology_lower(&here.server);
	sim_store_crash();
	sim_after(SIM_S, on_start_again, NULL, 0);
}

static void start(void)
{
	char *error;

	engine_init(&(struct engine_options){ .workers = here.workers,
					      .simulate = true,
					      .seed = sim_seed() + (uint64_t)here.lives++ * 0x1000003u,
					      .elapsed_us = sim_now() });
	here.epoch_us = outside_mono_us() - sim_now();
	error = topology_raise(here.conf, NULL, &here.server);
	if (error && !sim_store_is_failing())
		BUG(error);
	if (error) {
		free(error);
		give_up_start();
		return;
	}
	here.up = true;
	if (here.happened)
		here.happened(true);
}

static void stop(void)
{
	here.up = false;
	sim_mix_number(engine_sim_hash());
	engine_stop();
	topology_lower(&here.server);
}

void server_begin(const char *settings, unsigned workers)
{
	memset(&here, 0, sizeof(here));
	here.conf = config_for_test(settings);
	free(here.conf->user_db_uri);
	here.conf->user_db_uri = xstrdup("sim:disk");
	here.workers = workers;
	start();
}

void server_end(void)
{
	if (here.up)
		stop();
	config_free(here.conf);
}

bool server_is_up(void)
{
	return here.up;
}

void server_on_change(void (*happened)(bool up))
{
	here.happened = happened;
}

void server_start_again_after(uint64_t us)
{
	here.down_us = us;
}

/* --- death --- */

void server_must_die(void)
{
	here.must_die = true;
}

static void on_start_again(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	start();
}

void server_die_if_told(void)
{
	if (!here.must_die)
		return;
	here.must_die = false;
	if (!here.up)
		return;
	stop(); /* nothing of what on_stop says or writes gets out: wires are cut when `up` falls, the disk is put back */
	sim_store_crash();
	if (here.happened)
		here.happened(false);
	sim_after(here.down_us, on_start_again, NULL, 0);
}

/* --- the outside --- */

struct conn *server_connect(const struct address *from, const struct conn_memory_peer *peer, void *ctx)
{
	if (!here.up)
		return NULL;
	/* SO_REUSEPORT: the kernel chooses */
	return listener_memory_connect(SERVER_PORT, (unsigned)sim_draw(here.workers), from, peer, ctx);
}

void server_stall_store(uint64_t us)
{
	if (here.up)
		engine_sim_block(here.server.store, here.epoch_us + sim_now() + us);
}

void server_advance(uint64_t now_us)
{
	if (here.up)
		engine_sim_advance(here.epoch_us + now_us);
}

bool server_step(void)
{
	return here.up && engine_sim_step();
}

uint64_t server_next_us(void)
{
	uint64_t next = here.up ? engine_sim_next_us() : UINT64_MAX;

	return next == UINT64_MAX ? next : next > here.epoch_us ? next - here.epoch_us : 0;
}
