/* The descriptors of the plugins, and a handler run without any actor. */
#include "tests/support/check.h"

#include "actors/session/pipeline.h"
#include "xmpp/ns.h"
#include "xmpp/parser.h"

/* Plugins whose work is done before a session exists: at the edge, and by the shard itself. */
static bool acts_on_sessions(enum config_plugin p)
{
	return p != CONFIG_PLUGIN_sasl && p != CONFIG_PLUGIN_sasl2 && p != CONFIG_PLUGIN_bind2 && p != CONFIG_PLUGIN_fast && p != CONFIG_PLUGIN_starttls && p != CONFIG_PLUGIN_sm && p != CONFIG_PLUGIN_zlib && p != CONFIG_PLUGIN_csi && p != CONFIG_PLUGIN_bind;
}

enum built { CORE, BUILT, LATER };
static const enum built built[] = {
#define PLUGIN(NAME, id, state, on, doc) state,
#define ALIAS_PLUGIN(id, ids)
#include "conf/plugins.def"
#undef PLUGIN
#undef ALIAS_PLUGIN
};

static void every_plugin_that_acts_on_sessions_has_a_descriptor_in_order(void **state)
{
	unsigned at = 0;

	(void)state;
	for (unsigned p = 0; p < CONFIG_PLUGIN_COUNT; p++) {
		if (built[p] == LATER || !acts_on_sessions((enum config_plugin)p))
			continue;
		assert_true(at < pipeline_all_count);
		if (pipeline_all[at]->plugin != (enum config_plugin)p)
			fail_msg("%s comes where %s should be", config_plugin_id(pipeline_all[at]->plugin),
				 config_plugin_id((enum config_plugin)p));
		at++;
	}
	assert_int_equal(at, pipeline_all_count);
}

static bool names_meet(const char *a, const char *b)
{
	return !a || !b || strcmp(a, b) == 0; /* NULL = any */
}

static void nothing_is_claimed_twice(void **state)
{
	(void)state;
	for (unsigned i = 0; i < pipeline_all_count; i++)
		for (unsigned k = 0; k < pipeline_all[i]->claim_count; k++)
			for (unsigned j = 0; j < pipeline_all_count; j++)
				for (unsigned l = 0; l < pipeline_all[j]->claim_count; l++) {
					const struct xep_claim *a = &pipeline_all[i]->claims[k], *b = &pipeline_all[j]->claims[l];

					if (a == b)
						continue;
					assert_false(a->type == b->type && names_meet(a->name, b->name) &&
						     strcmp(a->ns, b->ns) == 0 && (a->targets & b->targets));
				}
}

static void claims_are_requests_with_an_answer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < pipeline_all_count; i++)
		for (unsigned k = 0; k < pipeline_all[i]->claim_count; k++) {
			const struct xep_claim *c = &pipeline_all[i]->claims[k];

			assert_true(c->type == STANZA_TYPE_GET || c->type == STANZA_TYPE_SET);
			assert_non_null(c->answer);
			assert_true(c->targets != 0 && !(c->targets & TARGET_BIT(TARGET_OTHER)));
		}
}

static void only_chosen_plugins_are_loaded(void **state)
{
	struct config *conf = config_for_test("sess-man/plugins[s]=urn:xmpp:ping\n");
	struct pipeline l;

	(void)state;
	pipeline_init(&l, conf);
	for (unsigned i = 0; i < l.count; i++)
		assert_true(built[l.loaded[i]->plugin] == CORE || l.loaded[i]->plugin == CONFIG_PLUGIN_ping);
	config_free(conf);
}

/* --- a plugin without any actor --- */

struct bench {
	struct config *conf;
	struct server server;
	struct pipeline pipeline;
	struct users users;
	struct outbox out;
	struct passage p;
};

static void bench_init(struct bench *b)
{
	static const struct shard_bind bind;
	struct jid *full = jid_parse(SPAN_LIT("alice@localhost/a"));
	struct user *user;

	*b = (struct bench){ .conf = config_for_test(NULL) };
	b->server = (struct server){ .conf = b->conf, .workers = 1, .shards = 1, .desks = 1 };
	pipeline_init(&b->pipeline, b->conf);
	users_init(&b->users, &b->server);
	user = users_get(&b->users, full);
	b->p = (struct passage){ .server = &b->server, .pipeline = &b->pipeline, .users = &b->users, .out = &b->out,
				 .builder = builder_new(), .xml = xml_pool_new(), .direction = OUTBOUND, .user = user };
	b->p.session = session_open(&b->users, user, full, &bind);
}

static void bench_fini(struct bench *b)
{
	packet_clear(&b->p.packet);
	outbox_fini(&b->out);
	users_fini(&b->users);
	builder_free(b->p.builder);
	xml_pool_free(b->p.xml);
	config_free(b->conf);
}

static struct stanza *request(struct builder *b, const char *name, const char *ns)
{
	builder_reset(b);
	builder_open(b, "iq", NULL);
	builder_attr_text(b, "type", "get");
	builder_attr_text(b, "id", "1");
	builder_leaf(b, name, ns, SPAN_NONE);
	builder_close(b);
	return builder_finish(b);
}

static void a_handler_only_appends_to_the_outbox(void **state)
{
	struct bench b;
	struct edge_deliver *d;

	(void)state;
	bench_init(&b);
	b.p.packet = packet_make(request(b.p.builder, "ping", NS_PING), b.p.session->full, NULL, 0);
	assert_int_equal(pipeline_run(&b.p), XEP_DONE);
	assert_null(b.p.packet.stanza);
	assert_int_equal(b.out.count, 1);
	assert_ptr_equal(b.out.items[0].m->kind, &edge_deliver_kind);
	d = (struct edge_deliver *)(void *)b.out.items[0].m;
	assert_int_equal(stanza_type(d->packet.stanza), STANZA_TYPE_RESULT);
	bench_fini(&b);
}

static void a_missing_fact_stops_the_passage_before_anything_is_done(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.p.packet = packet_make(request(b.p.builder, "query", NS_ROSTER), b.p.session->full, NULL, 0);
	assert_int_equal(pipeline_run(&b.p), XEP_WAIT);
	assert_true(b.p.wants_roster);
	assert_false(b.p.wants_account);
	assert_non_null(b.p.packet.stanza);
	assert_int_equal(b.out.count, 0);
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_plugin_that_acts_on_sessions_has_a_descriptor_in_order),
		cmocka_unit_test(nothing_is_claimed_twice),
		cmocka_unit_test(claims_are_requests_with_an_answer),
		cmocka_unit_test(only_chosen_plugins_are_loaded),
		cmocka_unit_test(a_handler_only_appends_to_the_outbox),
		cmocka_unit_test(a_missing_fact_stops_the_passage_before_anything_is_done),
	};

	return RUN(tests);
}
