/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule_icmp: an ICMP error about no connection opens one for the packet that it quotes, and then follows it.
 *
 * The quoted packet is a server's own, so its client is whom it was sent to. While it is scheduled, the error's description
 * is that of the quoted packet turned round (lb_describe_quoted): there is no stack for a second. No packet has stepped
 * the flow yet: it begins in the first state, and lives as long as kernel IPVS lets such a one.
 */
#ifndef LB_ICMP_OPEN_H
#define LB_ICMP_OPEN_H

#include "flow.h"

enum { LB_UNSTEPPED_MS = 3000 };

/* Describe the error itself again. */
LB_SUBPROGRAM int lb_describe_error(struct lb_ctx *ctx, struct lb_packet *packet)
{
	const struct lb_ipv6 *ipv6 = lb_ipv6_at(ctx, LB_L3);
	const struct lb_ipv4 *ipv4 = lb_ipv4_at(ctx, LB_L3);

	if (!packet)
		return 0;
	packet->key.protocol = LB_IPPROTO_ICMP;
	packet->key.sport = 0;
	packet->key.dport = 0;
	if (lb_is_ipv6(packet) && ipv6) {
		packet->key.source = lb_addr_read(&ipv6->source);
		packet->key.destination = lb_addr_read(&ipv6->destination);
	} else if (ipv4) {
		packet->key.source = lb_addr_ipv4(ipv4->source);
		packet->key.destination = lb_addr_ipv4(ipv4->destination);
	}
	return 1;
}

/* One-packet scheduling: the error goes where the quoted datagram would, and a connection is counted for it. */
static LB_INLINE void lb_choose_once(struct lb_ctx *ctx, const struct lb_packet *packet, u64 choice,
				     const struct lb_dest *dest, struct lb_found *flow)
{
	u32 id = lb_choice_dest(choice);

	lb_unchoose(ctx, packet, choice);
	lb_count_passing(ctx, id);
	lb_count_connection(ctx, id, dest->service);
	*flow = (struct lb_found){.dest = id, .kin = dest->method << 4};
}

/* Open the flow of the packet that is described. LB_PARSED, or the reason why there is none. */
static LB_INLINE int lb_open_described(struct lb_ctx *ctx, const struct lb_image_header *image,
				       const struct lb_packet *packet, struct lb_found *flow)
{
	const struct lb_service *service = lb_service_find(ctx, image, &packet->key);
	const struct lb_dest *dest;
	enum lb_claim claim;
	u64 choice;

	if (!service || (service->flags & LB_SERVICE_GONE) || lb_is_ftp_data(packet))
		return LB_REASON_ICMP_UNRELATED;
	if ((image->switches & LB_DROP_PACKET) && lb_defended(ctx))
		return LB_REASON_DEFENCE;
	choice = lb_pick(ctx, service, packet, 0);
	dest = lb_choice_dest(choice) ? lb_dest_at(ctx, image, lb_choice_dest(choice)) : 0;
	if (!dest)
		return lb_is_beside_ftp(service, packet) ? LB_REASON_ICMP_UNRELATED : LB_REASON_ICMP_NO_DEST;
	if (lb_is_once(service, packet)) {
		lb_choose_once(ctx, packet, choice, dest, flow);
		return LB_PARSED;
	}
	claim = lb_flow_open(ctx, packet, choice, dest, lb_first_state(packet->key.protocol), LB_UNSTEPPED_MS, flow);
	if (claim == LB_CLAIM_WON) {
		flow->dest = lb_choice_dest(choice);
		flow->kin = dest->method << 4;
	} else {
		lb_unchoose(ctx, packet, choice);
	}
	return claim == LB_CLAIM_NONE ? LB_REASON_TABLE_FULL : LB_PARSED;
}

#endif
