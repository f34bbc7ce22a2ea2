/* The simulator's command line. Every run is a process of its own, so that an assertion of the server ends one run, which is
 * reported with its seed like every other failure. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef SIM_BROKEN
#include "tests/sim/broken.h"
#endif
#include "tests/sim/scenario.h"

static struct {
	uint64_t seed, runs;
	const struct scenario *only;
	struct play_options play;
	unsigned twice; /* every n-th seed is played again by a fresh program; 0 = none */
	bool hash_only;
	const char *program, *expect;
} opt = { .seed = 1, .runs = 1 };

static void usage(void)
{
	fputs("usage: sim [N] [options]     N runs, of all scenarios in turn\n"
	      "  --seed S         the first seed (1); a failing one is repeated by itself with `1 --seed S --scenario X`\n"
	      "  --scenario X     this one only\n"
	      "  --durability     what was acknowledged must outlive a crash of the server (D2)\n"
	      "  --twice N        plays every N-th seed again in a fresh process and compares the event hash\n"
	      "  --broken WHAT    a world that breaks its promise: store-lies, store-drops-row, client-loses; sim_broken also has\n"
	      "                   forgets-queue, forgets-return, twice, out-of-turn, wrong-sender, counts-twice,\n"
	      "                   ack-on-receipt, row-goes-early\n"
	      "  --expect RULE    stops with success at the first run that breaks this rule, fails when none does\n"
	      "  --verbose        the history, and the server's log\n"
	      "  --list           the scenarios\n",
	      stderr);
	exit(2);
}

static void set_broken(const char *what)
{
	if (strcmp(what, "store-lies") == 0)
		opt.play.store_mutant = STORE_LIES;
	else if (strcmp(what, "store-drops-row") == 0)
		opt.play.store_mutant = STORE_DROPS_ROW;
	else if (strcmp(what, "client-loses") == 0)
		opt.play.client_mutant = CLIENT_LOSES;
#ifdef SIM_BROKEN
	else if (broken_server(what))
		return;
#endif
	else
		usage();
}

static void list(void)
{
	for (unsigned i = 0; i < scenario_count; i++)
		printf("%-10s %s\n", scenarios[i].name, scenarios[i].doc);
	exit(0);
}

static void parse(int argc, char **argv)
{
	opt.program = argv[0];
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--list") == 0)
			list();
		else if (strcmp(argv[i], "--durability") == 0)
			opt.play.durability = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			opt.play.verbose = true;
		else if (strcmp(argv[i], "--hash") == 0)
			opt.hash_only = true;
		else if (argv[i][0] >= '0' && argv[i][0] <= '9')
			opt.runs = strtoull(argv[i], NULL, 0);
		else if (!value)
			usage();
		else if (strcmp(argv[i], "--seed") == 0)
			opt.seed = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--twice") == 0)
			opt.twice = (unsigned)strtoul(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--broken") == 0)
			set_broken(argv[++i]);
		else if (strcmp(argv[i], "--expect") == 0)
			opt.expect = argv[++i];
		else if (strcmp(argv[i], "--scenario") == 0)
			opt.only = scenario_find(argv[++i]);
		else
			usage();
		if (value && strcmp(argv[i - 1], "--scenario") == 0 && !opt.only)
			usage();
	}
}

static const struct scenario *scenario_of(uint64_t seed)
{
	return opt.only ? opt.only : &scenarios[seed % scenario_count];
}

/* --- one run in a process of its own --- */

struct outcome {
	bool ended; /* with a result */
	struct play_result result;
	int status;
};

static struct outcome play_apart(const struct scenario *row, uint64_t seed)
{
	struct outcome o = { 0 };
	int ends[2];
	pid_t child;

	fflush(stdout);
	if (pipe(ends) != 0 || (child = fork()) < 0) {
		perror("sim");
		exit(2);
	}
	if (child == 0) {
		struct play_result r = scenario_play(row, seed, &opt.play, stdout);
		bool written = write(ends[1], &r, sizeof(r)) == (ssize_t)sizeof(r);

		fflush(stdout);
		exit(written ? 0 : 2);
	}
	close(ends[1]);
	o.ended = read(ends[0], &o.result, sizeof(o.result)) == (ssize_t)sizeof(o.result);
	close(ends[0]);
	waitpid(child, &o.status, 0);
	return o;
}

/* The same run by a program that was started anew, at other addresses. */
static uint64_t hash_of_another(const struct scenario *row, uint64_t seed)
{
	char number[32], line[64] = "";
	int ends[2];
	pid_t child;
	ssize_t n;

	(void)snprintf(number, sizeof(number), "%" PRIu64, seed);
	if (pipe(ends) != 0 || (child = fork()) < 0) {
		perror("sim");
		exit(2);
	}
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(opt.program, opt.program, "1", "--seed", number, "--scenario", row->name, "--hash", NULL); /* rules do not matter */
		_exit(127);
	}
	close(ends[1]);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	waitpid(child, NULL, 0);
	return n > 0 ? strtoull(line, NULL, 16) : 0;
}

static void tell_how_to_repeat(const struct scenario *row, uint64_t seed)
{
	printf("again: tests/sim/run 1 --seed %" PRIu64 " --scenario %s%s\n\n", seed, row->name,
	       opt.play.durability ? " --durability" : "");
}

static bool run_one(uint64_t seed, struct play_result *sum)
{
	const struct scenario *row = scenario_of(seed);
	struct outcome o = play_apart(row, seed);
	uint64_t other;

	static uint64_t last_hash;

	memcpy(sum->rule, o.result.rule, sizeof(sum->rule));
	if (!o.ended || !o.result.ok || o.status != 0) {
		printf("FAILED: scenario %s, seed %" PRIu64 "%s\n", row->name, seed,
		       !o.ended ? ": the server's code aborted" : o.status ? ": it did not end cleanly" : "");
		tell_how_to_repeat(row, seed);
		return false;
	}
	if (o.result.hash == last_hash) {
		printf("FAILED: seed %" PRIu64 " and the one before it have the same hash: it cannot tell runs apart\n", seed);
		return false;
	}
	last_hash = o.result.hash;
	sum->messages += o.result.messages;
	sum->received += o.result.received;
	sum->bounced += o.result.bounced;
	sum->acknowledged += o.result.acknowledged;
	sum->crashes += o.result.crashes;
	sum->resumed += o.result.resumed;
	sum->lost_lines += o.result.lost_lines;
	sum->virtual_us += o.result.virtual_us;
	sum->hash = (sum->hash ^ o.result.hash) * 0x100000001b3u;
	if (opt.twice && seed % opt.twice == 0) {
		other = hash_of_another(row, seed);
		if (other != o.result.hash) {
			printf("FAILED: scenario %s, seed %" PRIu64 ": not a function of its seed: %016" PRIx64 " and %016" PRIx64
			       "\n", row->name, seed, o.result.hash, other);
			tell_how_to_repeat(row, seed);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	struct play_result sum = { 0 };
	uint64_t failed = 0;

	parse(argc, argv);
	if (opt.hash_only) {
		printf("%016" PRIx64 "\n", scenario_play(scenario_of(opt.seed), opt.seed, &opt.play, stderr).hash);
		return 0;
	}
	for (uint64_t i = 0; i < opt.runs; i++) {
		failed += !run_one(opt.seed + i, &sum);
		if (opt.expect && strncmp(sum.rule, opt.expect, strlen(opt.expect)) == 0) {
			printf("as expected, after %" PRIu64 " runs\n", i + 1);
			return 0;
		}
	}
	printf("%" PRIu64 " runs, %" PRIu64 " failed; %" PRIu64 " virtual minutes, %u messages (%u acknowledged, %u received, %u returned), "
	       "%u lines lost, %u resumed, %u crashes; hash %016" PRIx64 "\n",
	       opt.runs, failed, sum.virtual_us / 60000000, sum.messages, sum.acknowledged, sum.received, sum.bounced, sum.lost_lines,
	       sum.resumed, sum.crashes, sum.hash);
	return opt.expect || failed;
}
