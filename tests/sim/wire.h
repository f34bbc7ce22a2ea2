#pragma once
/* Virtual TCP: a connection between a client and the server. Bytes arrive later, in order, in pieces cut anywhere. Lines are cut
 * (either end may learn of it late, or of the other's FIN only), readers stop reading. */
#include "runtime/base.h"
#include "runtime/mem/span.h"

struct wire; /* opaque; made and freed with the run */

struct wire_client { /* called between slices */
	void (*input)(void *ctx, struct span bytes);
	void (*ended)(void *ctx); /* the last call */
};

enum wire_cut {
	WIRE_RESET,  /* both ends learn of it at once */
	WIRE_SILENT, /* nothing passes any more; the client learns of it soon, the server late */
	WIRE_FIN,    /* the client's system closes its side: what was sent before arrives */
};

void wires_begin(uint64_t latency_most_us);
void wires_end(void);

/* NULL: refused. */
struct wire *wire_connect(const struct wire_client *client, void *ctx);
void wire_send(struct wire *w, struct span bytes);
/* The client lets go: no more calls. How the server learns of it is up to `how`. */
void wire_cut(struct wire *w, enum wire_cut how);
void wire_stop_reading(struct wire *w, bool stop);
