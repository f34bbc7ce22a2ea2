/* An extension for tests: does with a stanza what its body says, and counts what it sees. Both a plugin and a component. */
#include <stdlib.h>
#include <string.h>

#include <switchboard.h>

#define NS "urn:test:probe"

static struct sb_metric *before_seen, *after_seen, *undelivered_seen, *filter_seen, *opened, *closed, *was_replaced, *open_now;

static bool init(struct sb_setup *setup)
{
	before_seen = sb_counter(setup, "before", "Stanzas seen by before.");
	after_seen = sb_counter(setup, "after", "Stanzas seen by after.");
	undelivered_seen = sb_counter(setup, "undelivered", "Stanzas seen by undelivered.");
	filter_seen = sb_counter(setup, "filter", "Results seen by filter.");
	opened = sb_counter(setup, "opened", "Sessions opened.");
	closed = sb_counter(setup, "closed", "Sessions closed.");
	was_replaced = sb_counter(setup, "replaced", "Sessions replaced.");
	open_now = sb_gauge(setup, "instances", "Instances alive.");
	return true;
}

static void *open_instance(void)
{
	sb_add(open_now, 1);
	return malloc(1);
}

static void close_instance(void *state)
{
	sb_add(open_now, -1);
	free(state);
}

static struct sb_text body_of(struct sb_packet *p)
{
	return sb_content(sb_stanza(p), sb_child(sb_stanza(p), SB_TOP, "body", NULL));
}

/* "word rest": the rest, when the body begins so. */
static bool says(struct sb_packet *p, const char *word, struct sb_text *rest)
{
	struct sb_text body = body_of(p);
	size_t n = strlen(word);

	if (body.n < n || memcmp(body.p, word, n) != 0 || (body.n > n && body.p[n] != ' '))
		return false;
	*rest = body.n > n ? (struct sb_text){ body.p + n + 1, body.n - n - 1 } : sb_text("");
	return true;
}

static struct sb_stanza *make(struct sb_packet *p, const char *kind, struct sb_text body)
{
	struct sb_builder *b = sb_build(p);

	sb_open(b, kind, NULL);
	sb_set(b, "type", sb_text("chat"));
	sb_open(b, "body", NULL);
	sb_write(b, body);
	sb_close(b);
	sb_close(b);
	return sb_finish(b);
}

static struct sb_stanza *mark(struct sb_packet *p, const char *text)
{
	struct sb_builder *b = sb_build(p);

	sb_open(b, "mark", NS);
	sb_write(b, sb_text(text));
	sb_close(b);
	return sb_finish(b);
}

static bool is_from_user(struct sb_packet *p)
{
	return sb_direction(p) == SB_FROM_USER;
}

static enum sb_verdict before(void *state, struct sb_packet *p)
{
	struct sb_text rest;

	(void)state;
	sb_add(before_seen, 1);
	if (sb_child(sb_stanza(p), SB_TOP, "hollow", NS) != SB_NONE) { /* an iq request without its child is against the rules */
		sb_remove_children(p, "hollow", NS);
		return SB_PASS;
	}
	if (says(p, "drop", &rest))
		return SB_DROP;
	if (says(p, "refuse", &rest))
		return sb_refuse(p, "not-allowed", "The probe says no.");
	if (says(p, "odd verdict", &rest))
		return (enum sb_verdict)99;
	if (says(p, "out", &rest) && is_from_user(p))
		sb_set_to(p, rest);
	if (says(p, "in", &rest) && !is_from_user(p))
		sb_set_to(p, rest);
	if (says(p, "change", &rest) && is_from_user(p))
		sb_replace(p, make(p, "message", rest));
	if (says(p, "other kind", &rest) && is_from_user(p) && !sb_replace(p, make(p, "presence", rest)))
		sb_add_child(p, mark(p, "refused"));
	if (says(p, "send", &rest) && is_from_user(p))
		sb_send(p, make(p, "message", sb_text("from the probe")), sb_user(p), rest);
	if (says(p, "forge", &rest) && is_from_user(p) && !sb_send(p, make(p, "message", sb_text("x")), rest, sb_from(p)))
		sb_add_child(p, mark(p, "refused"));
	if (sb_child(sb_stanza(p), SB_TOP, "strip", NS) != SB_NONE)
		sb_remove_children(p, NULL, NS);
	return SB_PASS;
}

static enum sb_verdict answer(void *state, struct sb_packet *p)
{
	(void)state;
	return sb_result(p, mark(p, is_from_user(p) ? "own" : "other"));
}

static enum sb_verdict silent(void *state, struct sb_packet *p)
{
	(void)state;
	(void)p;
	return SB_TAKEN;
}

static enum sb_verdict take_away(void *state, struct sb_packet *p)
{
	(void)state;
	sb_send(p, make(p, "message", sb_text("taken on its way")), sb_text(NULL), sb_from(p));
	return SB_TAKEN;
}

static enum sb_verdict take_here(void *state, struct sb_packet *p)
{
	(void)state;
	sb_send(p, make(p, "message", sb_text("taken on arrival")), sb_text(NULL), sb_from(p));
	return SB_TAKEN;
}

static void after(void *state, struct sb_packet *p)
{
	(void)state;
	(void)p;
	sb_add(after_seen, 1);
}

static enum sb_verdict undelivered(void *state, struct sb_packet *p)
{
	struct sb_text rest;

	(void)state;
	sb_add(undelivered_seen, 1);
	return says(p, "nobody", &rest) ? SB_TAKEN : SB_PASS;
}

static enum sb_verdict filter(void *state, struct sb_packet *p)
{
	struct sb_text rest;

	(void)state;
	sb_add(filter_seen, 1);
	if (says(p, "filter out", &rest))
		return is_from_user(p) ? SB_DROP : SB_PASS;
	if (says(p, "filter in", &rest))
		return is_from_user(p) ? SB_PASS : SB_DROP;
	if (says(p, "filter change", &rest) && !sb_replace(p, make(p, "message", rest)) && is_from_user(p))
		return SB_DROP;
	return SB_PASS;
}

static void session_opened(void *state, struct sb_packet *p)
{
	(void)state;
	sb_add(opened, sb_stanza(p) == NULL && sb_session(p).n > 0);
}

static void session_closed(void *state, struct sb_packet *p, enum sb_close_reason reason)
{
	(void)state;
	sb_add(closed, sb_session(p).n > 0);
	sb_add(was_replaced, reason == SB_CLOSED_REPLACED);
}

static const char *const features[] = { NS, NULL };
static const char *const account_features[] = { NS "#account", NULL };
static const struct sb_processor processors[] = {
	{ .kind = SB_IQ, .type = "get", .name = "ask", .ns = NS, .where = SB_WHERE_SERVER | SB_WHERE_ACCOUNT, .process = answer },
	{ .kind = SB_IQ, .type = "set", .name = "ask", .ns = NS, .where = SB_WHERE_SERVER, .process = silent },
	{ .kind = SB_MESSAGE, .name = "away", .ns = NS, .where = SB_WHERE_AWAY, .process = take_away },
	{ .kind = SB_MESSAGE, .type = "chat", .name = "here", .ns = NS, .where = SB_WHERE_HERE, .process = take_here },
	{ .kind = 0 },
};
const struct sb_plugin switchboard_plugin = {
	SB_HEAD(struct sb_plugin),
	.id = "probe",
	.about = "Does what it is told.",
	.features = features,
	.account_features = account_features,
	.init = init,
	.open = open_instance,
	.close = close_instance,
	.before = before,
	.processors = processors,
	.after = after,
	.undelivered = undelivered,
	.filter = filter,
	.session_opened = session_opened,
	.session_closed = session_closed,
};

/* --- the component: mistakes in making stanzas, one for each word --- */

static struct sb_stanza *make_wrong(struct sb_packet *p, struct sb_text what)
{
	struct sb_builder *b = sb_build(p);

	if (sb_is(what, "nothing"))
		return sb_finish(b);
	sb_open(b, "message", NULL);
	if (sb_is(what, "name"))
		sb_open(b, "a b", NULL), sb_close(b);
	if (sb_is(what, "xml name"))
		sb_set(b, "xmlns", sb_text("urn:x"));
	if (sb_is(what, "twice"))
		sb_set(b, "a", sb_text("1")), sb_set(b, "ab", sb_text("2")), sb_set(b, "a", sb_text("3"));
	if (sb_is(what, "late"))
		sb_write(b, sb_text("x")), sb_set(b, "a", sb_text("1"));
	if (sb_is(what, "bytes"))
		sb_write(b, sb_text("\xff"));
	if (sb_is(what, "control"))
		sb_write(b, sb_text("\x01"));
	if (sb_is(what, "deep"))
		for (int i = 0; i < 100; i++)
			sb_open(b, "x", NULL);
	if (sb_is(what, "open"))
		return sb_finish(b);
	sb_close(b);
	if (sb_is(what, "close"))
		sb_close(b);
	if (sb_is(what, "second"))
		sb_open(b, "message", NULL), sb_close(b);
	return sb_finish(b);
}

static enum sb_verdict receive(void *state, struct sb_packet *p)
{
	struct sb_stanza *s;
	struct sb_text rest;

	(void)state;
	if (says(p, "wrong", &rest)) {
		s = make_wrong(p, rest);
		sb_send(p, make(p, "message", sb_text(s ? "a stanza" : "none")), sb_to(p), sb_from(p));
		sb_free(s);
		return SB_TAKEN;
	}
	if (says(p, "as", &rest)) {
		sb_send(p, make(p, "message", sb_text(sb_send(p, make(p, "message", sb_text("hi")), rest, sb_from(p)) ? "sent" : "refused")),
			sb_to(p), sb_from(p));
		return SB_TAKEN;
	}
	if (says(p, "role", &rest)) {
		static const char *const roles[] = { "user", "visitor", "seat", "robot" };

		sb_send(p, make(p, "message", sb_text(roles[sb_user_role(p)])), sb_text(NULL), sb_from(p));
		return SB_TAKEN;
	}
	return sb_child(sb_stanza(p), SB_TOP, "ask", NS) != SB_NONE ? sb_result(p, mark(p, "component")) : SB_PASS;
}

const struct sb_component switchboard_component = {
	SB_HEAD(struct sb_component),
	.about = "Does what it is told.",
	.category = "component",
	.type = "generic",
	.title = "Probe",
	.open = open_instance,
	.close = close_instance,
	.receive = receive,
};
