#include "tests/sim/trace.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/history.h"
#include "tests/sim/scan.h"

#define ID_MAX 64

struct numbered {
	uint64_t number;
	uint32_t message;
};

struct way { /* the stanzas of one direction since stream management is on */
	uint64_t count;
	struct numbered *messages; /* by number, those not acknowledged */
	size_t used, room;
};

struct session { /* over all lines that resumed it */
	struct session *next;
	char id[ID_MAX];
	bool on;            /* <enabled/> is written: what comes behind it counts */
	bool asked;         /* <enable/> has arrived: likewise */
	struct way in, out; /* as the server sees them */
};

struct trace {
	struct trace *next;
	struct scan up, down;
	struct session *session; /* NULL: before <enable/> */
	char previous[ID_MAX];   /* the session it wants to resume */
	uint64_t has;            /* and what it has of it */
};

static struct {
	struct trace *all;
	struct session *sessions;
} traces;

void traces_begin(void)
{
	memset(&traces, 0, sizeof(traces));
}

void traces_end(void)
{
	while (traces.all) {
		struct trace *t = traces.all;

		traces.all = t->next;
		scan_fini(&t->up);
		scan_fini(&t->down);
		free(t);
	}
	while (traces.sessions) {
		struct session *s = traces.sessions;

		traces.sessions = s->next;
		free(s->in.messages);
		free(s->out.messages);
		free(s);
	}
}

struct trace *trace_new(void)
{
	struct trace *t = xcalloc(1, sizeof(*t));

	t->next = traces.all;
	traces.all = t;
	return t;
}

static struct session *session_new(void)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->next = traces.sessions;
	traces.sessions = s;
	return s;
}

static struct session *session_find(const char *id)
{
	for (struct session *s = traces.sessions; s; s = s->next)
		if (*id && strcmp(s->id, id) == 0)
			return s;
	return NULL;
}

/* --- numbers --- */

static void count(struct way *w, uint32_t message)
{
	w->count++;
	if (message == HISTORY_NONE)
		return;
	if (w->used == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->messages = xrealloc(w->messages, w->room * sizeof(*w->messages));
	}
	w->messages[w->used++] = (struct numbered){ w->count, message };
}

static void settle(struct way *w, uint64_t h, enum history_kind kind)
{
	size_t done = 0;

	while (done < w->used && w->messages[done].number <= h)
		history_add(kind, HISTORY_NONE, 0, w->messages[done++].message);
	w->used -= done;
	if (w->used)
		memmove(w->messages, w->messages + done, w->used * sizeof(*w->messages));
}

/* A session goes on: what was not acknowledged is sent again and counts from h on. */
static void go_on(struct way *w, uint64_t h)
{
	w->count = h;
	w->used = 0;
}

static bool is_stanza(const char *element)
{
	return scan_is(element, "message") || scan_is(element, "iq") || scan_is(element, "presence");
}

static bool read_h(const char *element, uint64_t *h)
{
	char text[24];

	if (!scan_attribute(element, "h", text, sizeof(text)))
		return false;
	*h = strtoull(text, NULL, 10);
	return true;
}

static bool is_error(const char *element)
{
	char type[16] = "";

	return scan_attribute(element, "type", type, sizeof(type)) && strcmp(type, "error") == 0;
}

static uint32_t message_in(const char *element)
{
	return scan_is(element, "message") ? history_find_body(element, strlen(element)) : HISTORY_NONE;
}

/* --- what the server writes --- */

static void stanza_written(struct trace *t, const char *element)
{
	uint32_t message = message_in(element);
	struct session *s = t->session && t->session->on ? t->session : NULL;

	if (message != HISTORY_NONE && is_error(element)) {
		history_add(HISTORY_GIVEN_BACK, HISTORY_NONE, 0, message);
		message = HISTORY_NONE;
	}
	if (s)
		count(&s->out, message);
	else if (message != HISTORY_NONE)
		history_add(HISTORY_HANDED, HISTORY_NONE, 0, message);
}

static void resumed(struct trace *t, const char *element)
{
	struct session *s = session_find(t->previous);
	uint64_t h = 0;

	if (!s || !read_h(element, &h)) {
		history_wrong(HISTORY_NONE, 0, "resumed what never was: %s", element);
		return;
	}
	t->session = s;
	settle(&s->in, h, HISTORY_SAID);
	go_on(&s->in, h);
	go_on(&s->out, t->has);
}

static void written(struct trace *t, const char *element)
{
	struct session *s = t->session;
	uint64_t h;

	if (is_stanza(element)) {
		stanza_written(t, element);
	} else if (scan_is(element, "success")) {
		scan_restart(&t->up); /* both sides begin anew */
		scan_restart(&t->down);
	} else if (scan_is(element, "enabled") && s) {
		(void)scan_attribute(element, "id", s->id, sizeof(s->id));
		s->on = true;
	} else if (scan_is(element, "resumed")) {
		resumed(t, element);
	} else if (scan_is(element, "failed") && session_find(t->previous) && read_h(element, &h)) {
		settle(&session_find(t->previous)->in, h, HISTORY_SAID);
	} else if (scan_is(element, "a") && s && read_h(element, &h)) {
		settle(&s->in, h, HISTORY_SAID);
	}
}

/* --- what reaches the server --- */

static void arrived(struct trace *t, const char *element)
{
	struct session *s = t->session;
	uint64_t h;

	if (is_stanza(element)) {
		if (s && s->asked)
			count(&s->in, message_in(element));
	} else if (scan_is(element, "enable")) {
		t->session = session_new();
		t->session->asked = true;
	} else if (scan_is(element, "resume")) {
		(void)scan_attribute(element, "previd", t->previous, sizeof(t->previous));
		/* The server knows from now on, though <resumed/> may wait for what is on its way. */
		if (read_h(element, &t->has) && session_find(t->previous))
			settle(&session_find(t->previous)->out, t->has, HISTORY_TAKEN);
	} else if (scan_is(element, "a") && s && read_h(element, &h)) {
		settle(&s->out, h, HISTORY_TAKEN);
	}
}

/* --- bytes --- */

static void read_on(struct trace *t, struct scan *scan, struct span bytes, void (*each)(struct trace *, const char *))
{
	char *element;

	scan_add(scan, bytes);
	for (;;) {
		switch (scan_next(scan, &element)) {
		case SCAN_HEADER:
			break;
		case SCAN_ELEMENT:
			each(t, element);
			free(element);
			break;
		default:
			return;
		}
	}
}

void trace_written(struct trace *t, struct span bytes)
{
	read_on(t, &t->down, bytes, written);
}

void trace_arrived(struct trace *t, struct span bytes)
{
	read_on(t, &t->up, bytes, arrived);
}
