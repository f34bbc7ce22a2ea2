/* A component that sends every message back to who sent it. Explained in docs/extending.md. */
#include <switchboard.h>

static const char *greeting;
static int64_t longest;
static struct sb_metric *echoed;

static bool init(struct sb_setup *setup)
{
	greeting = sb_global(setup, "echo-greeting", "You said: ");
	longest = sb_setting_int(setup, "longest", 1000, 1, 100000);
	echoed = sb_counter(setup, "messages", "Messages sent back.");
	return true;
}

static enum sb_verdict receive(void *state, struct sb_packet *p)
{
	const struct sb_stanza *s = sb_stanza(p);
	struct sb_text body = sb_content(s, sb_child(s, SB_TOP, "body", NULL));
	struct sb_builder *b;

	(void)state;
	/* Presence, requests, and messages without words: the server answers what is to be answered. An error is no message. */
	if (!sb_is(sb_element_name(s, SB_TOP), "message") || sb_is(sb_attribute(s, SB_TOP, "type"), "error") || body.n == 0)
		return SB_PASS;
	if (body.n > (size_t)longest)
		return sb_refuse(p, "not-acceptable", "That is too long for me.");
	b = sb_build(p);
	sb_open(b, "message", NULL);
	sb_set(b, "type", sb_attribute(s, SB_TOP, "type"));
	sb_set(b, "id", sb_attribute(s, SB_TOP, "id"));
	sb_open(b, "body", NULL);
	sb_write(b, sb_text(greeting));
	sb_write(b, body);
	sb_close(b);
	sb_close(b);
	sb_add(echoed, 1);
	sb_send(p, sb_finish(b), sb_to(p), sb_from(p));
	return SB_TAKEN;
}

const struct sb_component switchboard_component = {
	SB_HEAD(struct sb_component),
	.about = "Sends messages back.",
	.category = "automation",
	.type = "command-node",
	.title = "Echo",
	.init = init,
	.receive = receive,
};
