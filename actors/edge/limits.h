#pragma once
/* The limits a client lives under, by regime (reliability.md 6b): made once from the configuration, then shared by all
 * streams, which point at theirs. */
#include "conf/config.h"
#include "runtime/io/conn.h"
#include "runtime/io/http.h"
#include "runtime/io/websocket.h"
#include "xmpp/parser.h"

enum regime_name { REGIME_PREAUTH, REGIME_VISITOR, REGIME_USER, REGIME_ROBOT, REGIMES }; /* strict to lax */

struct regime {
	enum regime_name name;
	struct xml_limits xml;  /* one stanza */
	struct xml_limits body; /* one BOSH body: a few stanzas and their wrapper */
	struct conn_limits conn;
	struct websocket_limits websocket;
	uint32_t unacknowledged; /* stanzas of a client with stream management; 0 = no limit */
	uint32_t byte_rate, byte_burst, stanza_rate, stanza_burst; /* per second; rate 0 = no limit */
};

void limits_regimes(const struct config *conf, struct regime out[REGIMES]);
void limits_http(const struct config *conf, struct http_limits *out);
/* An HTTP connection carries answers for sessions of any regime, and pages. Until it did for somebody it is a newcomer's. */
void limits_http_conn(const struct config *conf, bool newcomer, struct conn_limits *out);
