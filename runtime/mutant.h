#pragma once
/* Deliberate mistakes for testing the tests: MUTANT(name) is 0 in every server that is meant to be used. The checker's build
 * (tests/checker/CMakeLists.txt) compiles one file again with -DMUTANT_name=1 for each name and demands that the broken server
 * is found out. A name that is not in this list does not compile. */

/* What a client sent counts as handled when it came in. */
#ifndef MUTANT_ack_on_receipt
#define MUTANT_ack_on_receipt 0
#endif
/* A kept message leaves the store when it is given out. */
#ifndef MUTANT_delete_offline_before_ack
#define MUTANT_delete_offline_before_ack 0
#endif
/* What a session has no room for is gone: its sender is told that it arrived. */
#ifndef MUTANT_drop_on_mailbox_full
#define MUTANT_drop_on_mailbox_full 0
#endif
/* What went into a BOSH answer counts as received. */
#ifndef MUTANT_bosh_response_forgotten
#define MUTANT_bosh_response_forgotten 0
#endif
/* A resumed session gets all of the queue, whatever h says. */
#ifndef MUTANT_resend_without_h
#define MUTANT_resend_without_h 0
#endif

#define MUTANT(name) MUTANT_##name
