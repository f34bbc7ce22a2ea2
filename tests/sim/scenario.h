#pragma once
/* A scenario is one row: who is there, what they do, what goes wrong, all as upper bounds from which a seed draws. scenario.c
 * plays a row; the rows are in scenarios.def. */
#include "tests/sim/client.h"
#include "tests/sim/rules.h"
#include "tests/sim/store.h"

struct scenario {
	const char *name, *doc;
	unsigned users, visitors, anonymous, seats, robots; /* at most; at least one of each that is not 0, and two users */
	unsigned seconds; /* that they are busy */
	unsigned pace_ms; /* between two things one client does, on average */
	/* what goes wrong in that time, at most */
	unsigned cuts;    /* lines that break */
	unsigned leaves;  /* clients that sign out and come back */
	unsigned rests;   /* clients that stop reading for a while */
	unsigned deaths;  /* robots that are killed */
	unsigned storms;  /* all lines break at once */
	unsigned stalls;  /* the store hangs */
	unsigned failures; /* the store refuses commits for a while */
	unsigned last_failures; /* the same, without exception, until the server dies */
	unsigned crashes; /* the server dies; every other time in the middle of a write */
	unsigned stumbles; /* sessions whose line breaks right after they began or were resumed, in a thousand */
	unsigned plain;   /* clients without stream management, in a thousand; their lines are never cut */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;
const struct scenario *scenario_find(const char *name); /* NULL */

struct play_options {
	bool durability;
	enum store_mutant store_mutant;
	enum client_mutant client_mutant;
	bool verbose; /* the whole history to standard output */
};
struct play_result {
	bool ok;
	uint64_t hash;
	unsigned messages, received, bounced, acknowledged, crashes, resumed, lost_lines;
	uint64_t virtual_us;
	char rule[40]; /* the first one that was broken */
};
/* Plays it once, from a process without any history of its own; what breaks a rule is reported to `report`. */
struct play_result scenario_play(const struct scenario *row, uint64_t seed, const struct play_options *o, FILE *report);
