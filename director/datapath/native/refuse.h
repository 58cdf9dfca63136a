/* SPDX-License-Identifier: Apache-2.0 */
/* What the director answers where no server takes a packet: what the host's own stack would (ADR 0005), or IPVS. */
#ifndef LB_REFUSE_H
#define LB_REFUSE_H

#include "flow.h"
#include "reply.h"

/* What the host's own stack answers to a packet that belongs to no connection and opens none. */
static LB_INLINE struct lb_result lb_refuse(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return lb_tcp_reset(ctx, packet);
	if (packet->sctp_event == LB_SCTP_NO_CHUNK)
		return lb_drop(LB_REASON_TRUNCATED);
	return lb_protocol_unreachable(ctx, packet);
}

/* Answer a packet as the host's own stack would, where nobody listens. */
static LB_INLINE struct lb_result lb_unscheduled(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return lb_tcp_reset(ctx, packet);
	return lb_port_unreachable(ctx, packet);
}

/*
 * A packet of a service that was deleted, and of no connection: kernel IPVS leaves it to the host's stack. Where a guard
 * keeps the service's packets from the stack, that is not asked.
 */
static LB_INLINE struct lb_result lb_unheard(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_UDP)
		return lb_port_unreachable(ctx, packet);
	return lb_refuse(ctx, packet);
}

/* Nobody may take it. */
static LB_INLINE struct lb_result lb_unserved(struct lb_ctx *ctx, const struct lb_service *service,
					      const struct lb_packet *packet)
{
	if (lb_is_beside_ftp(service, packet))
		return lb_unscheduled(ctx, packet);
	return lb_port_unreachable(ctx, packet);
}

#endif
