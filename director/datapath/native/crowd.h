/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when connections are crowded out of the table, as by a flood of SYNs.
 *
 * Half-open and UDP connections give way to new ones (claim.h), so a client's SYN may be forgotten before its ACK comes.
 * Then both must go to the same server without anything remembered: while the table is crowded, new connections are
 * given by the hash of the client's address and port (Maglev's table, or the scheduler's own if it hashes), segments of
 * no connection follow the same choice instead of being reset, and with DR and TUN also what finds no place at all is
 * forwarded so.
 *
 * The table counts as crowded for some seconds after somebody found every place taken. Who was half-open before that
 * was scheduled by other means; but the longest idle gives way first, and such a one has answered its SYN-ACK long
 * before a flood has been through the table.
 */
#ifndef LB_CROWD_H
#define LB_CROWD_H

#include "sched.h"

static LB_INLINE int lb_crowded(struct lb_ctx *ctx, u32 now)
{
	u32 *until = lb_crowded_until(ctx);

	if (!until || *until == 0)
		return 0;
	if (!lb_expired(*until, now))
		return 1;
	*until = 0; /* lest it lie ahead again when the clock has wrapped */
	return 0;
}

/* What tells a client's connection from others; where clients keep their server, a client from others. */
static LB_INLINE u32 lb_stateless_value(struct lb_ctx *ctx, const struct lb_service *service,
					const struct lb_packet *packet)
{
	const struct lb_service_details *details;
	struct lb_addr client = packet->key.source;

	if (!(service->flags & LB_SERVICE_PERSISTENT))
		return lb_fold_addr(&client) + lb_ntohs(packet->key.sport);
	details = lb_image_line(ctx, service->details);
	for (int i = 0; details && i < 4; i++)
		client.word[i] &= details->mask.word[i];
	return lb_fold_addr(&client);
}

/* Who has the client's slot in the table for such times: its stable id, or 0. */
LB_SUBPROGRAM u32 lb_in_slot(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	u32 value, slot, id;
	int usable;

	if (!service || !packet)
		return 0;
	if (service->stateless_size == 0)
		return 0;
	value = lb_stateless_value(ctx, service, packet);
	slot = lb_hsiphash(value, LB_MH_KEY) % service->stateless_size;
	id = lb_slot(ctx, service->stateless_first, service->stateless_size, slot, &usable);
	return usable ? id : 0;
}

/* Choose without a memory: the stable id, or 0 when none may take it. */
static LB_INLINE u32 lb_stateless(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	u32 id = lb_in_slot(ctx, service, packet);

	return id ? id : lb_choose(ctx, service, packet);
}

/* Whether a segment of no connection may belong to one that was forgotten. */
static LB_INLINE int lb_forgotten(const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return !(packet->tcp_flags & LB_TCP_SYN);
	return packet->key.protocol == LB_IPPROTO_SCTP && packet->sctp_event != LB_SCTP_INIT;
}

/* Whether a segment of TCP, or a packet of SCTP, ends its connection. */
static LB_INLINE int lb_ends(const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return packet->tcp_flags & (LB_TCP_RST | LB_TCP_FIN);
	return packet->sctp_event == LB_SCTP_ABORT || packet->sctp_event == LB_SCTP_SHUTDOWN_COMPLETE;
}

/* The state of a connection that waits for its client's next packet. */
static LB_INLINE u8 lb_half_open(u8 protocol)
{
	if (protocol == LB_IPPROTO_UDP)
		return LB_S_UDP;
	return protocol == LB_IPPROTO_TCP ? LB_S_SYN_RECV : LB_S_SCTP_INIT1;
}

#endif
