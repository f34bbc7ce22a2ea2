/* Configuration options to the limit structs of the parser, the connection and WebSocket. */
#include "actors/edge/limits.h"

/* Stanzas a BOSH client may batch into one body: Strophe collects 100 ms of sending. */
#define BODY_STANZAS 4

static uint32_t narrow(int64_t value)
{
	ASSERT(value >= 0);
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void set_body(const struct config *conf, struct regime *r)
{
	/* Before login one element travels at a time; afterwards a few stanzas do. */
	uint32_t stanzas = r->name == REGIME_PREAUTH ? 1 : BODY_STANZAS;
	uint32_t bytes = narrow((int64_t)r->xml.stanza_bytes * stanzas), most = narrow(conf->limit_http_body);

	r->body = r->xml;
	r->body.stanza_bytes = bytes && bytes < most ? bytes : most;
	if (r->xml.elements)
		r->body.elements = narrow((int64_t)r->xml.elements * stanzas + 1);
	if (r->xml.depth)
		r->body.depth = r->xml.depth + 1;
	if (r->xml.ns_declarations)
		r->body.ns_declarations = narrow((int64_t)r->xml.ns_declarations * stanzas + 4);
}

/* Before login there is nothing to go on with: an element that is too big ends the stream. */
static void set_oversize(const struct config *conf, struct regime *r)
{
	uint32_t most = r->xml.stanza_bytes;

	if (r->name != REGIME_PREAUTH && most && conf->limit_oversize)
		r->xml.skip_bytes = narrow((int64_t)most + conf->limit_oversize);
	r->websocket.skip_bytes = r->xml.skip_bytes;
}

static void set_transport(const struct config *conf, struct regime *r)
{
	r->conn.handshake_ms = narrow(conf->limit_handshake * 1000);
	r->conn.linger_ms = narrow(conf->limit_linger * 1000);
	r->websocket.message_bytes = r->xml.stanza_bytes;
	r->websocket.fragments = narrow(conf->limit_ws_fragments);
	r->websocket.pings_per_second = narrow(conf->limit_ws_pings);
	r->websocket.ping_burst = narrow(conf->limit_ws_pings * 10);
	set_oversize(conf, r);
	set_body(conf, r);
}

#define REGIME(field, NAME) \
	out[REGIME_##NAME] = (struct regime){ \
		.name = REGIME_##NAME, \
		.xml = { .stanza_bytes = narrow(conf->limit_##field##_stanza_bytes), \
			 .elements = narrow(conf->limit_##field##_elements), \
			 .depth = narrow(conf->limit_##field##_depth), \
			 .attributes = narrow(conf->limit_##field##_attributes), \
			 .ns_declarations = narrow(conf->limit_##field##_namespaces), \
			 .name_bytes = narrow(conf->limit_##field##_name_bytes), \
			 .uri_bytes = narrow(conf->limit_##field##_uri_bytes), \
			 .value_bytes = narrow(conf->limit_##field##_value_bytes), \
			 .parser_bytes = narrow(conf->limit_##field##_parser_bytes), \
			 .rescan_factor = narrow(conf->limit_##field##_rescan_factor) }, \
		.conn = { .out_soft = narrow(conf->limit_##field##_out_soft), \
			  .out_hard = narrow(conf->limit_##field##_out_hard), \
			  .stall_ms = narrow(conf->limit_##field##_stall * 1000) }, \
		.byte_rate = narrow(conf->limit_##field##_byte_rate), \
		.byte_burst = narrow(conf->limit_##field##_byte_burst), \
		.stanza_rate = narrow(conf->limit_##field##_stanza_rate), \
		.stanza_burst = narrow(conf->limit_##field##_stanza_burst), \
	}; \
	set_transport(conf, &out[REGIME_##NAME])

void limits_regimes(const struct config *conf, struct regime out[REGIMES])
{
	REGIME(preauth, PREAUTH);
	out[REGIME_PREAUTH].conn.newcomer = true;
	REGIME(visitor, VISITOR);
	REGIME(user, USER);
	REGIME(robot, ROBOT);
	out[REGIME_VISITOR].unacknowledged = narrow(conf->limit_visitor_unacked);
	out[REGIME_USER].unacknowledged = narrow(conf->limit_user_unacked);
	out[REGIME_ROBOT].unacknowledged = narrow(conf->limit_robot_unacked);
}

void limits_http(const struct config *conf, struct http_limits *out)
{
	*out = (struct http_limits){
		.line_bytes = narrow(conf->limit_http_line),
		.header_bytes = narrow(conf->limit_http_headers),
		.header_count = narrow(conf->limit_http_header_count),
		.body_bytes = narrow(conf->limit_http_body),
	};
}

void limits_http_conn(const struct config *conf, bool newcomer, struct conn_limits *out)
{
	*out = (struct conn_limits){
		.out_soft = narrow(conf->limit_user_out_soft),
		.out_hard = narrow(conf->limit_robot_out_hard),
		.stall_ms = narrow(conf->limit_user_stall * 1000),
		.handshake_ms = narrow(conf->limit_handshake * 1000),
		.linger_ms = narrow(conf->limit_linger * 1000),
		.newcomer = newcomer,
	};
}
