/* How a client may log in on a stream as it is now: by what line, domain and client's certificate allow. */
#include <string.h>
#include <strings.h>

#include "actors/edge/login.h"
#include "actors/edge/sasl2.h"
#include "runtime/outside.h"
#include "xmpp/ns.h"

#define XMPP_ADDRESS_OID "1.3.6.1.5.5.7.8.5" /* id-on-xmppAddr, RFC 6120 13.7.1.4 */

static bool is_loopback(const struct address *a)
{
	static const uint8_t v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, v6[16] = { [15] = 1 };

	return (memcmp(a->ip, v4, sizeof(v4)) == 0 && a->ip[12] == 127) || memcmp(a->ip, v6, sizeof(v6)) == 0;
}

static bool plain_by_rule(const struct stream *s)
{
	int rule = s->edge->conf->plain_without_tls;

	return s->secure || rule == CONFIG_PLAIN_ALWAYS || (rule == CONFIG_PLAIN_LOOPBACK && is_loopback(&s->peer));
}

bool login_needs_tls(const struct stream *s)
{
	bool required = s->vhost->tls_required || s->vhost->client_cert_required;

	return required && s->ops->transport == TRANSPORT_TCP && !s->secure;
}

bool login_may_send_password(const struct stream *s)
{
	return !login_needs_tls(s) && plain_by_rule(s);
}

static bool has_binding(const struct stream *s)
{
	uint8_t scratch[TLS_BINDING_MAX];

	/* A BOSH session is not tied to one TLS connection. */
	return s->secure && s->conn && conn_binding_end_point(s->conn, scratch) > 0;
}

static uint32_t only_listed(uint32_t bits, const struct config_list *names)
{
	uint32_t listed = 0;

	if (names->count == 0)
		return bits;
	for (unsigned i = 0; i < SASL_NAMES; i++)
		for (size_t k = 0; k < names->count; k++)
			if (strcasecmp(sasl_text((enum sasl_name)i), names->items[k]) == 0)
				listed |= SASL_BIT(i);
	return bits & listed;
}

/* The list that rules this stream; empty: none does. */
static const struct config_list *listed(const struct stream *s)
{
	return s->vhost->sasl_mechanisms.count ? &s->vhost->sasl_mechanisms : &s->edge->conf->enabled_mechanisms;
}

static struct span certified(const struct stream *s)
{
	struct login *l = s->login;

	if (!l->looked && s->secure && s->conn && s->ops->transport == TRANSPORT_TCP) {
		l->looked = true;
		(void)conn_peer_names(s->conn, XMPP_ADDRESS_OID, &l->certified);
	}
	return buf_span(&l->certified);
}

static bool has_certificate(const struct stream *s)
{
	return sasl_external_fits(certified(s), s->vhost->name);
}

/* Over HTTP no client is asked for a certificate, so none is missed there. */
static bool needs_certificate(const struct stream *s)
{
	return s->vhost->client_cert_required && s->ops->transport == TRANSPORT_TCP && s->secure && !has_certificate(s);
}

uint32_t login_possible(const struct stream *s)
{
	uint32_t bits = SASL_SCRAM_BITS;

	if (login_needs_tls(s) || needs_certificate(s))
		return 0;
	if (has_binding(s))
		bits |= SASL_PLUS_BITS;
	/* Visitors who log in by name have no secret to protect. */
	if (login_may_send_password(s) || s->vhost->named_visitors)
		bits |= SASL_BIT(SASL_PLAIN);
	if (has_certificate(s))
		bits |= SASL_BIT(SASL_EXTERNAL);
	if (s->vhost->anonymous)
		bits |= SASL_BIT(SASL_ANONYMOUS);
	return only_listed(bits, listed(s));
}

uint32_t login_offered(const struct stream *s)
{
	return s->edge->conf->plugins[CONFIG_PLUGIN_sasl] ? login_possible(s) : 0;
}

static void binding_features(const struct stream *s, struct builder *b)
{
	uint8_t scratch[TLS_BINDING_MAX];

	builder_open(b, "sasl-channel-binding", NS_SASL_CB);
	for (int i = SASL_BINDING_EXPORTER; i < SASL_BINDINGS; i++) {
		if (i == SASL_BINDING_EXPORTER && conn_binding_exporter(s->conn, scratch) == 0)
			continue;
		builder_open(b, "channel-binding", NULL);
		builder_attr_text(b, "type", sasl_binding_text((enum sasl_binding)i));
		builder_close(b);
	}
	builder_close(b);
}

/* In the order of the list that rules, or ours. */
void login_mechanisms(const struct stream *s, uint32_t offered, struct builder *b)
{
	const struct config_list *names = listed(s);

	for (size_t k = 0; k < (names->count ? names->count : 1); k++)
		for (unsigned i = 0; i < SASL_NAMES; i++) {
			const char *text = sasl_text((enum sasl_name)i);

			if (!(offered & SASL_BIT(i)) || (names->count && strcasecmp(text, names->items[k]) != 0))
				continue;
			builder_leaf(b, "mechanism", NULL, span_of(text));
			offered &= ~SASL_BIT(i);
		}
}

uint32_t login_token_bits(const struct stream *s)
{
	uint8_t scratch[TLS_BINDING_MAX];
	uint32_t bits = SASL_BIT(SASL_HT_SHA_256_NONE);

	if (has_binding(s))
		bits |= SASL_BIT(SASL_HT_SHA_256_ENDP);
	if (has_binding(s) && conn_binding_exporter(s->conn, scratch) > 0)
		bits |= SASL_BIT(SASL_HT_SHA_256_EXPR);
	return bits;
}

uint32_t login_taken(const struct stream *s)
{
	const struct sasl2 *x = s->login->two;

	return login_offered(s) | (x && x->fast.used ? fast_offered(s) : 0);
}

void login_features(struct stream *s, struct builder *b)
{
	uint32_t offered = login_offered(s);

	if (!offered)
		return;
	builder_open(b, "mechanisms", NS_SASL);
	login_mechanisms(s, offered, b);
	builder_close(b);
	if (sasl2_offered(s))
		sasl2_features(s, offered, b);
	if (offered & SASL_PLUS_BITS)
		binding_features(s, b);
}

void login_context(struct stream *s, struct sasl_context *c)
{
	struct login *l = s->login;

	*c = (struct sasl_context){ .offered = login_taken(s), .domain = s->vhost->name,
				    .certified = certified(s), .tells_offer = s->edge->conf->scram_downgrade,
				    .from = l->two ? l->from : NULL };
	outside_random_hex(c->nonce, (sizeof(c->nonce) - 1) / 2);
	if (has_binding(s)) {
		uint8_t *exporter = l->binding[SASL_BINDING_EXPORTER], *end_point = l->binding[SASL_BINDING_END_POINT];

		c->binding[SASL_BINDING_EXPORTER] =
			(struct span){ (const char *)exporter, conn_binding_exporter(s->conn, exporter) };
		c->binding[SASL_BINDING_END_POINT] =
			(struct span){ (const char *)end_point, conn_binding_end_point(s->conn, end_point) };
	}
}
