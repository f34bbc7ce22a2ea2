/* Extensions that cannot be used, one for each value of WRONG. */
#include <switchboard.h>

#define WRONG_ABI 1
#define WRONG_SIZE 2
#define WRONG_ID 3
#define WRONG_SYMBOL 4
#define WRONG_FUNCTION 5
#define WRONG_INIT 6
#define WRONG_SILENT 7
#define WRONG_SETTING 8
#define WRONG_PROCESSOR 9
#define WRONG_SHORT 10

void sb_of_tomorrow(void); /* no server has it */

static bool init(struct sb_setup *setup)
{
#if WRONG == WRONG_INIT
	sb_problem(setup, "database", "the database does not answer; give the address of one that does");
	return false;
#elif WRONG == WRONG_SETTING
	(void)sb_setting_int(setup, "number", 1, 0, 10);
	(void)sb_setting_bool(setup, "switch", false);
	return true;
#elif WRONG == WRONG_FUNCTION
	sb_of_tomorrow();
	return setup != NULL;
#else
	return WRONG != WRONG_SILENT && setup;
#endif
}

#if WRONG == WRONG_PROCESSOR
static const struct sb_processor processors[] = { { .kind = SB_IQ, .where = SB_WHERE_SERVER }, { .kind = 0 } };
#endif

#if WRONG == WRONG_SYMBOL
const int nothing_to_see = 1;
int wrong_init(struct sb_setup *setup);
int wrong_init(struct sb_setup *setup)
{
	return init(setup);
}
#else
const struct sb_plugin switchboard_plugin = {
	.abi = WRONG == WRONG_ABI ? SB_ABI + 1 : SB_ABI,
	/* WRONG_SHORT: of a server that knew no hooks yet, which is right */
	.size = WRONG == WRONG_SIZE ? sizeof(struct sb_plugin) + 8 : WRONG == WRONG_SHORT ? offsetof(struct sb_plugin, before) : sizeof(struct sb_plugin),
	.id = WRONG == WRONG_ID ? "other" : NAME,
	.init = init,
#if WRONG == WRONG_PROCESSOR
	.processors = processors,
#endif
#if WRONG == WRONG_SHORT
	.before = (enum sb_verdict (*)(void *, struct sb_packet *))1, /* must not be looked at */
#endif
};
#endif
