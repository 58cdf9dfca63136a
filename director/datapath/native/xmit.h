/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding methods: what is changed in a packet on its way to a server, and on a NAT reply's way back.
 *
 * Each changes just what kernel IPVS changes, and every checksum incrementally (RFC 1624), so that a wrong one stays
 * wrong and the receiver sees it. Where a frame's transport checksum is partial, the host knows (lb_l4_replace).
 */
#ifndef LB_XMIT_H
#define LB_XMIT_H

#include "flow.h"
#include "lookup.h"
#include "nat_ipv6.h"
#include "path.h"
#include "reply.h"

static LB_INLINE void lb_write_eth(struct lb_eth *eth, const u8 *dst, const u8 *src, u8 family)
{
	__builtin_memcpy(eth->dst, dst, LB_ETH_ALEN);
	__builtin_memcpy(eth->src, src, LB_ETH_ALEN);
	eth->type = family == LB_FAMILY_IPV6 ? lb_htons(LB_ETH_P_IPV6) : lb_htons(LB_ETH_P_IP);
}

/* Take one hop off what the packet has left to live. 0, or negative where there is no header. */
static LB_INLINE int lb_lower_ttl(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	be16 from;

	if (!ip)
		return -1;
	if (lb_is_ipv6(packet)) { /* its hop limit lies within IPv4's header, and there is no checksum */
		((struct lb_ipv6 *)ip)->hop_limit--;
		return 0;
	}
	from = lb_htons((u16)(ip->ttl << 8 | ip->protocol));
	ip->ttl--;
	lb_csum_replace16(&ip->checksum, from, lb_htons((u16)(ip->ttl << 8 | ip->protocol)));
	return 0;
}

/* One end of an IPv4 flow as NAT rewrites it. */
struct lb_rewrite {
	be32 from, to;
	be16 from_port, to_port;
	u8 source; /* rewrite the source, not the destination */
};

/* A UDP checksum of 0 is "none". Kernel IPVS computes one when it rewrites the packet, and so do we. */
static LB_INLINE void lb_udp_checksum(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	struct lb_udp *udp = lb_at(ctx, packet->l4, sizeof(*udp));
	u16 length = packet->length - (packet->l4 - LB_L3);
	u64 sum;

	if (!ip || !udp)
		return;
	sum = lb_pseudo_sum(ip->source, ip->destination, LB_IPPROTO_UDP, length);
	sum += lb_range_sum(ctx, packet->l4, length);
	udp->checksum = ~lb_csum_fold(sum);
	if (udp->checksum == 0)
		udp->checksum = 0xffff;
}

static LB_INLINE int lb_rewrite_ports(struct lb_ctx *ctx, const struct lb_packet *packet,
				      const struct lb_rewrite *change)
{
	int is_udp = packet->key.protocol == LB_IPPROTO_UDP;
	u32 flags = is_udp ? LB_L4_UDP : 0;
	u32 field = packet->l4 + (is_udp ? LB_UDP_CHECKSUM : LB_TCP_CHECKSUM);
	struct lb_udp *udp = lb_at(ctx, packet->l4, sizeof(*udp));
	int unsummed;

	if (LB_UNLIKELY(packet->key.protocol == LB_IPPROTO_SCTP))
		return lb_nat_sctp(ctx, packet, change->to_port | (change->source ? LB_END_SOURCE : 0));
	if (!udp)
		return -1;
	unsummed = is_udp && udp->checksum == 0;
	if (!unsummed) {
		lb_l4_replace(ctx, field, change->from, change->to, flags | LB_L4_PSEUDO);
		lb_l4_replace(ctx, field, change->from_port, change->to_port, flags);
		udp = lb_at(ctx, packet->l4, sizeof(*udp));
		if (!udp)
			return -1;
	}
	if (change->source)
		udp->source = change->to_port;
	else
		udp->destination = change->to_port;
	return unsummed;
}

/*
 * Rewrite one end: ports (not in a later fragment) and address, with their checksums. 0, -1, or less than that: the
 * negative of the reason why not.
 */
static LB_INLINE int lb_nat(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_rewrite *change)
{
	int unsummed = lb_later_fragment(packet) ? 0 : lb_rewrite_ports(ctx, packet, change);
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);

	if (unsummed < 0)
		return unsummed;
	if (!ip)
		return -1;
	if (change->source)
		ip->source = change->to;
	else
		ip->destination = change->to;
	lb_csum_replace32(&ip->checksum, change->from, change->to);
	if (unsummed && !lb_any_fragment(packet))
		lb_udp_checksum(ctx, packet);
	return 0;
}

/*
 * The largest IP packet that fits into a way of this MTU to a destination. 0: a tunnel over IPv6 that has no room for
 * IPv6's least MTU, into which kernel IPVS sends nothing.
 */
static LB_INLINE u16 lb_dest_mtu(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest,
				 u16 method, u16 way)
{
	u16 overhead = method == LB_TUN ? lb_tunnel_overhead(ctx, packet, dest) : 0;

	if (overhead && (dest->flags & LB_DEST_IPV6) && way < LB_MIN_MTU_IPV6 + overhead)
		return 0;
	return way < LB_MIN_MTU + overhead ? LB_MIN_MTU : way - overhead;
}

/*
 * The size that counts against an MTU: of a super-frame, that of its segments. A tunnelled TCP super-frame has none: it
 * is cut to fit when it leaves.
 */
static LB_INLINE u32 lb_size(struct lb_ctx *ctx, const struct lb_packet *packet, u16 method)
{
	u32 segment = packet->l4 - LB_L3 + lb_gso_size(ctx);
	const struct lb_tcp *tcp;

	if (!lb_gso_size(ctx))
		return packet->length;
	if (packet->key.protocol == LB_IPPROTO_SCTP)
		return 0; /* its pieces are chunks of as many sizes, cut by a sender that knows the path */
	if (packet->key.protocol != LB_IPPROTO_TCP)
		return segment + sizeof(struct lb_udp);
	tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	return method == LB_TUN || !tcp ? 0 : segment + (tcp->offset >> 4) * 4;
}

/* Too big, and it forbids fragments. */
static LB_INLINE int lb_too_big(struct lb_ctx *ctx, const struct lb_packet *packet, u16 mtu, u16 method)
{
	return lb_size(ctx, packet, method) > mtu && (packet->fragment & LB_IP_DF);
}

/* Whether a packet is cut though it forbids it: an IPv4 packet in a tunnel, if paths are not to be discovered. */
static LB_INLINE int lb_cuts(struct lb_ctx *ctx, const struct lb_packet *packet, u16 method)
{
	return method == LB_TUN && !lb_is_ipv6(packet) && !lb_path_discovery(ctx);
}

/* What a packet that is not too large is told. */
enum { LB_FITS = 0xffffffff };

/* LB_FITS, or how large a packet may be on a way of this MTU, if this one is larger and not to be cut. */
static LB_INLINE u32 lb_room(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest, u16 method,
			     u16 way)
{
	u16 mtu = lb_dest_mtu(ctx, packet, dest, method, way);

	if (mtu == 0)
		return 0;
	/* A tunnelled super-frame is cut for the next hop, but its sender must be told of a narrower path. */
	if (!lb_too_big(ctx, packet, mtu, way < dest->mtu ? LB_DR : method) || lb_cuts(ctx, packet, method))
		return LB_FITS;
	return mtu;
}

/* The same on the path to a TUN server. */
LB_SUBPROGRAM u32 lb_path_room(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest, u32 id)
{
	if (!packet || !dest)
		return LB_FITS;
	return lb_room(ctx, packet, dest, LB_TUN, lb_path_mtu(ctx, id, packet->now, dest->mtu));
}

static LB_INLINE int lb_apply_method(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest,
				     u16 method)
{
	struct lb_rewrite change = {.from = packet->key.destination.word[0],
				    .to = dest->addr.word[0],
				    .from_port = packet->key.dport,
				    .to_port = lb_nat_port(dest, packet->key.dport)};

	if (method == LB_TUN)
		return lb_tunnel(ctx, packet, dest);
	/* An ICMP error's embedded header was rewritten already (icmp.h), and its outer address with it. */
	if (method != LB_NAT || packet->key.protocol == LB_IPPROTO_ICMP)
		return 0;
	return lb_is_ipv6(packet) ? lb_nat_ipv6(ctx, packet, &dest->addr, change.to_port)
				  : lb_nat(ctx, packet, &change);
}

/* Send a packet, whose TTL has been lowered, to its destination by its flow's method. */
static LB_INLINE struct lb_result lb_send(struct lb_ctx *ctx, const struct lb_packet *packet,
					  const struct lb_dest *dest, u16 method, enum lb_reason reason)
{
	int failed = lb_apply_method(ctx, packet, dest, method);
	struct lb_eth *eth;

	if (failed)
		return lb_drop(failed < -1 ? -failed : LB_REASON_NO_ROOM);
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_write_eth(eth, dest->dest_mac, dest->source_mac,
		     method == LB_TUN ? lb_outer_family(dest) : packet->key.family);
	return lb_transmit(reason, dest->ifindex, dest->mtu);
}

/*
 * What no next hop leads to: it is the host itself, or unresolved. Nothing keeps the stack from later fragments and from
 * ICMP errors (guard.bpf.c), which have come there already.
 */
static LB_INLINE struct lb_result lb_not_sent(const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_result result;

	if (!(dest->flags & LB_DEST_RESOLVED))
		return lb_drop(LB_REASON_DEST_UNRESOLVED);
	result = lb_pass(LB_REASON_LOCAL);
	if (packet->key.protocol != LB_IPPROTO_ICMP && !lb_later_fragment(packet))
		result.ifindex = LB_LOOPBACK;
	return result;
}

static LB_INLINE int lb_has_next_hop(const struct lb_dest *dest)
{
	return (dest->flags & (LB_DEST_RESOLVED | LB_DEST_LOCAL)) == LB_DEST_RESOLVED;
}

/* Send a packet to its destination, which has this id, by its flow's method, as `reason` says; or answer it, or drop it. */
static LB_INLINE struct lb_result lb_xmit(struct lb_ctx *ctx, const struct lb_packet *packet,
					  const struct lb_dest *dest, u32 id, u16 method, enum lb_reason reason)
{
	u32 room;

	if (!lb_has_next_hop(dest))
		return lb_not_sent(packet, dest);
	if (packet->ttl <= 1)
		return lb_time_exceeded(ctx, packet, &packet->key.destination);
	if (lb_lower_ttl(ctx, packet))
		return lb_drop(LB_REASON_TRUNCATED);
	room = lb_asks_path(packet, dest, method) ? lb_path_room(ctx, packet, dest, id)
						  : lb_room(ctx, packet, dest, method, dest->mtu);
	if (room != LB_FITS)
		return lb_frag_needed(ctx, packet, room, &packet->key.destination);
	return lb_send(ctx, packet, dest, method, reason);
}

/* The same for an ICMP error, about which there is none. IPv6's must not be larger than the way, IPv4's is cut. */
static LB_INLINE struct lb_result lb_xmit_icmp(struct lb_ctx *ctx, const struct lb_packet *packet,
					       const struct lb_dest *dest, u16 method)
{
	u16 mtu;

	if (!lb_has_next_hop(dest))
		return lb_not_sent(packet, dest);
	mtu = lb_dest_mtu(ctx, packet, dest, method, dest->mtu);
	if (packet->ttl <= 1)
		return lb_drop(LB_REASON_TTL_EXPIRED_SILENT);
	if (lb_lower_ttl(ctx, packet))
		return lb_drop(LB_REASON_TRUNCATED);
	if (mtu == 0 || (lb_is_ipv6(packet) && packet->length > mtu))
		return lb_drop(LB_REASON_TOO_BIG_SILENT);
	return lb_send(ctx, packet, dest, method, LB_REASON_ICMP_RELATED);
}

/* Give a NAT server's reply the VIP's address and port. */
static LB_INLINE int lb_nat_back(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_way_back *back)
{
	struct lb_rewrite change = {.source = 1,
				    .from = packet->key.source.word[0],
				    .from_port = packet->key.sport,
				    .to = back->address.word[0],
				    .to_port = back->port};

	if (lb_is_ipv6(packet))
		return lb_nat_ipv6(ctx, packet, &back->address, back->port | LB_END_SOURCE);
	return lb_nat(ctx, packet, &change);
}

/* Send a NAT reply, which has hops left to live, on to the client, by the way that the client's own packets came. */
static LB_INLINE struct lb_result lb_xmit_reply(struct lb_ctx *ctx, const struct lb_image_header *image,
						const struct lb_packet *packet, const struct lb_way_back *back,
						enum lb_reason reason)
{
	const struct lb_link *link = lb_link_find(ctx, image, back->client.ifindex);
	struct lb_eth *eth;
	int failed;

	if (!link)
		return lb_drop(LB_REASON_DEST_UNRESOLVED);
	if (lb_lower_ttl(ctx, packet))
		return lb_drop(LB_REASON_TRUNCATED);
	failed = packet->key.protocol == LB_IPPROTO_ICMP ? 0 : lb_nat_back(ctx, packet, back);
	if (failed)
		return lb_drop(failed < -1 ? -failed : LB_REASON_TRUNCATED);
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_write_eth(eth, back->client.mac, link->mac, packet->key.family);
	return lb_transmit(reason, back->client.ifindex, link->mtu);
}

#endif
