#pragma once
/* What happened in a run, as its clients saw it: the only thing the verifier (rules.h) knows. Persons are identities (an
 * anonymous visitor who logs in anew is another person); a session is what one person has between two fresh logins, over
 * however many resumed lines. Entries come in the order of time. */
#include <stdio.h>

#include "runtime/base.h"

#define HISTORY_NONE UINT32_MAX

enum history_class { HISTORY_USER, HISTORY_VISITOR, HISTORY_SEAT, HISTORY_ROBOT };

#define HISTORY_ROWS(X) \
	X(SEND, "sends") \
	X(RESEND, "sends again") \
	X(ACK, "is told that the server answers for") \
	X(CLOSE_ACK, "ended the stream in good order, and so is promised") \
	X(RECEIVE, "receives") \
	X(BOUNCE, "gets back as an error") \
	X(DURABLE, "(the disk has a row with)") \
	X(HELD, "(at the end the store holds)") \
	X(SAID, "(the server says that it answers for)") \
	X(TAKEN, "(the server learns that somebody has)") \
	X(HANDED, "(the kernel of one who does not acknowledge has)") \
	X(GIVEN_BACK, "(the server writes the error for)") \
	X(LOGIN, "begins a session") \
	X(RESUME, "resumes its session") \
	X(LOST, "loses its line") \
	X(CLOSE, "ends its stream") \
	X(COUNT, "is told h") \
	X(CRASH, "(the server dies)") \
	X(START, "(the server is up)") \
	X(QUIET, "(the last fault is over)") \
	X(LEFT, "is told that the visitor has left:") \
	X(RETURNED, "is told that the visitor is back:") \
	X(SHOWN_HERE, "has in its roster, as one who is here:") \
	X(SHOWN_GONE, "has in its roster, as one who has left:") \
	X(SHOWN_NOT, "has no longer in its roster:") \
	X(WRONG, "sees what must not be:")

enum history_kind {
#define HISTORY_ENUM(name, text) HISTORY_##name,
	HISTORY_ROWS(HISTORY_ENUM)
#undef HISTORY_ENUM
};

struct history_entry {
	uint64_t at_us;
	enum history_kind kind;
	uint32_t who;     /* person; HISTORY_NONE: the server */
	uint32_t session; /* of that person */
	uint32_t message; /* HISTORY_NONE: of none */
	uint32_t other;   /* RECEIVE: whom it came from by its `from`; LEFT, RETURNED, SHOWN: the visitor */
	uint64_t number;  /* COUNT: h; RECEIVE: the conversation's epoch if a robot was told; LEFT: the leaving (history_hash of its `at`) */
	uint64_t sent;    /* COUNT: so many; LEFT: the notice (history_hash of its id) */
	bool acknowledges; /* RECEIVE, LOST: by then the session had got its <enabled/> */
	const char *text; /* WRONG; owned by the history */
};

struct history_person {
	char *name, *bare;
	enum history_class class;
	bool returns;      /* logs in again when all is quiet, and takes what waits */
	bool acknowledges; /* uses stream management: what it got, the server knows of */
};

struct history_message {
	uint32_t sender, seq; /* seq: 1, 2, … of this sender */
	uint32_t to;          /* person; HISTORY_NONE: whoever the desk chooses */
	bool to_full;         /* to one client of that person only */
};

struct history {
	struct history_entry *entries;
	size_t count, room;
	struct history_person *persons;
	uint32_t person_count;
	struct history_message *messages;
	uint32_t message_count;
};

extern struct history history; /* of the present run */

void history_end(void);
uint32_t history_person(const char *name, const char *bare, enum history_class class, bool returns);
uint32_t history_find_person(const char *name, size_t n); /* by name; HISTORY_NONE */
uint32_t history_find_bare(const char *bare, size_t n);
uint32_t history_message(uint32_t sender, uint32_t to, bool to_full);
/* The body that stands for a message: run|sender|seq|hash. */
#define HISTORY_BODY_MAX 96
void history_body(uint32_t message, char out[HISTORY_BODY_MAX]);
/* The message whose whole and unchanged body this is, or HISTORY_NONE. */
uint32_t history_read_body(const char *body, size_t n);
/* The first complete body anywhere in these bytes. */
uint32_t history_find_body(const char *bytes, size_t n);

uint64_t history_hash(const char *text);

/* Adds an entry, stamped now. */
struct history_entry *history_add(enum history_kind kind, uint32_t who, uint32_t session, uint32_t message);
void history_wrong(uint32_t who, uint32_t session, const char *fmt, ...) PRINTF_LIKE(3, 4);

void history_print_entry(FILE *to, const struct history *h, const struct history_entry *e);
/* The life line of a message: all that happened to it, and to the lines of those who had to do with it. */
void history_print_life(FILE *to, const struct history *h, uint32_t message);
