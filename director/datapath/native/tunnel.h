/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwarding through a tunnel: what goes before a packet, and what room it takes.
 *
 * IP in IP, GRE and GUE, with either family outside and inside; the outer family is the destination's. IPv4 in IPv4,
 * which is most tunnels, has a way of its own; all others are built by one subprogram.
 */
#ifndef LB_TUNNEL_H
#define LB_TUNNEL_H

#include "lookup.h"
#include "outer.h"

enum {
	LB_ECN_MASK = 3,
	LB_ECN_CE = 3,
	LB_ECN_ECT0 = 2,
	LB_GRE_TAIL = sizeof(struct lb_gre),
	LB_GRE_SUM_TAIL = sizeof(struct lb_gre) + 2 * sizeof(be16),
	LB_GUE_TAIL = sizeof(struct lb_udp) + sizeof(struct lb_gue),
	LB_GUE_FIRST_PORT = 32768, /* Linux chooses from these by a hash of the flow, too */
	LB_GUE_PORTS = 60999 - 32768,
	LB_WIDE_TUNNEL = LB_DEST_IPV6 | LB_DEST_GRE | LB_DEST_GUE,
};

/* Whether the packet's checksum is left to the tunnel's far end: GUE alone can say so, and only some hosts can. */
static LB_INLINE int lb_leaves_checksum(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	return (dest->flags & LB_DEST_GUE) && (dest->flags & LB_DEST_REMOTE) &&
	       packet->key.protocol != LB_IPPROTO_SCTP && lb_may_leave_checksum(ctx, packet);
}

/* How much less of a packet fits on the way to a destination, for what goes before it. */
static LB_INLINE u16 lb_tunnel_overhead(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	u16 ip = dest->flags & LB_DEST_IPV6 ? sizeof(struct lb_ipv6) : sizeof(struct lb_ipv4);

	if (LB_LIKELY(!(dest->flags & (LB_DEST_GRE | LB_DEST_GUE))))
		return ip;
	if (dest->flags & LB_DEST_GRE)
		return ip + (dest->flags & LB_DEST_CHECKSUM ? LB_GRE_SUM_TAIL : LB_GRE_TAIL);
	return ip + LB_GUE_TAIL + (lb_leaves_checksum(ctx, packet, dest) ? sizeof(struct lb_gue_remote) : 0);
}

/* The family of what leaves. */
static LB_INLINE u8 lb_outer_family(const struct lb_dest *dest)
{
	return dest->flags & LB_DEST_IPV6 ? LB_FAMILY_IPV6 : LB_FAMILY_IPV4;
}

/* The TOS or traffic class of the outer header: the inner packet's, ECN by RFC 6040's normal mode. */
static LB_INLINE u8 lb_outer_class(u8 inner)
{
	return (inner & LB_ECN_MASK) == LB_ECN_CE ? (inner & ~LB_ECN_MASK) | LB_ECN_ECT0 : inner;
}

/* Whether a tunnel may be told that it is too narrow; else its packets are cut whatever they say (pmtu_disc). */
static LB_INLINE int lb_path_discovery(struct lb_ctx *ctx)
{
	const struct lb_options *options = lb_options(ctx, lb_image(ctx));

	return !options || options->pmtu_disc;
}

/* What is before the packet already, for a host that puts the outer header before each of its segments. */
static LB_INLINE void lb_outer_describe(struct lb_outer *outer, const struct lb_packet *packet)
{
	outer->inner_family = packet->key.family;
	outer->inner_protocol = packet->key.protocol;
	outer->inner_headers = packet->l4 - LB_L3;
}

/* An outer IPv4 header; it forbids fragments where the inner packet does. */
static LB_INLINE void lb_outer_ipv4(struct lb_ctx *ctx, struct lb_ipv4 *ip, const struct lb_dest *dest, be16 fragment)
{
	ip->version_ihl = 0x45;
	ip->fragment = fragment & lb_htons(LB_IP_DF);
	if (ip->fragment && !lb_path_discovery(ctx))
		ip->fragment = 0;
	ip->id = ip->fragment ? 0 : lb_ip_id(ctx);
	ip->source = dest->source.word[0];
	ip->destination = dest->addr.word[0];
}

/* The outer header of IP in IP (RFC 2003): TTL and DF are the inner packet's. */
static LB_INLINE int lb_tunnel_ipv4(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_ipv4 *inner = lb_ipv4_at(ctx, LB_L3);
	struct lb_outer outer = {.family = LB_FAMILY_IPV4, .length = sizeof(struct lb_ipv4)};
	struct lb_ipv4 *ip = &outer.ip.ipv4;
	be16 fragment;

	if (!inner)
		return -1;
	ip->tos = lb_outer_class(inner->tos);
	ip->ttl = inner->ttl;
	ip->protocol = LB_IPPROTO_IPIP;
	ip->total_length = lb_htons(packet->length + sizeof(*ip));
	fragment = inner->fragment;
	lb_outer_ipv4(ctx, ip, dest, fragment);
	lb_ipv4_checksum(ip);
	lb_outer_describe(&outer, packet);
	return lb_push_outer(ctx, &outer);
}

static LB_INLINE u8 lb_inner_protocol(const struct lb_packet *packet)
{
	return lb_is_ipv6(packet) ? LB_IPPROTO_IPV6 : LB_IPPROTO_IPIP;
}

/* Two fields of 16 bits as one word of the tail, the first of them first in memory. */
static LB_INLINE be32 lb_tail_word(be16 first, be16 second)
{
	return (be32)second << 16 | first;
}

/* Where the checksum is in the packet's transport header. */
static LB_INLINE u16 lb_checksum_field(const struct lb_packet *packet)
{
	return packet->key.protocol == LB_IPPROTO_TCP ? offsetof(struct lb_tcp, checksum)
						      : offsetof(struct lb_udp, checksum);
}

static LB_INLINE void lb_tail_gre(struct lb_outer *outer, const struct lb_packet *packet)
{
	be16 type = lb_is_ipv6(packet) ? lb_htons(LB_ETH_P_IPV6) : lb_htons(LB_ETH_P_IP);

	outer->kind = LB_TAIL_GRE;
	outer->tail[0] = lb_tail_word(outer->summed ? lb_htons(LB_GRE_CHECKSUM) : 0, type);
	outer->length += outer->summed ? LB_GRE_SUM_TAIL : LB_GRE_TAIL;
}

static LB_INLINE void lb_tail_gue(struct lb_outer *outer, const struct lb_packet *packet, be16 port, int leaves)
{
	u16 source = LB_GUE_FIRST_PORT + (u16)((packet->hash >> 32) * LB_GUE_PORTS >> 32);
	u16 start = packet->l4 - LB_L3, field = lb_checksum_field(packet);

	outer->kind = LB_TAIL_UDP;
	outer->length += LB_GUE_TAIL;
	outer->tail[0] = lb_tail_word(lb_htons(source), port);
	outer->tail[2] = (be32)lb_inner_protocol(packet) << 8;
	if (leaves) {
		outer->length += sizeof(struct lb_gue_remote);
		outer->tail[2] =
		    lb_tail_word(lb_htons((u16)(sizeof(struct lb_gue_remote) / 4 << 8 | lb_inner_protocol(packet))),
				 lb_htons(LB_GUE_PRIVATE));
		outer->tail[3] = lb_htonl(0x80000000);
		outer->tail[4] = lb_tail_word(lb_htons(start), lb_htons(start + field));
	}
	outer->tail[LB_TAIL_UDP_SUM] = lb_htons(outer->length - lb_outer_ip_length(outer) + packet->length);
}

/*
 * The sum of the packet that a tunnel's checksum covers. Where the packet's own is partial, all that it covers adds up to
 * the complement of its pseudo-header once it is whole (local checksum offload); left to the far end, it never is here.
 */
static LB_INLINE u64 lb_inner_sum(struct lb_ctx *ctx, const struct lb_packet *packet, int leaves)
{
	const be16 *partial;

	if (leaves || !lb_partial(ctx, packet))
		return lb_range_sum(ctx, LB_L3, packet->length);
	partial = lb_at(ctx, packet->l4 + lb_checksum_field(packet), sizeof(*partial));
	return partial ? lb_range_sum(ctx, LB_L3, packet->l4 - LB_L3) + (u16) ~*partial : 0;
}

/* Whether a tunnel's checksum can be computed here: not over what the kernel has yet to compute in its own way. */
static LB_INLINE int lb_may_sum(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	if (lb_gso_size(ctx) && !lb_sums_segments(ctx))
		return 0;
	return packet->key.protocol != LB_IPPROTO_SCTP || !lb_partial(ctx, packet);
}

/* Put the tunnel's checksum into its tail. `sum`: of the packet, whose length is `length`. */
static LB_INLINE void lb_tail_seal(struct lb_outer *outer, u64 sum, u16 length)
{
	be16 checksum;

	for (int i = 0; i < LB_TAIL_WORDS; i++)
		sum += outer->tail[i];
	if (outer->kind == LB_TAIL_GRE) {
		outer->tail[LB_TAIL_GRE_SUM] = (u16)~lb_csum_fold(sum);
		return;
	}
	sum += lb_htons(LB_IPPROTO_UDP) + (u64)lb_htons(length + lb_tail_length(outer));
	for (int i = 0; i < 4; i++)
		sum += outer->family == LB_FAMILY_IPV6
			   ? (u64)outer->ip.ipv6.source.word[i] + outer->ip.ipv6.destination.word[i]
			   : 0;
	if (outer->family == LB_FAMILY_IPV4)
		sum += (u64)outer->ip.ipv4.source + outer->ip.ipv4.destination;
	checksum = ~lb_csum_fold(sum);
	if (checksum == 0)
		checksum = 0xffff;
	outer->tail[LB_TAIL_UDP_SUM] |= (be32)checksum << 16;
}

/* The facts of the inner header that an outer one takes over. */
struct lb_inner {
	u8 class;
	u8 ttl;
	be16 fragment; /* as IPv4 has it. IPv6 forbids fragments of the packet, not of what it travels in */
};

static LB_INLINE int lb_inner_read(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_inner *inner)
{
	const struct lb_ipv6 *ipv6;
	const struct lb_ipv4 *ipv4;

	if (lb_is_ipv6(packet)) {
		ipv6 = lb_ipv6_at(ctx, LB_L3);
		if (!ipv6)
			return -1;
		*inner = (struct lb_inner){.class = lb_ipv6_class(ipv6), .ttl = ipv6->hop_limit};
		return 0;
	}
	ipv4 = lb_ipv4_at(ctx, LB_L3);
	if (!ipv4)
		return -1;
	*inner = (struct lb_inner){.class = ipv4->tos, .ttl = ipv4->ttl, .fragment = ipv4->fragment};
	return 0;
}

/* The outer IP header of any tunnel, when all that is behind it is known; an IPv6 one has no flow label. */
static LB_INLINE void lb_outer_ip(struct lb_ctx *ctx, struct lb_outer *outer, const struct lb_packet *packet,
				  const struct lb_dest *dest, const struct lb_inner *inner)
{
	u8 protocol = outer->kind == LB_TAIL_GRE   ? LB_IPPROTO_GRE
		      : outer->kind == LB_TAIL_UDP ? LB_IPPROTO_UDP
						   : lb_inner_protocol(packet);
	struct lb_ipv4 *ipv4 = &outer->ip.ipv4;
	struct lb_ipv6 *ipv6 = &outer->ip.ipv6;

	if (outer->family == LB_FAMILY_IPV4) {
		ipv4->tos = lb_outer_class(inner->class);
		ipv4->ttl = inner->ttl;
		ipv4->protocol = protocol;
		ipv4->total_length = lb_htons(packet->length + outer->length);
		lb_outer_ipv4(ctx, ipv4, dest, inner->fragment);
		lb_ipv4_checksum(ipv4);
		return;
	}
	ipv6->next_header = protocol;
	ipv6->hop_limit = inner->ttl;
	ipv6->payload_length = lb_htons(packet->length + lb_tail_length(outer));
	lb_ipv6_set_class(ipv6, lb_outer_class(inner->class));
	lb_addr_write(&ipv6->source, &dest->source);
	lb_addr_write(&ipv6->destination, &dest->addr);
}

/* Any tunnel but IPv4 in IPv4: RFC 2473 and 4213, GRE, GUE. */
LB_SUBPROGRAM int lb_tunnel_wide(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_outer outer = {0};
	struct lb_inner inner;
	int leaves;

	if (!packet || !dest || lb_inner_read(ctx, packet, &inner))
		return -1;
	leaves = lb_leaves_checksum(ctx, packet, dest);
	outer.family = lb_outer_family(dest);
	outer.length = lb_outer_ip_length(&outer);
	outer.summed = dest->flags & LB_DEST_GRE ? !!(dest->flags & LB_DEST_CHECKSUM)
						 : !!(dest->flags & (LB_DEST_CHECKSUM | LB_DEST_REMOTE));
	if (!lb_may_sum(ctx, packet))
		outer.summed = 0;
	if (dest->flags & LB_DEST_GRE)
		lb_tail_gre(&outer, packet);
	else if (dest->flags & LB_DEST_GUE)
		lb_tail_gue(&outer, packet, dest->port, leaves);
	else
		outer.summed = 0;
	lb_outer_ip(ctx, &outer, packet, dest, &inner);
	lb_outer_describe(&outer, packet);
	if (outer.summed && !lb_gso_size(ctx))
		lb_tail_seal(&outer, lb_inner_sum(ctx, packet, leaves), packet->length);
	if (leaves)
		lb_plain(ctx, packet);
	return lb_push_outer(ctx, &outer);
}

static LB_INLINE int lb_tunnel(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	if (LB_LIKELY(!(dest->flags & LB_WIDE_TUNNEL) && !lb_is_ipv6(packet)))
		return lb_tunnel_ipv4(ctx, packet, dest);
	return lb_tunnel_wide(ctx, packet, dest);
}

#endif
