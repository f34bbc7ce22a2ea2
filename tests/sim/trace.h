#pragma once
/* The server's side of the acknowledgement chain, read off its lines: what it has written and what has reached it, in the very
 * order in which it did both. No client takes part: between the server's word and the client's ear lies time in which a disk
 * could still catch up. Writes into the history
 *
 *   SAID        an <a/>, <resumed/> or <failed/> leaves the server whose h covers the message
 *   TAKEN       an acknowledgement of its receiver reaches the server
 *   HANDED      it is written to a receiver who does not manage its stream, or not yet: nothing more will be heard of it
 *   GIVEN_BACK  it is written to its sender as an error
 *
 * and the disk adds DURABLE (history.h). rules.c demands one of the others before SAID. */
#include "runtime/mem/span.h"

struct trace; /* of one line */

void traces_begin(void);
void traces_end(void);
struct trace *trace_new(void); /* freed with the run */
void trace_written(struct trace *t, struct span bytes); /* by the server, as far as the kernel took them */
void trace_arrived(struct trace *t, struct span bytes); /* at the server */
