/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwarding through a tunnel: the header that goes before a packet, and what room it takes.
 */
#ifndef LB_TUNNEL_H
#define LB_TUNNEL_H

#include "lookup.h"
#include "outer.h"

enum {
	LB_ECN_MASK = 3,
	LB_ECN_CE = 3,
	LB_ECN_ECT0 = 2,
};

/* How much less of a packet fits on the way to a destination, for the header before it. */
static LB_INLINE u16 lb_tunnel_overhead(const struct lb_dest *dest)
{
	return dest->flags & LB_DEST_IPV6 ? sizeof(struct lb_ipv6) : sizeof(struct lb_ipv4);
}

/* The TOS or traffic class of the outer header: the inner packet's, ECN by RFC 6040's normal mode. */
static LB_INLINE u8 lb_outer_class(u8 inner)
{
	return (inner & LB_ECN_MASK) == LB_ECN_CE ? (inner & ~LB_ECN_MASK) | LB_ECN_ECT0 : inner;
}

/* What is before the packet already, for a host that puts the outer header before each of its segments. */
static LB_INLINE void lb_outer_describe(struct lb_outer *outer, const struct lb_packet *packet)
{
	outer->inner_family = packet->key.family;
	outer->inner_protocol = packet->key.protocol;
	outer->inner_headers = packet->l4 - LB_L3;
}

/* The outer header of IP in IP (RFC 2003): TTL and DF are the inner packet's. */
static LB_INLINE int lb_tunnel_ipv4(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_ipv4 *inner = lb_ipv4_at(ctx, LB_L3);
	struct lb_outer outer = {.family = LB_FAMILY_IPV4, .length = sizeof(struct lb_ipv4)};
	struct lb_ipv4 *ip = &outer.ip.ipv4;

	if (!inner)
		return -1;
	*ip = (struct lb_ipv4){.version_ihl = 0x45, .protocol = LB_IPPROTO_IPIP};
	ip->tos = lb_outer_class(inner->tos);
	ip->fragment = inner->fragment & lb_htons(LB_IP_DF);
	ip->id = ip->fragment ? 0 : lb_ip_id(ctx);
	ip->ttl = inner->ttl;
	ip->total_length = lb_htons(packet->length + sizeof(*ip));
	ip->source = dest->source.word[0];
	ip->destination = dest->addr.word[0];
	lb_ipv4_checksum(ip);
	lb_outer_describe(&outer, packet);
	return lb_push_outer(ctx, &outer);
}

/* The outer header of IPv6 in IPv6 (RFC 2473): the hop limit is the inner packet's, and there is no flow label. */
LB_SUBPROGRAM int lb_tunnel_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_outer outer = {.family = LB_FAMILY_IPV6, .length = sizeof(struct lb_ipv6)};
	struct lb_ipv6 *inner, *ip = &outer.ip.ipv6;
	u8 class;

	if (!packet || !dest)
		return -1;
	inner = lb_ipv6_at(ctx, LB_L3);
	if (!inner)
		return -1;
	class = lb_outer_class(lb_ipv6_class(inner));
	*ip = (struct lb_ipv6){.next_header = LB_IPPROTO_IPV6, .hop_limit = inner->hop_limit};
	lb_ipv6_set_class(ip, class);
	ip->payload_length = lb_htons(packet->length);
	lb_addr_write(&ip->source, &dest->source);
	lb_addr_write(&ip->destination, &dest->addr);
	lb_outer_describe(&outer, packet);
	return lb_push_outer(ctx, &outer);
}

static LB_INLINE int lb_tunnel(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	return lb_is_ipv6(packet) ? lb_tunnel_ipv6(ctx, packet, dest) : lb_tunnel_ipv4(ctx, packet, dest);
}

#endif
