#include "tests/sim/scenario.h"

#include <stdlib.h>

#include "runtime/log.h"
#include "storage/store.h"
#include "tests/sim/server.h"
#include "tests/sim/sim.h"
#include "xmpp/sasl/credential.h"

#define CLIENTS_MAX 32
#define AWAY_US (8 * SIM_S)
/* After the last fault: the longest hold, resumption window and retry, one after the other. */
#define REST_US (130 * SIM_S)
#define SETTLE_US (150 * SIM_S)

const struct scenario scenarios[] = {
#define SCENARIO(scenario, about, ...) { .name = #scenario, .doc = about, __VA_ARGS__ },
#include "tests/sim/scenarios.def"
#undef SCENARIO
};
const unsigned scenario_count = ARRAY_LEN(scenarios);

const struct scenario *scenario_find(const char *name)
{
	for (unsigned i = 0; i < scenario_count; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}

static struct {
	const struct scenario *row;
	struct client clients[CLIENTS_MAX];
	unsigned count;
	bool busy; /* clients talk, things go wrong */
	unsigned crashes;
} play;

/* --- what clients say --- */

static uint64_t pace(void)
{
	return (1 + sim_draw(2 * play.row->pace_ms)) * SIM_MS;
}

static struct client *any_client(unsigned classes)
{
	struct client *fitting[CLIENTS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < play.count; i++)
		if (classes & 1u << play.clients[i].class)
			fitting[n++] = &play.clients[i];
	return n ? fitting[sim_draw(n)] : NULL;
}

static void say_to_user(struct client *c)
{
	struct client *to = any_client(1u << HISTORY_USER);
	bool full = sim_chance(200) && to->full[0];

	if (to != c)
		client_say(c, to->person, full ? to->full : to->bare, full);
}

/* To whom its roster showed, to the desk, or to a seat it may never have seen. */
static void say_to_desk(struct client *c)
{
	struct client *seat = any_client(1u << HISTORY_SEAT);
	bool shown = c->contact[0] && sim_chance(600);

	client_say(c, HISTORY_NONE, shown ? c->contact : seat && sim_chance(300) ? seat->bare : "desk@" CLIENT_DOMAIN, false);
}

static void on_think(void *ctx, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct client *c = ctx;

	if (!play.busy)
		return;
	if (client_is_ready(c)) {
		if (sim_chance(150))
			client_ask_ack(c);
		else if (sim_chance(100))
			client_give_ack(c);
		else if (c->class == HISTORY_USER)
			say_to_user(c);
		else if (c->class == HISTORY_VISITOR)
			say_to_desk(c);
	}
	sim_after(pace(), on_think, c, 0);
}

struct answer {
	uint32_t to;
	char address[CLIENT_JID_MAX];
};

static void on_answer(void *ctx, uint64_t arg UNUSED, void *owned)
{
	struct client *c = ctx;
	struct answer *a = owned;

	if (client_is_ready(c))
		client_say(c, a->to, a->address, false);
	free(a);
}

/* Seats and robots answer visitors, most of the time: to the bare address, a robot to where it came from. */
static void heard(struct client *c, const char *from, uint32_t message)
{
	bool robot = c->class == HISTORY_ROBOT;
	uint32_t visitor = history.messages[message].sender;
	struct answer *a;

	if (history.persons[visitor].class != HISTORY_VISITOR || !sim_chance(robot ? 900 : 700))
		return;
	a = xcalloc(1, sizeof(*a));
	a->to = visitor;
	(void)snprintf(a->address, sizeof(a->address), "%.*s", robot ? (int)strlen(from) : (int)strcspn(from, "/"), from);
	sim_at(sim_now() + sim_draw(robot ? 3 * SIM_S : 6 * SIM_S), on_answer, c, 0, a);
}

/* --- what goes wrong --- */

static uint64_t away(void)
{
	return sim_chance(300) ? sim_draw(70 * SIM_S) : sim_draw(AWAY_US);
}

static enum wire_cut any_cut(void)
{
	return (enum wire_cut)sim_draw(3);
}

static void on_cut(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct client *c = &play.clients[sim_draw(play.count)];

	if (c->manages)
		client_lose_line(c, any_cut(), away());
}

static void on_stumble(void *ctx, uint64_t line, void *owned UNUSED)
{
	struct client *c = ctx;

	if (c->line == line)
		client_lose_line(c, any_cut(), sim_draw(3 * SIM_S));
}

static void entered(struct client *c, bool fresh UNUSED)
{
	if (play.busy && c->manages && sim_chance(play.row->stumbles))
		sim_after(sim_draw(400 * SIM_MS), on_stumble, c, c->line);
}

static void on_back(void *ctx, uint64_t arg UNUSED, void *owned UNUSED)
{
	client_come(ctx);
}

static void on_leave(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct client *c = &play.clients[sim_draw(play.count)];

	if (!c->wanted)
		return;
	client_leave(c);
	sim_after(away() + SIM_S, on_back, c, 0);
}

static void on_read_on(void *ctx, uint64_t line, void *owned UNUSED)
{
	struct client *c = ctx;

	if (c->line == line)
		client_rest(c, false);
}

static void on_rest(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	struct client *c = &play.clients[sim_draw(play.count)];

	client_rest(c, true);
	sim_after(sim_draw(20 * SIM_S), on_read_on, c, c->line);
}

static void on_death(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	bool all = sim_chance(200);
	struct client *one = any_client(1u << HISTORY_ROBOT);

	for (unsigned i = 0; i < play.count; i++) {
		struct client *c = &play.clients[i];

		if (c->class == HISTORY_ROBOT && (all || c == one))
			client_lose_line(c, sim_chance(300) ? WIRE_SILENT : WIRE_RESET, sim_draw(20 * SIM_S));
	}
}

static void on_storm(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	enum wire_cut how = any_cut();
	uint64_t within = sim_chance(500) ? 200 * SIM_MS : away();

	for (unsigned i = 0; i < play.count; i++)
		if (play.clients[i].manages)
			client_lose_line(&play.clients[i], how, sim_draw(within + 1));
}

static void on_stall(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	server_stall_store(sim_draw(12 * SIM_S));
}

static void on_failure(void *ctx UNUSED, uint64_t failing, void *owned UNUSED)
{
	sim_store_fail(failing ? 500 : 0);
	if (failing)
		sim_after(sim_draw(5 * SIM_S), on_failure, NULL, 0);
}

/* From now on no commit succeeds, and then the server dies: what failed last may be on the disk after all. */
static void on_last_failure(void *ctx UNUSED, uint64_t failing, void *owned UNUSED)
{
	sim_store_fail(failing ? 1000 : 0);
	if (failing) {
		sim_after(sim_draw(5 * SIM_S), on_last_failure, NULL, 0);
		return;
	}
	server_start_again_after(50 * SIM_MS + sim_draw(3 * SIM_S));
	server_must_die();
}

static void on_crash(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	server_start_again_after(50 * SIM_MS + sim_draw(3 * SIM_S));
	if (sim_chance(500))
		sim_store_die_at_write(1 + (unsigned)sim_draw(4), sim_chance(500));
	else
		server_must_die();
}

static void plan(sim_event_f *happen, unsigned at_most, uint64_t arg)
{
	for (uint64_t n = at_most ? sim_draw(at_most + 1) : 0; n > 0; n--)
		sim_at(2 * SIM_S + sim_draw((uint64_t)play.row->seconds * SIM_S), happen, NULL, arg, NULL);
}

/* --- the server --- */

static void on_readable(void *ctx UNUSED, uint64_t arg UNUSED, void *owned UNUSED)
{
	sim_store_unreadable(false);
}

static void server_changed(bool up)
{
	play.crashes += !up;
	if (up && play.busy && sim_chance(300)) { /* in the moment when the desk asks for what it had */
		sim_store_unreadable(true);
		sim_after(sim_draw(15 * SIM_S), on_readable, NULL, 0);
	}
	history_add(up ? HISTORY_START : HISTORY_CRASH, HISTORY_NONE, 0, HISTORY_NONE);
}

static uint64_t one_of(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t choice = sim_draw(3);

	return choice == 0 ? a : choice == 1 ? b : c;
}

static char *draw_settings(void)
{
	static const char *const on_return[] = { "auto", "offer", "never" };
	static const char *const seat_policy[] = { "least-chats", "round-robin", "random", "hash" };
	static const char *const robot_policy[] = { "round-robin", "least-sessions", "hash", "random" };
	struct buf text = BUF_INIT;

	buf_addf(&text, "--virt-hosts=" CLIENT_DOMAIN "\n--c2s-ports=5222\n--bosh-ports=5280\n--sm-plugins=-starttls\n"
			"sess-man/plugins-conf/plain-without-tls=always\nbosh/pages=false\n"
			"sess-man/desk/visitors[s]=v*@" CLIENT_DOMAIN "\n");
	if (play.row->seats)
		buf_add_text(&text, "sess-man/desk/seats[s]=s*@" CLIENT_DOMAIN "\n");
	if (play.row->robots)
		buf_add_text(&text, "sess-man/desk/robots[s]=r*@" CLIENT_DOMAIN "\n");
	buf_addf(&text, "sess-man/shards[I]=%u\n", (unsigned)sim_between(1, 4));
	buf_addf(&text, "c2s/processors/urn:xmpp:sm:3/resumption-timeout[I]=%u\n", (unsigned)one_of(3, 20, 60));
	buf_addf(&text, "c2s/processors/urn:xmpp:sm:3/ack-request-count[I]=%u\n", (unsigned)one_of(1, 5, 20));
	buf_addf(&text, "c2s/processors/urn:xmpp:sm:3/ack-request-delay[I]=%u\n", (unsigned)one_of(50, 500, 5000));
	buf_addf(&text, "sess-man/desk/capacity[I]=%u\n", (unsigned)one_of(2, 5, 20));
	buf_addf(&text, "sess-man/desk/hold[I]=%u\n", (unsigned)one_of(0, 5, 30));
	buf_addf(&text, "sess-man/desk/notify-grace[I]=%u\n", (unsigned)one_of(0, 3, 10));
	buf_addf(&text, "sess-man/desk/robot-deadline[I]=%u\n", (unsigned)one_of(2, 8, 30));
	buf_addf(&text, "sess-man/desk/on-return=%s\n", on_return[sim_draw(3)]);
	buf_addf(&text, "sess-man/desk/seat-policy=%s\n", seat_policy[sim_draw(4)]);
	buf_addf(&text, "sess-man/desk/robot-policy=%s\n", robot_policy[sim_draw(4)]);
	return buf_take_text(&text);
}

/* --- who is there --- */

static void add_client(enum history_class class, bool anonymous)
{
	static const struct { bool presence, roster; } habits[] = {
		[HISTORY_USER] = { true, false },
		[HISTORY_VISITOR] = { false, true },
		[HISTORY_SEAT] = { true, true },
		[HISTORY_ROBOT] = { true, false },
	};
	unsigned number = 0;
	struct client *c;

	for (unsigned i = 0; i < play.count; i++)
		number += play.clients[i].class == class && play.clients[i].anonymous == anonymous;
	ASSERT(play.count < CLIENTS_MAX);
	c = &play.clients[play.count++];
	client_init(c, class, number, anonymous);
	c->mechanism = (enum login_mechanism)sim_between(LOGIN_PLAIN, LOGIN_SCRAM_SHA_256);
	if (class == HISTORY_VISITOR) /* there is no account to compare with */
		c->mechanism = LOGIN_PLAIN;
	c->manages = !sim_chance(play.row->plain);
	c->resumes = c->manages && !sim_chance(150);
	c->asks_roster = habits[class].roster && !sim_chance(200);
	/* A visitor that does neither shows no interest in what was kept for it, and does not get it. */
	c->sends_presence = habits[class].presence || (class == HISTORY_VISITOR && !c->asks_roster);
	c->entered = entered;
	c->heard = class == HISTORY_SEAT || class == HISTORY_ROBOT ? heard : NULL;
}

static void add_clients(enum history_class class, bool anonymous, unsigned least, unsigned most)
{
	for (uint64_t n = most ? sim_between(least, most) : 0; n > 0; n--)
		add_client(class, anonymous);
}

/* Accounts as the command line would make them, on the disk before the server starts. */
static void make_accounts(void)
{
	static const uint8_t salts[CREDENTIAL_HASHES][CREDENTIAL_SALT] = { { 1, 2, 3 }, { 4, 5, 6 } };
	struct credential keys;
	struct buf text = BUF_INIT;
	struct store *s = NULL;
	char *error = NULL;

	if (store_open("sim:disk", STORE_WRITER, &s, &error) != STATUS_OK)
		BUG(error);
	credential_derive(&keys, SPAN_LIT(LOGIN_PASSWORD), LOGIN_ITERATIONS, salts);
	credential_encode(&keys, &text);
	for (unsigned i = 0; i < play.count; i++)
		if (play.clients[i].class != HISTORY_VISITOR &&
		    store_put(s, STORE_ACCOUNT, span_of(play.clients[i].bare), buf_span(&text)) != STATUS_OK)
			BUG("no account");
	buf_fini(&text);
	store_close(s);
	sim_store_sync();
}

/* --- the course of a run --- */

static void note_durable(enum store_collection c UNUSED, struct span value)
{
	uint32_t message = history_find_body(value.p, value.n);

	if (message != HISTORY_NONE)
		history_add(HISTORY_DURABLE, HISTORY_NONE, 0, message);
}

static void note_held(void *ctx UNUSED, enum store_collection c UNUSED, struct span owner UNUSED, struct span value)
{
	uint32_t message = history_find_body(value.p, value.n);

	if (message != HISTORY_NONE)
		history_add(HISTORY_HELD, HISTORY_NONE, 0, message);
}

static void begin(const struct scenario *row, const struct play_options *o)
{
	char *settings;

	memset(&play, 0, sizeof(play));
	play.row = row;
	client_mutant(o->client_mutant);
	sim_store_begin(o->store_mutant);
	wires_begin(sim_chance(200) ? 400 * SIM_MS : 30 * SIM_MS);
	add_clients(HISTORY_USER, false, 2, row->users);
	add_clients(HISTORY_VISITOR, false, 1, row->visitors);
	add_clients(HISTORY_VISITOR, true, 1, row->anonymous);
	add_clients(HISTORY_SEAT, false, 1, row->seats);
	add_clients(HISTORY_ROBOT, false, 1, row->robots);
	make_accounts();
	settings = draw_settings();
	if (row->stalls || row->crashes || row->last_failures || sim_chance(500))
		sim_store_slow(one_of(500, 5 * SIM_MS, 40 * SIM_MS));
	server_begin(settings, (unsigned)sim_between(1, 3));
	server_on_change(server_changed);
	sim_store_on_durable(note_durable);
	free(settings);
}

static void get_busy(void)
{
	const struct scenario *row = play.row;

	play.busy = true;
	for (unsigned i = 0; i < play.count; i++) {
		sim_after(sim_draw(2 * SIM_S), on_back, &play.clients[i], 0);
		sim_after(2 * SIM_S + pace(), on_think, &play.clients[i], 0);
	}
	plan(on_cut, row->cuts, 0);
	plan(on_leave, row->leaves, 0);
	plan(on_rest, row->rests, 0);
	plan(on_death, row->deaths, 0);
	plan(on_storm, row->storms, 0);
	plan(on_stall, row->stalls, 0);
	plan(on_failure, row->failures, 1);
	plan(on_last_failure, row->last_failures, 1);
	plan(on_crash, row->crashes, 0);
	sim_run_until(2 * SIM_S + (uint64_t)row->seconds * SIM_S);
}

static void all_come(void)
{
	for (unsigned i = 0; i < play.count; i++)
		client_come(&play.clients[i]);
}

static void all_leave(void)
{
	for (unsigned i = 0; i < play.count; i++)
		client_leave(&play.clients[i]);
}

/* Everything heals; what waits is delivered; visitors go, and their seats are free for those whose words waited; everybody
 * logs in once more and takes what is left. */
static void come_to_rest(void)
{
	play.busy = false;
	sim_store_die_at_write(0, false);
	sim_store_fail(0);
	sim_store_unreadable(false);
	all_come();
	sim_run_until(sim_now() + 10 * SIM_S); /* faults that had begun are over */
	history_add(HISTORY_QUIET, HISTORY_NONE, 0, HISTORY_NONE);
	all_come();
	sim_run_until(sim_now() + REST_US);
	for (unsigned i = 0; i < play.count; i++)
		client_check_at_rest(&play.clients[i]);
	for (unsigned i = 0; i < play.count; i++)
		if (play.clients[i].class == HISTORY_VISITOR)
			client_leave(&play.clients[i]);
	sim_run_until(sim_now() + 90 * SIM_S);
	all_leave();
	sim_run_until(sim_now() + 60 * SIM_S);
	all_come();
	sim_run_until(sim_now() + 20 * SIM_S);
	all_leave();
	sim_run_until(sim_now() + 10 * SIM_S);
	sim_store_each(note_held, NULL);
}

static struct play_result judge(const struct play_options *o, FILE *report)
{
	const struct rules_options rules = { .durability = o->durability, .store_refuses = play.row->failures + play.row->last_failures > 0,
					     .settle_us = SETTLE_US };
	struct rules_violation violation;
	struct play_result r = { .hash = sim_hash(), .messages = history.message_count, .crashes = play.crashes,
				 .virtual_us = sim_now() };

	for (size_t i = 0; i < history.count; i++) {
		r.received += history.entries[i].kind == HISTORY_RECEIVE;
		r.bounced += history.entries[i].kind == HISTORY_BOUNCE;
		r.acknowledged += history.entries[i].kind == HISTORY_ACK;
		r.resumed += history.entries[i].kind == HISTORY_RESUME;
		r.lost_lines += history.entries[i].kind == HISTORY_LOST;
		if (o->verbose)
			history_print_entry(stdout, &history, &history.entries[i]);
	}
	r.ok = rules_check(&history, &rules, &violation);
	if (!r.ok) {
		(void)snprintf(r.rule, sizeof(r.rule), "%s", violation.rule);
		rules_print(report, &history, &violation);
	}
	return r;
}

struct play_result scenario_play(const struct scenario *row, uint64_t seed, const struct play_options *o, FILE *report)
{
	struct play_result r;

	log_set_level(o->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	if (!o->verbose)
		log_open("/dev/null"); /* a store that fails on purpose is no news */
	sim_begin(seed);
	begin(row, o);
	get_busy();
	come_to_rest();
	server_end(); /* its last word goes into the hash */
	r = judge(o, report);
	for (unsigned i = 0; i < play.count; i++)
		client_fini(&play.clients[i]);
	sim_end();
	wires_end();
	sim_store_end();
	history_end();
	return r;
}
