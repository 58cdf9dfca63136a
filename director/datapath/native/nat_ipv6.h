/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT of IPv6: address and port of one end, and the transport checksum, which sums up 16 bytes of each address.
 *
 * There is no checksum of the IP header to mind. Apart from that all is as with IPv4 (xmit.h).
 */
#ifndef LB_NAT_IPV6_H
#define LB_NAT_IPV6_H

#include "nat_sctp.h"

enum {
	LB_TCP_CHECKSUM = 16, /* offsets of the fields */
	LB_UDP_CHECKSUM = 6,
};

/* Adapt a checksum at this offset to an address that changes. */
static LB_INLINE void lb_l4_replace_addr(struct lb_ctx *ctx, u32 field, const struct lb_addr *from,
					 const struct lb_addr *to, u32 flags)
{
	for (int i = 0; i < 4; i++)
		lb_l4_replace(ctx, field, from->word[i], to->word[i], flags);
}

/* The end of the packet that is rewritten, as it is. */
static LB_INLINE const struct lb_addr *lb_end_address(const struct lb_packet *packet, u32 end)
{
	return end & LB_END_SOURCE ? &packet->key.source : &packet->key.destination;
}

/* Rewrite the port, and TCP's or UDP's checksum. Negative: there is none. 1: UDP was sent without a checksum. */
static LB_INLINE int lb_nat_ipv6_transport(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_addr *to,
					   u32 end)
{
	int is_udp = packet->key.protocol == LB_IPPROTO_UDP;
	u32 flags = is_udp ? LB_L4_UDP : 0;
	u32 field = packet->l4 + (is_udp ? LB_UDP_CHECKSUM : LB_TCP_CHECKSUM);
	be16 from_port = end & LB_END_SOURCE ? packet->key.sport : packet->key.dport;
	struct lb_udp *udp = lb_at(ctx, packet->l4, sizeof(*udp));
	int unsummed;

	if (packet->key.protocol == LB_IPPROTO_SCTP)
		return lb_nat_sctp(ctx, packet, end);
	if (!udp)
		return -1;
	unsummed = is_udp && udp->checksum == 0;
	if (!unsummed) {
		lb_l4_replace_addr(ctx, field, lb_end_address(packet, end), to, flags | LB_L4_PSEUDO);
		lb_l4_replace(ctx, field, from_port, (u16)end, flags);
		udp = lb_at(ctx, packet->l4, sizeof(*udp));
		if (!udp)
			return -1;
	}
	*lb_end_port(&udp->source, end) = (u16)end;
	return unsummed;
}

/* Compute the checksum of a datagram that came without one. */
static LB_INLINE void lb_sum_udp_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_addr *to,
				      u32 end)
{
	const struct lb_addr *other = end & LB_END_SOURCE ? &packet->key.destination : &packet->key.source;
	u16 length = packet->length - (packet->l4 - LB_L3);
	u64 sum = lb_pseudo_sum_of(other, to, LB_IPPROTO_UDP, length) + lb_range_sum(ctx, packet->l4, length);
	struct lb_udp *udp = lb_at(ctx, packet->l4, sizeof(*udp));

	if (!udp)
		return;
	udp->checksum = ~lb_csum_fold(sum);
	if (udp->checksum == 0)
		udp->checksum = 0xffff;
}

/* Rewrite one end: port (not in a later fragment) and address. `end`: the new port, and maybe LB_END_SOURCE. */
LB_SUBPROGRAM int lb_nat_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_addr *to, u32 end)
{
	struct lb_wire_addr *address;
	struct lb_ipv6 *ip;
	int unsummed;

	if (!packet || !to)
		return -1;
	unsummed = lb_later_fragment(packet) ? 0 : lb_nat_ipv6_transport(ctx, packet, to, end);
	if (unsummed < 0)
		return unsummed;
	ip = lb_ipv6_at(ctx, LB_L3);
	if (!ip)
		return -1;
	address = &ip->destination;
	if (end & LB_END_SOURCE) {
		address = &ip->source;
		LB_APART(address);
	}
	lb_addr_write(address, to);
	if (unsummed && !lb_any_fragment(packet))
		lb_sum_udp_ipv6(ctx, packet, to, end);
	return 0;
}

#endif
