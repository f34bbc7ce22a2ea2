/* Seeds against the invariants of live-chat part 4: seats, robots and visitors come, go, write and lose their lines
 * at random; after every step the desks and the pool must agree with each other, and at the end every message must
 * be somewhere. The two actors are compiled in here, so that the test can look inside. */
#include "runtime/actor/actor.h"

static void *spawned[8];
static unsigned spawned_count;

static actor_id spawn_and_remember(const struct behaviour *b, void *state, unsigned worker)
{
	spawned[spawned_count++ % 8] = state;
	return actor_spawn(b, state, worker);
}

#define actor_spawn spawn_and_remember
#include "actors/desk/desk.c"
#include "actors/desk/pool.c"
#undef actor_spawn

#include "tests/unit/actors/desk/world.h"

#define SEEDS 200u
#define STEPS 400u
#define VISITORS_COUNT 8u
#define CAPACITY 2u
#define MESSAGES_MAX 2000u

static const char *const agents[] = { "alice@a.test", "bob@a.test", "r1@a.test", "r2@a.test" };
#define AGENTS 4u
#define SEATS_COUNT 2u

static struct {
	uint64_t random;
	unsigned messages, answers;
	unsigned shown[MESSAGES_MAX][AGENTS], back[MESSAGES_MAX][AGENTS], bounced[MESSAGES_MAX];
	unsigned said_by[MESSAGES_MAX];
	unsigned last_shown[VISITORS_COUNT][SEATS_COUNT]; /* highest message a seat has seen of a visitor */
	unsigned notices[VISITORS_COUNT][AGENTS];         /* of leaving, since the visitor last came */
	unsigned comings[VISITORS_COUNT];                 /* that were not looked at when they happened */
	bool here[VISITORS_COUNT];
	size_t looked;
} model;

static uint64_t draw_number(uint64_t below)
{
	uint64_t z = (model.random += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static const char *visitor_name(unsigned v, const char *resource)
{
	static char names[4][40];
	static unsigned next;
	char *name = names[next++ % 4];

	(void)snprintf(name, sizeof(names[0]), "v%u@a.test%s%s", v, resource ? "/" : "", resource ? resource : "");
	return name;
}

static unsigned agent_of(struct record *r)
{
	for (unsigned a = 0; a < AGENTS; a++)
		if (is_to(r, agents[a]))
			return a;
	return AGENTS;
}

/* Of an id like "m17". */
static unsigned number_of(struct record *r)
{
	struct span id = stanza_id(r->packet.stanza);
	unsigned n = 0;

	for (size_t i = 1; i < id.n; i++)
		n = n * 10 + (unsigned)(id.p[i] - '0');
	return n;
}

/* --- looking --- */

static void note_message(struct record *r, unsigned a)
{
	unsigned number = number_of(r);
	unsigned v = model.said_by[number];

	assert_true(number > 0 && number <= model.messages);
	model.shown[number][a]++;
	if (a >= SEATS_COUNT)
		return;
	/* I3: never twice, unless it came back. Order: first showings rise. */
	if (model.shown[number][a] > 1 + model.back[number][a])
		fail_msg("message %u shown %u times to %s", number, model.shown[number][a], agents[a]);
	if (model.shown[number][a] == 1) {
		assert_true(number > model.last_shown[v][a]);
		model.last_shown[v][a] = number;
	}
}

static void note_leaving(unsigned v, unsigned a)
{
	assert_true(++model.notices[v][a] <= 1 + model.comings[v]); /* one leaving, one notice */
}

static void look(void)
{
	for (; model.looked < world.count; model.looked++) {
		struct record *r = &world.records[model.looked];
		unsigned a = agent_of(r);
		bool message = r->packet.stanza && stanza_kind(r->packet.stanza) == STANZA_MESSAGE;

		if (!message)
			continue;
		if (a < AGENTS && stanza_type(r->packet.stanza) != STANZA_TYPE_ERROR && stanza_id(r->packet.stanza).p[0] == 'm')
			note_message(r, a);
		else if (a < AGENTS && strstr(r->text, "visitor-disconnected"))
			note_leaving((unsigned)(r->packet.from->text[1] - '0'), a);
		else if (a == AGENTS && stanza_type(r->packet.stanza) == STANZA_TYPE_ERROR)
			model.bounced[number_of(r)]++;
	}
}

static struct pool *pool_state(void)
{
	return spawned[0];
}

static void check_conversation(void *opaque, struct span key, void *value)
{
	const struct desk *self = opaque;
	const struct conversation *c = value;
	const struct tie *t = map_find(pool_state()->ties, key);

	assert_int_equal(c->asked, ASKED_NOTHING);
	if (c->phase == CONVERSATION_WAITING) {
		assert_true(t && t->kind == TIE_WAITING && !c->owner && conversation_is_owed(c));
		LIST_EACH(it, &c->words)
			assert_true(CONTAINER_OF(it, struct word, link)->row || CONTAINER_OF(it, struct word, link)->storing);
		assert_true(c->told || c->visitor_phase == VISITOR_PHASE_LEFT); /* I5 */
	} else if (c->phase == CONVERSATION_RESERVED || c->slot) {
		assert_true(t && t->kind == (c->slot ? TIE_ACTIVE : TIE_RESERVED) && t->member);
		assert_true(c->owner && jid_eq(c->owner->bare, t->member->bare) && c->owner->state == t->member->state);
	} else {
		assert_null(t);
	}
	if (conversation_is_owed(c) && !c->owner) /* I5 */
		assert_true(c->phase == CONVERSATION_WAITING || !list_empty(&c->move));
	if (c->owner && c->owner->state == AGENT_HERE && !c->due[DUE_RETRY])
		assert_null(conversation_next_word(c));
	assert_true(c->visitor_phase == VISITOR_PHASE_LEFT || !c->is_in_left);
	assert_true(wheel_is_set(&c->timer) == (conversation_next_due(c) != 0));
	assert_ptr_equal(map_find(self->conversations, key), c);
}

static void check_member(void *ctx, struct span key, void *value)
{
	struct member *m = value;
	unsigned active = 0, reserved = 0;

	(void)ctx;
	(void)key;
	LIST_EACH(it, &m->ties) {
		const struct tie *t = CONTAINER_OF(it, struct tie, link);

		assert_ptr_equal(t->member, m);
		active += t->kind == TIE_ACTIVE;
		reserved += t->kind == TIE_RESERVED;
	}
	assert_int_equal(candidate(m)->chats, active);
	assert_int_equal(candidate(m)->reserved, reserved);
	assert_true(m->state != AGENT_GONE || active + reserved == 0);
	if (m->class == CLASS_SEAT)
		assert_true(active <= CAPACITY + 1); /* I8 */
}

static void check_all(void)
{
	look();
	for (unsigned i = 0; i < WORLD_DESKS; i++) {
		struct desk *d = spawned[1 + i];

		map_each(d->conversations, check_conversation, d);
	}
	map_each(pool_state()->members, check_member, NULL);
}

static const struct conversation *conversation_of(unsigned v)
{
	const struct conversation *c = NULL;

	for (unsigned i = 0; i < WORLD_DESKS && !c; i++)
		c = map_find(((struct desk *)spawned[1 + i])->conversations, span_of(visitor_name(v, NULL)));
	return c;
}

static const struct agent *owner_of(unsigned v)
{
	const struct conversation *c = conversation_of(v);

	return c ? c->owner : NULL;
}

static bool is_owed(struct record *r)
{
	const struct conversation *c = conversation_of(model.said_by[number_of(r)]);

	if (!c)
		return false;
	LIST_EACH(it, &c->words)
		if (span_eq(stanza_id(CONTAINER_OF(it, struct word, link)->stanza), stanza_id(r->packet.stanza)))
			return true;
	return false;
}

/* --- doing --- */

static void visitor_comes(unsigned v)
{
	visitor(visitor_name(v, "t"), draw_number(2) ? VISITOR_ONLINE : VISITOR_PRESENT, CLOSE_ERROR);
	if (world.lazy) {
		model.comings[v]++;
	} else {
		look();
		model.comings[v] = 0;
		memset(model.notices[v], 0, sizeof(model.notices[v]));
	}
	model.here[v] = true;
}

static void visitor_goes(unsigned v)
{
	static const enum close_reason how[] = { CLOSE_STREAM_END, CLOSE_TERMINATE, CLOSE_SOCKET_LOST, CLOSE_INACTIVITY };

	if (draw_number(2))
		visitor(visitor_name(v, "t"), VISITOR_ABSENT, CLOSE_ERROR);
	if (draw_number(2))
		visitor(visitor_name(v, "t"), VISITOR_LEFT, how[draw_number(4)]);
	model.here[v] = false;
}

static void visitor_says(unsigned v)
{
	static const char *const to[] = { "alice@a.test", "bob@a.test", "desk@a.test", "r1@a.test/seat" };
	char id[16], *xml;

	if (!model.here[v])
		visitor_comes(v);
	model.said_by[++model.messages] = v;
	(void)snprintf(id, sizeof(id), "m%u", model.messages);
	xml = message_xml(id, "text");
	visitor_sends(visitor_name(v, "t"), to[draw_number(4)], xml);
	settle();
	free(xml);
}

static void agent_answers(unsigned a, unsigned v)
{
	char id[16], who[40];

	(void)snprintf(id, sizeof(id), "a%u", ++model.answers);
	(void)snprintf(who, sizeof(who), "%s/x", agents[a]);
	answers(who, visitor_name(v, NULL), id);
	if (world.lazy)
		return;
	for (size_t i = model.looked; i < world.count; i++) {
		struct record *r = &world.records[i];

		/* I4: what reaches the visitor comes from the owner */
		if (is_to(r, visitor_name(v, NULL)) && r->packet.stanza && span_is(stanza_id(r->packet.stanza), id))
			assert_true(owner_of(v) && span_is(jid_bare(owner_of(v)->bare), agents[a]));
	}
}

static void agent_changes(unsigned a)
{
	char full[40];

	(void)snprintf(full, sizeof(full), "%s/%u", agents[a], (unsigned)draw_number(2));
	switch (draw_number(6)) {
	case 0: signs_out(agents[a]); break;
	case 1: line_lost(agents[a]); break;
	case 2: is_removed(agents[a]); break;
	default: seat_state(agents[a], full, draw_number(5) != 0, AGENT_SIGNED_OUT); break;
	}
}

static void something_comes_back(void)
{
	size_t n = world.count, back = draw_number(12);
	struct record *r;
	unsigned a;

	/* whether it was answered meanwhile must be known */
	if (n <= back || world.lazy)
		return;
	r = &world.records[n - 1 - back];
	a = agent_of(r);
	if (a == AGENTS || !r->packet.stanza || stanza_kind(r->packet.stanza) != STANZA_MESSAGE ||
	    stanza_type(r->packet.stanza) == STANZA_TYPE_ERROR || stanza_id(r->packet.stanza).p[0] != 'm')
		return;
	look();
	if (!is_owed(r) || model.back[number_of(r)][a] == model.shown[number_of(r)][a])
		return;
	model.back[number_of(r)][a]++;
	comes_back(r);
}

static void step(void)
{
	unsigned v = (unsigned)draw_number(VISITORS_COUNT);

	switch (draw_number(12)) {
	case 0:
	case 1:
	case 2:
	case 3: visitor_says(v); break;
	case 4: agent_answers((unsigned)draw_number(AGENTS), v); break;
	case 5: agent_changes((unsigned)draw_number(AGENTS)); break;
	case 6: model.here[v] ? visitor_goes(v) : visitor_comes(v); break;
	case 7:
		if (!model.here[v])
			visitor_comes(v);
		asks_roster(visitor_name(v, "t"), "r");
		break;
	case 8: something_comes_back(); break;
	case 9: agent_answers((unsigned)draw_number(AGENTS), v); break;
	default: run(draw_number(draw_number(4) ? 3000 : 40000)); break;
	}
}

/* Everybody comes back, acknowledges and answers until nothing is owed. */
static void quiesce(void)
{
	for (unsigned round = 0; round < 40; round++) {
		comes("alice@a.test/x");
		comes("bob@a.test/x");
		for (unsigned v = 0; v < VISITORS_COUNT; v++) {
			for (unsigned a = 0; a < SEATS_COUNT; a++)
				if (owner_of(v) && span_is(jid_bare(owner_of(v)->bare), agents[a]))
					agent_answers(a, v);
			visitor(visitor_name(v, "t"), VISITOR_LEFT, CLOSE_STREAM_END);
		}
		for (unsigned a = 0; a < AGENTS; a++)
			acknowledges(agents[a]);
		signs_out("r1@a.test");
		signs_out("r2@a.test");
		run(10000);
		check_all();
	}
	for (unsigned round = 0; round < 6; round++) {
		run(600000);
		for (unsigned a = 0; a < AGENTS; a++)
			acknowledges(agents[a]);
	}
	run(3600000);
}

static void check_ledger(const char *store_name)
{
	for (unsigned n = 1; n <= model.messages; n++) {
		unsigned shown = 0;

		for (unsigned a = 0; a < AGENTS; a++)
			shown += model.shown[n][a] - model.back[n][a];
		if (shown == 0 && model.bounced[n] == 0)
			fail_msg("message %u of v%u vanished", n, model.said_by[n]);
		if (model.bounced[n] > 1)
			fail_msg("message %u was bounced %u times", n, model.bounced[n]);
	}
	assert_int_equal(rows(store_name, "a.test"), 0);
	for (unsigned i = 0; i < WORLD_DESKS; i++)
		assert_int_equal(map_count(((struct desk *)spawned[1 + i])->conversations), 0);
	assert_int_equal(map_count(pool_state()->ties), 0);
}

static void run_seed(uint64_t seed)
{
	char lines[200], name[32];

	(void)snprintf(lines, sizeof(lines),
		       "sess-man/desk/capacity[I]=%u\nsess-man/desk/waiting-max[I]=%u\nsess-man/desk/robot-deadline[I]=%u\n"
		       "sess-man/desk/on-return=%s\nsess-man/desk/hold[I]=%u\nsess-man/desk/return-window[I]=%u\n",
		       CAPACITY, seed % 3 ? 200 : 5, seed % 2 ? 20 : 0,
		       seed % 4 == 0 ? "offer" : seed % 4 == 1 ? "never" : "auto", seed % 5 ? 30 : 0,
		       seed % 7 ? 1800 : 5);
	(void)snprintf(name, sizeof(name), "random%u", (unsigned)seed);
	memset(&model, 0, sizeof(model));
	model.random = seed;
	spawned_count = 0;
	world_begin(lines, seed, name);
	for (unsigned i = 0; i < STEPS; i++) {
		/* now and then several things happen before anybody is served */
		world.lazy = draw_number(3) == 0;
		for (uint64_t n = world.lazy ? draw_number(12) : 0; n > 0; n--)
			step();
		step();
		world.lazy = false;
		run(0);
		check_all();
	}
	quiesce();
	check_ledger(name);
	world_end();
}

static void every_message_is_shown_kept_or_bounced_and_the_actors_agree(void **state)
{
	const char *only = getenv("SEED");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only ? first : SEEDS;

	(void)state;
	for (uint64_t seed = first; seed <= last; seed++) {
		print_message("seed %u\n", (unsigned)seed); /* the last one shown is the one that fails */
		run_seed(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_message_is_shown_kept_or_bounced_and_the_actors_agree) };

	return RUN(tests);
}
