/* One stanza for a thousand: the body is made once and shared, what is made for each receiver is small and does not depend on
 * the body's size. */
#include <stdlib.h>

#include "world.h"

#define RECEIVERS 1000u
#define BODY 32768u
/* For each receiver: the message from shard to shard, the one from shard to edge, places in lists. */
#define EACH_MAX 1024u

static struct {
	bool on;
	size_t asked; /* bytes, freed ones included */
	unsigned bodies;
} count;

void *__real_xmalloc(size_t n);
void *__real_xcalloc(size_t count, size_t n);
void *__real_xrealloc(void *p, size_t n);
struct stanza *__real_builder_finish(struct builder *b);
void *__wrap_xmalloc(size_t n);
void *__wrap_xcalloc(size_t items, size_t n);
void *__wrap_xrealloc(void *p, size_t n);
struct stanza *__wrap_builder_finish(struct builder *b);

void *__wrap_xmalloc(size_t n)
{
	count.asked += count.on ? n : 0;
	return __real_xmalloc(n);
}

void *__wrap_xcalloc(size_t items, size_t n)
{
	count.asked += count.on ? items * n : 0;
	return __real_xcalloc(items, n);
}

void *__wrap_xrealloc(void *p, size_t n)
{
	count.asked += count.on ? n : 0;
	return __real_xrealloc(p, n);
}

struct stanza *__wrap_builder_finish(struct builder *b)
{
	count.bodies += count.on;
	return __real_builder_finish(b);
}

/* `receivers` are online and keep what they get. Sends the element with a long text in it and counts. */
static void send_long(struct world *w, unsigned sender, const char *head, const char *tail)
{
	size_t h = strlen(head), t = strlen(tail);
	char *xml = malloc(h + BODY + t + 1);

	assert_non_null(xml);
	memcpy(xml, head, h);
	memset(xml + h, 'x', BODY);
	memcpy(xml + h + BODY, tail, t + 1);
	for (unsigned i = 0; i < w->client_count; i++)
		w->clients[i].slow = true;
	client_send_later(w, sender, xml);
	/* the body is here once: from now on */
	count.asked = count.bodies = 0;
	count.on = true;
	world_run(w);
	count.on = false;
	free(xml);
}

static void assert_shared(struct world *w, unsigned first)
{
	const struct stanza *body = w->clients[first].kept[0].packet.stanza;

	for (unsigned i = first; i < first + RECEIVERS; i++) {
		assert_int_equal(w->clients[i].kept_count, 1);
		assert_ptr_equal(w->clients[i].kept[0].packet.stanza, body);
	}
	assert_int_equal(count.bodies, 0);
	assert_in_range(count.asked, 1, RECEIVERS * EACH_MAX); /* copies would be 32 times as much */
}

static void a_presence_to_a_thousand_contacts_has_one_body(void **state)
{
	struct world *w = world_new("sess-man/limits/user/recipients[I]=0\nsess-man/limits/presence-rate[I]=0\n");
	unsigned alice = client_online(w, "alice@localhost", "a");
	char name[32], xml[96];

	(void)state;
	for (unsigned i = 0; i < RECEIVERS; i++) {
		(void)snprintf(name, sizeof(name), "u%u@localhost", i);
		client_send(w, client_online(w, name, "r"), "<presence to='alice@localhost' type='subscribe'/>");
		(void)snprintf(xml, sizeof(xml), "<presence to='%s' type='subscribed'/>", name);
		client_send(w, alice, xml);
	}
	for (unsigned i = 0; i < w->client_count; i++)
		client_log(w, i);
	send_long(w, alice, "<presence><status>", "</status></presence>");
	assert_shared(w, alice + 1);
	world_free(w);
}

static void a_message_to_a_thousand_resources_has_one_body(void **state)
{
	struct world *w = world_new("sess-man/limits/sessions-per-account[I]=0\n");
	unsigned alice = client_online(w, "alice@localhost", "a");
	char name[32];

	(void)state;
	for (unsigned i = 0; i < RECEIVERS; i++) {
		(void)snprintf(name, sizeof(name), "r%u", i);
		client_online(w, "romeo@localhost", name);
	}
	send_long(w, alice, "<message to='romeo@localhost' type='headline'><body>", "</body></message>");
	assert_shared(w, alice + 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_presence_to_a_thousand_contacts_has_one_body),
		cmocka_unit_test(a_message_to_a_thousand_resources_has_one_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
