/* A plugin that counts messages, sends those for an old address to the new one, tells clients how many there were, and sees
 * sessions come and go. Explained in docs/extending.md. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <switchboard.h>

#define NS "urn:example:count"

/* Set by init, read by all instances at once: never changed later. */
static const char *old_address, *new_address;
static bool tell; /* append what was counted to each message */
static struct sb_metric *messages, *redirected, *lost, *sessions;

static atomic_uint_fast64_t total; /* over all instances: they run at the same time */

struct count { /* one instance: only one call at a time comes here */
	uint64_t seen;
};

static bool init(struct sb_setup *setup)
{
	old_address = sb_setting(setup, "old-address", NULL);
	new_address = sb_setting(setup, "new-address", NULL);
	tell = sb_setting_bool(setup, "tell", false);
	messages = sb_counter(setup, "messages", "Messages that clients sent.");
	redirected = sb_counter(setup, "redirected", "Of these, sent to another address.");
	lost = sb_counter(setup, "lost", "Messages nobody was there for.");
	sessions = sb_gauge(setup, "sessions", "Sessions now.");
	if (old_address && !new_address) {
		sb_problem(setup, "new-address", "old-address is set: give the address its messages go to");
		return false;
	}
	return true;
}

static void *open_instance(void)
{
	return calloc(1, sizeof(struct count));
}

static void close_instance(void *state)
{
	free(state);
}

static bool is_message(const struct sb_packet *p)
{
	return sb_is(sb_element_name(sb_stanza(p), SB_TOP), "message");
}

static void append_count(struct sb_packet *p, uint64_t number)
{
	struct sb_builder *b = sb_build(p);
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	sb_open(b, "count", NS);
	sb_set(b, "shard", sb_text(text));
	sb_close(b);
	sb_add_child(p, sb_finish(b));
}

static enum sb_verdict before(void *state, struct sb_packet *p)
{
	struct count *c = state;

	if (sb_direction(p) != SB_FROM_USER || !is_message(p))
		return SB_PASS;
	c->seen++;
	atomic_fetch_add(&total, 1);
	sb_add(messages, 1);
	if (old_address && sb_is(sb_to(p), old_address) && sb_set_to(p, sb_text(new_address)))
		sb_add(redirected, 1);
	if (tell)
		append_count(p, c->seen);
	return SB_PASS;
}

/* <iq type='get'><count xmlns='urn:example:count'/></iq> to the server */
static enum sb_verdict answer(void *state, struct sb_packet *p)
{
	struct sb_builder *b = sb_build(p);
	char text[24];

	(void)state;
	if (sb_user_role(p) == SB_VISITOR)
		return sb_refuse(p, "forbidden", "Visitors may not ask this.");
	snprintf(text, sizeof(text), "%" PRIuFAST64, atomic_load(&total));
	sb_open(b, "count", NS);
	sb_write(b, sb_text(text));
	sb_close(b);
	return sb_result(p, sb_finish(b));
}

static enum sb_verdict undelivered(void *state, struct sb_packet *p)
{
	(void)state;
	if (is_message(p))
		sb_add(lost, 1);
	return SB_PASS; /* to be kept for its receiver, as ever */
}

static void session_opened(void *state, struct sb_packet *p)
{
	(void)state;
	(void)p;
	sb_add(sessions, 1);
}

static void session_closed(void *state, struct sb_packet *p, enum sb_close_reason reason)
{
	static const char *const reasons[] = { "left", "lost its line", "fell silent", "was ended by an error", "was replaced",
					       "ended with the server", "was removed" };
	struct sb_text who = sb_session(p);

	(void)state;
	sb_add(sessions, -1);
	sb_log(SB_INFO, "count", "%.*s %s", (int)who.n, who.p, reasons[reason]);
}

static const char *const features[] = { NS, NULL };
static const struct sb_processor processors[] = {
	{ .kind = SB_IQ, .type = "get", .name = "count", .ns = NS, .where = SB_WHERE_SERVER, .process = answer },
	{ .kind = 0 },
};

const struct sb_plugin switchboard_plugin = {
	SB_HEAD(struct sb_plugin),
	.id = "count",
	.about = "Counts messages and sends those for an old address to a new one.",
	.features = features,
	.init = init,
	.open = open_instance,
	.close = close_instance,
	.before = before,
	.processors = processors,
	.undelivered = undelivered,
	.session_opened = session_opened,
	.session_closed = session_closed,
};
