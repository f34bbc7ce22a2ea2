#include "actors/edge/negotiation.h"

#include "actors/edge/csi.h"
#include "actors/edge/features.h"
#include "actors/edge/iq_auth.h"
#include "actors/edge/login.h"
#include "actors/edge/register.h"
#include "actors/edge/sasl2.h"
#include "actors/edge/sm.h"
#include "actors/edge/wrap.h"
#include "runtime/metric.h"
#include "runtime/mutant.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

/* --- the header --- */

static bool version_ok(struct span version)
{
	size_t dot = 0;

	while (dot < version.n && version.p[dot] >= '0' && version.p[dot] <= '9')
		dot++;
	if (dot == 0 || dot + 1 >= version.n || version.p[dot] != '.')
		return false;
	for (size_t i = dot + 1; i < version.n; i++)
		if (version.p[i] < '0' || version.p[i] > '9')
			return false;
	for (size_t i = 0; i < dot; i++)
		if (version.p[i] != '0')
			return true;
	return false; /* 0.9 is the protocol before RFC 3920 */
}

static bool port_allowed(const struct config_vhost *v, unsigned port)
{
	char text[8];
	size_t n = 0;

	if (v->c2s_ports_allowed.count == 0)
		return true;
	for (unsigned rest = port; rest || n == 0; rest /= 10)
		text[sizeof(text) - ++n] = (char)('0' + rest % 10);
	for (size_t i = 0; i < v->c2s_ports_allowed.count; i++)
		if (span_is((struct span){ text + sizeof(text) - n, n }, v->c2s_ports_allowed.items[i]))
			return true;
	return false;
}

static enum stream_error check_host(struct stream *s, struct span to)
{
	const struct config_vhost *vhost = NULL;
	struct jid *domain;

	if (span_empty(to))
		return STREAM_ERROR_IMPROPER_ADDRESSING;
	domain = jid_parse(to);
	if (domain && domain->local_n == 0 && domain->resource_n == 0)
		vhost = config_vhost(s->edge->conf, jid_domain(domain));
	jid_unref(domain);
	/* An identity never moves to another host (V38). */
	if (!vhost || (s->vhost && strcmp(s->vhost->name, vhost->name) != 0))
		return STREAM_ERROR_HOST_UNKNOWN;
	if (!port_allowed(vhost, s->listener->port))
		return STREAM_ERROR_POLICY_VIOLATION;
	s->vhost = vhost;
	login_host(s);
	return STREAM_ERROR_NONE;
}

static enum stream_error check_header(struct stream *s, const struct xml_header *h)
{
	enum stream_error error;

	if (!h->content_ns_ok)
		return STREAM_ERROR_INVALID_NAMESPACE;
	if (!version_ok(h->version))
		return STREAM_ERROR_UNSUPPORTED_VERSION;
	error = check_host(s, h->to);
	return error == STREAM_ERROR_NONE && !login_from(s, h->from) ? STREAM_ERROR_INVALID_FROM : error;
}

/* Who says who it is gets it back, and nobody else (RFC 6120 4.7.2); NULL: that is no address. */
static struct jid *named_in(const struct xml_header *h)
{
	struct jid *named = h && h->from.p ? jid_parse(h->from) : NULL, *bare = named ? jid_to_bare(named) : NULL;

	jid_unref(named);
	return bare;
}

void negotiation_open(struct stream *s, const struct xml_header *h)
{
	const struct config_vhost *host = s->vhost ? s->vhost : &s->edge->conf->vhosts[0];
	struct jid *client = named_in(h);
	struct wrap_head head = { .from = span_of(host->name), .to = client ? jid_bare(client) : SPAN_NONE,
				  .lang = wrap_lang(h ? h->lang : SPAN_NONE) };

	outside_random_hex(s->login->id, (LOGIN_ID_MAX - 1) / 2);
	head.id = span_of(s->login->id);
	s->opened = true;
	s->ops->header(s, &head);
	jid_unref(client);
}

void negotiation_header(struct stream *s, const struct xml_header *h)
{
	enum stream_error error = check_header(s, h);

	ASSERT(s->phase == STREAM_OPENING);
	/* Even a refusal is preceded by our header (RFC 6120 4.9.1.1). */
	negotiation_open(s, h);
	if (error != STREAM_ERROR_NONE) {
		stream_fail(s, error, NULL);
		return;
	}
	s->phase = s->login->user ? STREAM_UNBOUND : STREAM_LOGIN;
	features_send(s);
}

void negotiation_end(struct stream *s)
{
	stream_fail(s, STREAM_ERROR_NONE, NULL);
}

/* --- elements --- */

static void send_leaf(struct stream *s, const char *name, const char *ns)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	builder_leaf(b, name, ns, SPAN_NONE);
	s->ops->element(s, builder_finish(b));
}

static void starttls(struct stream *s, const struct stanza *el)
{
	if (features_starttls(s) && s->phase == STREAM_LOGIN && stanza_el_is(el, STANZA_TOP, "starttls", NS_TLS)) {
		send_leaf(s, "proceed", NS_TLS);
		s->phase = STREAM_SECURING;
		s->opened = false;
		return;
	}
	send_leaf(s, "failure", NS_TLS);
	stream_fail(s, STREAM_ERROR_NONE, NULL);
}

static bool is_compression(const struct stream *s, const struct stanza *el)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_zlib] && s->ops->compress && span_is(stanza_ns(el, STANZA_TOP), NS_COMPRESS);
}

/* The stream goes on without (XEP-0138 3). */
static void refuse_compression(struct stream *s, const char *why)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	builder_open(b, "failure", NS_COMPRESS);
	builder_leaf(b, why, NULL, SPAN_NONE);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}

static void compress(struct stream *s, const struct stanza *el)
{
	stanza_el method = stanza_child(el, STANZA_TOP, "method", NS_COMPRESS);
	struct builder *b = xml_pool_builder(s->edge->pool);
	struct stanza *go_ahead;

	if (!features_compression(s) || s->phase != STREAM_UNBOUND || !stanza_el_is(el, STANZA_TOP, "compress", NS_COMPRESS) ||
	    method == STANZA_NO_EL) {
		refuse_compression(s, "setup-failed");
		return;
	}
	if (!span_is(stanza_text(el, method), "zlib")) {
		refuse_compression(s, "unsupported-method");
		return;
	}
	builder_reset(b);
	builder_leaf(b, "compressed", NS_COMPRESS, SPAN_NONE);
	go_ahead = builder_finish(b);
	if (!s->ops->compress(s, go_ahead)) {
		stanza_unref(go_ahead);
		refuse_compression(s, "setup-failed");
		return;
	}
	s->compressed = true;
	s->phase = STREAM_OPENING;
	s->opened = false;
}

/* What is no stanza and belongs to no negotiation that is open now. */
static void other_element(struct stream *s, const struct stanza *el)
{
	/* A stream error of the client is the end of its stream; what it says is never used (V90). */
	if (stanza_el_is(el, STANZA_TOP, "error", NS_STREAM))
		stream_fail(s, STREAM_ERROR_NONE, NULL);
	else
		stream_fail(s, STREAM_ERROR_UNSUPPORTED_STANZA_TYPE, NULL);
}

/* A request that is answered although nobody has logged in. */
static bool is_early_request(const struct stream *s, const struct stanza *el, enum config_plugin plugin, const char *ns)
{
	return s->phase == STREAM_LOGIN && stanza_kind(el) == STANZA_IQ && s->edge->conf->plugins[plugin] &&
	       stanza_child(el, STANZA_TOP, "query", ns) != STANZA_NO_EL;
}

static void before_login(struct stream *s, struct stanza *el)
{
	struct span ns = stanza_ns(el, STANZA_TOP);

	if (span_is(ns, NS_SASL2) && s->edge->conf->plugins[CONFIG_PLUGIN_sasl2])
		sasl2_element(s, el);
	else if (s->login->two) /* XEP-0388 2.4: nothing else while a login by SASL2 is under way */
		stream_fail(s, STREAM_ERROR_POLICY_VIOLATION, NULL);
	else if (span_is(ns, NS_SASL))
		login_element(s, el);
	else if (span_is(ns, NS_TLS))
		starttls(s, el);
	else if (span_is(ns, NS_SM) && sm_possible(s))
		sm_refuse(s, STANZA_ERROR_UNEXPECTED_REQUEST, NULL);
	else if (is_compression(s, el))
		refuse_compression(s, "setup-failed");
	else if (is_early_request(s, el, CONFIG_PLUGIN_register, NS_REGISTER))
		register_element(s, el);
	else if (is_early_request(s, el, CONFIG_PLUGIN_iq_auth, NS_IQ_AUTH))
		iq_auth_element(s, el);
	else if (stanza_kind(el) != STANZA_OTHER)
		stream_fail(s, STREAM_ERROR_NOT_AUTHORIZED, NULL);
	else
		other_element(s, el);
}

/* Takes error; NULL: the stanza was none that is answered. */
static void send_error(struct stream *s, struct stanza *error)
{
	if (error && s->sm) { /* it counts */
		struct packet p = { .stanza = error, .to = jid_ref(s->full) };

		stream_deliver(s, &p, 0);
	} else if (error) {
		s->ops->element(s, error);
	}
}

static void reply_error(struct stream *s, const struct stanza *el, enum stanza_error condition)
{
	send_error(s, stanza_make_error(xml_pool_builder(s->edge->pool), el, SPAN_NONE,
					s->full ? jid_full(s->full) : SPAN_NONE, condition, NULL));
}

void negotiation_bind(struct stream *s, struct stanza *request, struct span resource)
{
	struct login *l = s->login;
	struct shard_bind *m = MSG_NEW(shard_bind, shard_bind);
	char address[ADDRESS_TEXT_MAX];

	address_text(&s->peer, address);
	m->link = stream_link(s);
	m->bare = jid_ref(l->user);
	m->resource = span_empty(resource) ? NULL : xstrndup(resource.p, resource.n);
	m->since = l->since;
	m->class = l->class;
	m->transport = s->ops->transport;
	m->anonymous = s->anonymous;
	m->secure = s->secure;
	m->confidential = login_may_send_password(s);
	memcpy(m->address, address, strnlen(address, sizeof(m->address) - 1));
	m->carbons = l->two && l->two->bind.carbons && s->edge->conf->plugins[CONFIG_PLUGIN_carbons];
	m->known_client = l->two && *l->two->agent;
	l->bind = request ? stanza_ref(request) : NULL;
	s->phase = STREAM_BINDING;
	stream_pause(s, STREAM_PAUSE_ANSWER);
	actor_send(server_shard(s->edge->server, l->user), &m);
}

static void resume(struct stream *s, const struct stanza *el)
{
	uint32_t h;
	bool given = sm_read_number(stanza_attr(el, STANZA_TOP, "h"), &h);

	sm_resume(s, stanza_attr(el, STANZA_TOP, "previd"), given ? &h : NULL);
}

static void before_bind(struct stream *s, struct stanza *el)
{
	stanza_el bind;
	struct span resource = SPAN_NONE;
	struct jid *full;

	if (span_is(stanza_ns(el, STANZA_TOP), NS_SM) && sm_possible(s)) {
		if (stanza_el_is(el, STANZA_TOP, "resume", NS_SM))
			resume(s, el);
		else
			sm_refuse(s, STANZA_ERROR_UNEXPECTED_REQUEST, NULL);
		return;
	}
	if (is_compression(s, el)) {
		compress(s, el);
		return;
	}
	if (stanza_kind(el) == STANZA_OTHER && !span_is(stanza_ns(el, STANZA_TOP), NS_SASL)) {
		other_element(s, el);
		return;
	}
	bind = stanza_kind(el) == STANZA_IQ ? stanza_child(el, STANZA_TOP, "bind", NS_BIND) : STANZA_NO_EL;
	if (bind == STANZA_NO_EL || !s->edge->conf->plugins[CONFIG_PLUGIN_bind]) {
		stream_fail(s, STREAM_ERROR_NOT_AUTHORIZED, NULL);
		return;
	}
	if (stanza_type(el) != STANZA_TYPE_SET) {
		reply_error(s, el, STANZA_ERROR_BAD_REQUEST);
		return;
	}
	bind = stanza_child(el, bind, "resource", NS_BIND);
	if (bind != STANZA_NO_EL)
		resource = stanza_text(el, bind);
	if (!span_empty(resource)) {
		full = jid_with_resource(s->login->user, resource);
		if (!full) {
			reply_error(s, el, STANZA_ERROR_BAD_REQUEST);
			return;
		}
		negotiation_bind(s, el, jid_resource(full));
		jid_unref(full);
		return;
	}
	negotiation_bind(s, el, SPAN_NONE);
}

static void answer_bind(struct stream *s, const struct stanza *request)
{
	struct builder *b = xml_pool_builder(s->edge->pool);

	builder_reset(b);
	stanza_open_result(b, request, SPAN_NONE, SPAN_NONE);
	builder_open(b, "bind", NS_BIND);
	builder_leaf(b, "jid", NULL, jid_full(s->full));
	builder_close(b);
	builder_close(b);
	s->ops->element(s, builder_finish(b));
}

void negotiation_now_bound(struct stream *s, struct edge_bound *m)
{
	s->full = m->full;
	m->full = NULL;
	s->session = m->session;
	s->bound = true;
	s->phase = STREAM_BOUND;
	login_free(s->login);
	s->login = NULL;
}

void negotiation_bound(struct stream *s, struct edge_bound *m)
{
	struct stanza *request = s->login->bind;
	bool old = s->login->old; /* XEP-0078: login and bind in one */

	if (s->login->two) {
		sasl2_bound(s, m);
		return;
	}
	s->login->bind = NULL;
	if (m->error == STANZA_ERROR_NONE) {
		negotiation_now_bound(s, m);
		if (old)
			s->ops->element(s, stanza_make_result(xml_pool_builder(s->edge->pool), request, SPAN_NONE, SPAN_NONE));
		else
			answer_bind(s, request);
	} else {
		s->phase = STREAM_UNBOUND;
		reply_error(s, request, m->error);
		if (old)
			stream_fail(s, STREAM_ERROR_NONE, NULL); /* logged in, and no features to go on with */
	}
	stanza_unref(request);
	stream_resume(s, STREAM_PAUSE_ANSWER);
}

/* --- bound: stanzas for the shard --- */

/* RFC 6120 8.1.2.1: a client may name itself, by its full or bare JID, and nobody else. */
static bool from_ok(const struct stream *s, struct span from)
{
	struct jid *j;
	bool ok;

	if (!from.p || span_eq(from, jid_full(s->full)) || span_eq(from, jid_bare(s->full)))
		return true;
	j = jid_parse(from);
	ok = j && (jid_eq(j, s->full) || (jid_is_bare(j) && jid_eq_bare(j, s->full)));
	jid_unref(j);
	return ok;
}

static bool binds_again(const struct stanza *el)
{
	return stanza_kind(el) == STANZA_IQ && stanza_type(el) == STANZA_TYPE_SET && !stanza_to(el).p &&
	       stanza_child(el, STANZA_TOP, "bind", NS_BIND) != STANZA_NO_EL;
}

/* A new reference; NULL: malformed. A JID that was accepted is accepted again and stays as it is. */
static struct jid *recipient(struct stream *s, struct span text)
{
	struct jid *to;

	if (s->last_to && span_eq(text, jid_full(s->last_to)))
		return jid_ref(s->last_to);
	to = jid_parse(text);
	jid_unref(s->last_to);
	s->last_to = jid_ref(to);
	return to;
}

/* False: it was answered here. number: under stream management, 0 without. */
static bool stanza_in(struct stream *s, struct stanza *el, uint64_t number)
{
	struct span to_text = stanza_to(el);
	struct jid *to = NULL;
	struct shard_inbound *m;

	if (!from_ok(s, stanza_from(el))) {
		stream_fail(s, STREAM_ERROR_INVALID_FROM, NULL);
		return false;
	}
	/* RFC 6120 8.1.3: without an id nobody could tell what the answer belongs to. */
	if (stanza_kind(el) == STANZA_IQ && !stanza_attr(el, STANZA_TOP, "id").p) {
		reply_error(s, el, STANZA_ERROR_BAD_REQUEST);
		return false;
	}
	if (binds_again(el)) {
		reply_error(s, el, STANZA_ERROR_NOT_ALLOWED);
		return false;
	}
	if (to_text.p) {
		to = recipient(s, to_text);
		if (!to) {
			reply_error(s, el, STANZA_ERROR_JID_MALFORMED);
			return false;
		}
	}
	m = MSG_NEW(shard_inbound, shard_inbound);
	m->session = s->session;
	m->packet = packet_make(stanza_ref(el), s->full, to, 0);
	if (number)
		m->packet.pledge = pledge_new(s->edge->self, s->slot, s->gen, number);
	jid_unref(to);
	actor_send(server_shard(s->edge->server, s->full), &m);
	return true;
}

static void bound_element(struct stream *s, struct stanza *el)
{
	uint64_t number;

	if (stanza_kind(el) == STANZA_OTHER) {
		if (span_is(stanza_ns(el, STANZA_TOP), NS_SM) && sm_possible(s))
			sm_element(s, el);
		else if (is_compression(s, el))
			refuse_compression(s, "setup-failed");
		else if (!s->edge->conf->plugins[CONFIG_PLUGIN_csi] || !csi_element(s, el))
			other_element(s, el);
		return;
	}
	number = s->intake ? intake_count(s->intake) : 0;
	if (MUTANT(ack_on_receipt) && number) {
		stream_handled(s, number);
		number = 0;
	}
	metric_inc(METRIC_stanzas_in);
	shaper_take(&s->shaper, s->regime, actor_now_ms(), 0, 1);
	if (!stanza_in(s, el, number) && number)
		stream_handled(s, number);
	stream_check_flow(s);
}

/* --- too big, and not kept --- */

#define OVERSIZE_SPAN_MS 60000u

static bool oversized_too_often(struct stream *s)
{
	uint64_t rate = (uint64_t)s->edge->conf->limit_oversize_rate, now = actor_now_ms();

	if (!rate)
		return false;
	if (s->oversize_ms < now)
		s->oversize_ms = now;
	s->oversize_ms += OVERSIZE_SPAN_MS / rate;
	return s->oversize_ms > now + OVERSIZE_SPAN_MS;
}

/* As from whom it was meant for; from nobody where that is no address. */
static void refuse_too_big(struct stream *s, const struct stanza *head)
{
	struct jid *to = stanza_to(head).p ? jid_parse(stanza_to(head)) : NULL;

	metric_limit(METRIC_limit_stanza);
	send_error(s, stanza_make_too_big(xml_pool_builder(s->edge->pool), head, to ? jid_full(to) : SPAN_NONE,
					  jid_full(s->full), s->regime->xml.stanza_bytes));
	jid_unref(to);
}

void negotiation_oversized(struct stream *s, struct stanza *head)
{
	uint64_t number;

	if (s->phase != STREAM_BOUND || stanza_kind(head) == STANZA_OTHER || oversized_too_often(s)) {
		stream_fail(s, STREAM_ERROR_POLICY_VIOLATION, NULL);
	} else if (!from_ok(s, stanza_from(head))) {
		stream_fail(s, STREAM_ERROR_INVALID_FROM, NULL);
	} else {
		number = s->intake ? intake_count(s->intake) : 0;
		metric_inc(METRIC_stanzas_in);
		shaper_take(&s->shaper, s->regime, actor_now_ms(), 0, 1);
		refuse_too_big(s, head);
		if (number) /* answered is handled: or a resumption would bring it again and again */
			stream_handled(s, number);
		stream_check_flow(s);
	}
	stanza_unref(head);
}

void negotiation_element(struct stream *s, struct stanza *el)
{
	switch ((enum stream_phase)s->phase) {
	case STREAM_OPENING:
		stream_fail(s, STREAM_ERROR_NOT_AUTHORIZED, NULL);
		break;
	case STREAM_LOGIN:
	case STREAM_EXCHANGE:
		before_login(s, el);
		break;
	case STREAM_UNBOUND:
		before_bind(s, el);
		break;
	case STREAM_BOUND:
		bound_element(s, el);
		break;
	case STREAM_CLOSING:
		break;
	case STREAM_SECURING:
	case STREAM_CHECKING:
	case STREAM_SETTLING:
	case STREAM_BINDING:
		BUG("input while the stream does not listen");
	}
	stanza_unref(el);
}
