/* BOSH (XEP-0124, XEP-0206) on one HTTP connection a user: at most one request is open, and what is to be sent waits for
 * its answer. In a closed loop that is one request and one answer a message. */
#include "loadgen.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PENDING_MAX 4096

struct bosh {
	uint64_t rid;
	char sid[64];
	bool open, restart;
	uint32_t pending_n;
	char pending[PENDING_MAX];
};

static void post(struct user *u, const char *attributes, const char *xml, size_t n)
{
	char body[PENDING_MAX + 512], request[PENDING_MAX + 1024];
	int size = snprintf(body, sizeof(body), "<body xmlns='http://jabber.org/protocol/httpbind' rid='%llu'%s>%.*s</body>",
			    (unsigned long long)u->bosh->rid++, attributes, (int)n, xml);

	size = snprintf(request, sizeof(request),
			"POST /http-bind HTTP/1.1\r\nHost: %s\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
			opt.domain, size, body);
	u->bosh->open = true;
	wire_put(u, request, (size_t)size);
}

/* Sends what waits; during a login and in a chat some request is always open. A probe's is not: it has its one connection for
 * what it will say. */
static void flush(struct user *u)
{
	struct bosh *b = u->bosh;
	char attributes[256];
	int n;

	if (b->open || (b->pending_n == 0 && !b->restart && u->stage == READY && (!chatting || u >= users + opt.users)))
		return;
	n = snprintf(attributes, sizeof(attributes), " sid='%s'", b->sid);
	if (b->restart)
		snprintf(attributes + n, sizeof(attributes) - (size_t)n, " to='%s' xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'",
			 opt.domain);
	b->restart = false;
	n = (int)b->pending_n;
	b->pending_n = 0;
	post(u, attributes, b->pending, (size_t)n);
}

void bosh_greet(struct user *u)
{
	char attributes[256];

	if (u->bosh) {
		u->bosh->restart = true;
		flush(u);
		return;
	}
	u->bosh = calloc(1, sizeof(*u->bosh));
	RAND_bytes((unsigned char *)&u->bosh->rid, 4);
	snprintf(attributes, sizeof(attributes),
		 " to='%s' ver='1.10' wait='60' hold='1' xml:lang='en' xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'", opt.domain);
	post(u, attributes, "", 0);
}

void bosh_send(struct user *u, const char *xml, size_t n)
{
	struct bosh *b = u->bosh;

	if (b->pending_n + n > sizeof(b->pending))
		die("BOSH", "too much waits for an answer");
	memcpy(b->pending + b->pending_n, xml, n);
	b->pending_n += (uint32_t)n;
	flush(u);
}

static void learn_sid(struct bosh *b, const char *body, size_t n)
{
	const char *sid = memmem(body, n, " sid=", 5), *end;

	if (!sid || !(end = memchr(sid + 6, sid[5], n - (size_t)(sid + 6 - body))) || (size_t)(end - sid - 6) >= sizeof(b->sid))
		die("BOSH session refused", body);
	memcpy(b->sid, sid + 6, (size_t)(end - sid - 6));
}

size_t bosh_take(struct user *u, char *in, size_t n)
{
	char *body = memmem(in, n, "\r\n\r\n", 4), *length;
	size_t size, used = 0, step;

	if (!body)
		return 0;
	body[2] = '\0'; /* so that the search below stays within the headers */
	length = strcasestr(in, "content-length:");
	if (!length || strncmp(in + 9, "200", 3) != 0)
		die("BOSH answer", in);
	body[2] = '\r';
	body += 4;
	size = strtoul(length + 15, NULL, 10);
	if ((size_t)(body - in) + size > n)
		return 0;
	u->bosh->open = false;
	if (memmem(body, size, "type='terminate'", 16) || memmem(body, size, "type=\"terminate\"", 16))
		die("BOSH session over", body);
	if (!u->bosh->sid[0])
		learn_sid(u->bosh, body, size);
	if (u->stage == SETTLING) {
		u->stage = READY;
		ready++;
	}
	while (used < size && (step = client_understand(u, body + used, size - used)) > 0)
		used += step;
	flush(u);
	return (size_t)(body - in) + size;
}
