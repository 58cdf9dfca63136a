/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding methods: what is changed in a packet on its way to a server, and on a NAT reply's way back.
 *
 * Each changes just what kernel IPVS changes, and every checksum incrementally (RFC 1624), so that a wrong one stays
 * wrong and the receiver sees it. Where a frame's transport checksum is partial, the host knows (lb_l4_replace).
 */
#ifndef LB_XMIT_H
#define LB_XMIT_H

#include "entry.h"
#include "lookup.h"
#include "reply.h"

enum {
	LB_MIN_MTU = 68, /* RFC 791 */
	LB_TUNNEL_OVERHEAD = sizeof(struct lb_ipv4),
	LB_ECN_CE = 3,
	LB_ECN_ECT0 = 2,
	LB_TCP_CHECKSUM = 16, /* offsets of the fields */
	LB_UDP_CHECKSUM = 6,
};

static LB_INLINE void lb_write_macs(struct lb_eth *eth, const u8 *dst, const u8 *src)
{
	__builtin_memcpy(eth->dst, dst, LB_ETH_ALEN);
	__builtin_memcpy(eth->src, src, LB_ETH_ALEN);
	eth->type = lb_htons(LB_ETH_P_IP);
}

static LB_INLINE void lb_decrement_ttl(struct lb_ipv4 *ip)
{
	be16 from = lb_htons((u16)(ip->ttl << 8 | ip->protocol));

	ip->ttl--;
	lb_csum_replace16(&ip->checksum, from, lb_htons((u16)(ip->ttl << 8 | ip->protocol)));
}

/* One end of a flow as NAT rewrites it. `port_offset`: of the port in the transport header. */
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

/* Rewrite one end: ports (not in a later fragment) and address, with their checksums. */
static LB_INLINE int lb_nat(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_rewrite *change)
{
	int unsummed = lb_later_fragment(packet) ? 0 : lb_rewrite_ports(ctx, packet, change);
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);

	if (!ip || unsummed < 0)
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

/* The outer header of IP in IP (RFC 2003): TTL, TOS and DF are the inner packet's; ECN by RFC 6040's normal mode. */
static LB_INLINE int lb_tunnel(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_ipv4 *inner = lb_ipv4_at(ctx, LB_L3);
	struct lb_ipv4 outer = {.version_ihl = 0x45, .protocol = LB_IPPROTO_IPIP};

	if (!inner)
		return -1;
	outer.tos = inner->tos;
	if ((inner->tos & LB_ECN_MASK) == LB_ECN_CE)
		outer.tos = (inner->tos & ~LB_ECN_MASK) | LB_ECN_ECT0;
	outer.fragment = inner->fragment & lb_htons(LB_IP_DF);
	outer.id = outer.fragment ? 0 : lb_ip_id(ctx);
	outer.ttl = inner->ttl;
	outer.total_length = lb_htons(packet->length + sizeof(outer));
	outer.source = dest->source.word[0];
	outer.destination = dest->addr.word[0];
	lb_ipv4_checksum(&outer);
	return lb_push_outer(ctx, &outer);
}

/* The largest IP packet that fits on the way to this destination. */
static LB_INLINE u16 lb_dest_mtu(const struct lb_dest *dest, u16 method)
{
	u16 mtu = method == LB_TUN ? dest->mtu - LB_TUNNEL_OVERHEAD : dest->mtu;

	return mtu < LB_MIN_MTU || dest->mtu < LB_MIN_MTU ? LB_MIN_MTU : mtu;
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
	if (packet->key.protocol != LB_IPPROTO_TCP)
		return segment + sizeof(struct lb_udp);
	tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	return method == LB_TUN || !tcp ? 0 : segment + (tcp->offset >> 4) * 4;
}

/* Too big, and it forbids fragments. */
static LB_INLINE int lb_too_big(struct lb_ctx *ctx, const struct lb_packet *packet, u16 mtu, u16 method)
{
	return lb_size(ctx, packet, method) > mtu && (packet->fragment & LB_IP_DF) &&
	       packet->key.protocol != LB_IPPROTO_ICMP;
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
	if (method == LB_NAT && packet->key.protocol != LB_IPPROTO_ICMP)
		return lb_nat(ctx, packet, &change);
	return 0;
}

/* Send a packet to its destination by its flow's method, as `reason` says; or answer it, or drop it. */
static LB_INLINE struct lb_result lb_xmit(struct lb_ctx *ctx, const struct lb_packet *packet,
					  const struct lb_dest *dest, u16 method, enum lb_reason reason)
{
	u16 mtu = lb_dest_mtu(dest, method);
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	struct lb_eth *eth;

	if (!(dest->flags & LB_DEST_RESOLVED))
		return lb_drop(LB_REASON_DEST_UNRESOLVED);
	if (packet->ttl <= 1)
		return lb_time_exceeded(ctx, packet, packet->key.destination.word[0]);
	if (!ip)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_decrement_ttl(ip);
	if (lb_too_big(ctx, packet, mtu, method))
		return lb_frag_needed(ctx, packet, mtu, packet->key.destination.word[0]);
	if (lb_apply_method(ctx, packet, dest, method))
		return lb_drop(LB_REASON_NO_ROOM);
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_write_macs(eth, dest->dest_mac, dest->source_mac);
	return lb_transmit(reason, dest->ifindex, dest->mtu);
}

/* Send a NAT reply, which has hops left to live, on to the client, by the way that the client's own packets came. */
static LB_INLINE struct lb_result lb_xmit_reply(struct lb_ctx *ctx, const struct lb_image_header *image,
						const struct lb_packet *packet, const struct lb_rewrite *change,
						const struct lb_client *client, enum lb_reason reason)
{
	const struct lb_link *link = lb_link_find(ctx, image, client->ifindex);
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	struct lb_eth *eth;

	if (!link)
		return lb_drop(LB_REASON_DEST_UNRESOLVED);
	if (!ip)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_decrement_ttl(ip);
	if (packet->key.protocol != LB_IPPROTO_ICMP && lb_nat(ctx, packet, change))
		return lb_drop(LB_REASON_TRUNCATED);
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return lb_drop(LB_REASON_TRUNCATED);
	lb_write_macs(eth, client->mac, link->mac);
	return lb_transmit(reason, client->ifindex, link->mtu);
}

#endif
