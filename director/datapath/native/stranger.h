/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_icmp_send: a NAT server that sends a packet of no known flow is told so by port unreachable, from the director's own
 * address on its side.
 *
 * Servers are told by where their packets come from (lb_server_of), of which the image has a table only if this is on.
 */
#ifndef LB_STRANGER_H
#define LB_STRANGER_H

#include "xmit.h"

/* The director's own address on the side of this destination, or 0. */
static LB_INLINE const struct lb_addr *lb_source_to(struct lb_ctx *ctx, const struct lb_image_header *image, u32 id)
{
	const struct lb_dest *dest = lb_dest_at(ctx, image, id);

	return dest ? &dest->source : 0;
}

/*
 * nat_icmp_send: the NAT server, by id, that sent a packet of no known flow and is told so; 0: none. What ends a flow says
 * enough, and what goes to the director's own address answers the host's own connection, not a translated one.
 */
static LB_INLINE u32 lb_stranger(struct lb_ctx *ctx, const struct lb_image_header *image,
				 const struct lb_packet *packet)
{
	const struct lb_addr *own;
	u32 id;

	if (packet->key.protocol == LB_IPPROTO_TCP && (packet->tcp_flags & LB_TCP_RST))
		return 0;
	if (packet->key.protocol == LB_IPPROTO_SCTP && packet->sctp_event == LB_SCTP_ABORT)
		return 0;
	id = lb_martian(packet) ? 0 : lb_server_of(ctx, &packet->key);
	own = id ? lb_source_to(ctx, image, id) : 0;
	return own && lb_addr_equal(own, &packet->key.destination) ? 0 : id;
}

/*
 * Tell a NAT server so. What is on its way through the host loses a hop before kernel IPVS sees it; what goes to a service
 * is answered by the VIP.
 */
static LB_INLINE struct lb_result lb_forward_stranger(struct lb_ctx *ctx, const struct lb_image_header *image,
						      const struct lb_service *service, const struct lb_packet *packet,
						      u32 id)
{
	const struct lb_addr *own = lb_source_to(ctx, image, id);

	if (service)
		return lb_server_unreachable(ctx, packet, &packet->key.destination);
	if (packet->ttl <= 1)
		return lb_time_exceeded(ctx, packet, own);
	if (lb_lower_ttl(ctx, packet))
		return lb_drop(LB_REASON_TRUNCATED);
	return lb_server_unreachable(ctx, packet, own);
}

#endif
