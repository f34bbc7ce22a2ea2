/* The request window of BOSH, through the whole edge in its test world. Each input byte is one act of a client: a request in
 * turn, ahead, again, far off; a lost connection; a stanza for it; time. Whatever the order, what reaches the session is each
 * request's stanza once, in the order of rids, without gaps, and a request sent again gets the bytes of the first answer. */
#include "tests/unit/actors/edge/bosh_client.h"

#include "runtime/outside.h"

#define RIDS 512
#define CONNECTIONS 3
#define ACTS 400

static struct client *connections[CONNECTIONS];
static char *answers[RIDS]; /* by rid: what its request was answered */
static unsigned top;        /* the highest rid that was sent */

static struct client *any(unsigned which)
{
	struct client **c = &connections[which % CONNECTIONS];

	if (*c && (*c)->conn)
		return *c;
	if (*c)
		client_free(*c);
	return *c = http();
}

/* Bodies of the answers that came on one connection, with the request's mark in them: the id of an answered ping. */
static void look_at(const char *text)
{
	for (const char *at = text; (at = strstr(at, "id='p")); at++) {
		unsigned rid = (unsigned)strtoul(at + 5, NULL, 10);
		const char *begin = at, *end = strstr(at, "</body>");

		while (begin > text && strncmp(begin, "<body", 5) != 0)
			begin--;
		ASSERT(end && rid < RIDS);
		if (!answers[rid])
			answers[rid] = xstrndup(begin, (size_t)(end - begin));
		else
			ASSERT(strlen(answers[rid]) == (size_t)(end - begin) && memcmp(answers[rid], begin, (size_t)(end - begin)) == 0);
	}
}

static void send(unsigned rid, unsigned which)
{
	char payload[160];

	/* A message the session sees, and a request without an address that is malformed: answered by the edge at once. */
	snprintf(payload, sizeof(payload), "<message xmlns='jabber:client' to='bob@localhost' id='m%u'/>"
					   "<message xmlns='jabber:client' to='@' id='p%u'/>", rid, rid);
	post(any(which), rid, "", payload);
	top = rid > top ? rid : top;
}

static void act(uint8_t what)
{
	unsigned which = what >> 5 & 3;

	switch (what & 7) {
	case 0:
	case 1: send(top + 1, which); break;
	case 2: send(top + 2, which); break;
	case 3: send(top > 5 ? top - 1 : top, which); break;
	case 4: send(top, which); break;
	case 5:
		if (connections[which % CONNECTIONS] && connections[which % CONNECTIONS]->conn)
			client_drop(connections[which % CONNECTIONS], CONN_END_CLOSED);
		break;
	case 6: world_deliver(w, "<message xmlns='jabber:client' from='bob@localhost'/>", what); break;
	default: world_pass(w, what >> 3 & 3 ? 100 : 20000); break;
	}
}

/* Rids of the messages that reached the session, each one more than the one before. */
static void check_order(const char *log, unsigned *last)
{
	for (const char *at = log; (at = strstr(at, " id='m")); at++) {
		unsigned rid = (unsigned)strtoul(at + 6, NULL, 10);

		ASSERT(rid == *last + 1);
		*last = rid;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned last = 4; /* bound() uses four */

	start(EXEMPT_NOBODY, 1);
	connections[0] = bound("");
	top = last;
	for (size_t i = 0; i < size && i < ACTS && top + 2 < RIDS; i++) {
		act(data[i]);
		for (unsigned c = 0; c < CONNECTIONS; c++)
			if (connections[c])
				look_at(client_read(connections[c]));
		check_order(world_log(w), &last);
	}
	world_pass(w, 300000); /* all sessions and connections are over */
	ASSERT(map_count(w->edges[0]->bosh) == 0);
	for (unsigned c = 0; c < CONNECTIONS; c++)
		if (connections[c])
			client_free(connections[c]);
	memset(connections, 0, sizeof(connections));
	for (unsigned i = 0; i < RIDS; i++)
		free(answers[i]);
	memset(answers, 0, sizeof(answers));
	world_free(w);
	return 0;
}
