/* Message kinds and drop functions of the edge. */
#include "actors/edge/edge.h"

MSG_DEFINE(EDGE_PROTOCOL)

void edge_deliver_drop(struct msg *m)
{
	packet_clear(&((struct edge_deliver *)(void *)m)->packet);
}

void edge_bound_drop(struct msg *m)
{
	jid_unref(((struct edge_bound *)(void *)m)->full);
}

void edge_move_drop(struct msg *m)
{
	struct edge_move *move = (struct edge_move *)(void *)m;

	if (move->connection)
		move->drop(move->connection);
}
