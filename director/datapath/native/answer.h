/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the director's own answers are written: ICMP errors and TCP resets, in the frame that they answer.
 *
 * Their bytes are those of a Linux host: ICMP errors as icmp_send() makes them (at most 576 bytes, RFC 1812 §4.3.2.3),
 * resets as RFC 9293 §3.10.7.1 asks. answer_ipv6.h has the same for IPv6.
 */
#ifndef LB_ANSWER_H
#define LB_ANSWER_H

#include "tunnel.h"

enum {
	LB_ICMP_UNREACHABLE = 3,
	LB_ICMP_QUENCH = 4,
	LB_ICMP_TIME_EXCEEDED = 11,
	LB_ICMP_PROTOCOL_UNREACHABLE = 2, /* codes of LB_ICMP_UNREACHABLE */
	LB_ICMP_PORT_UNREACHABLE = 3,
	LB_ICMP_FRAG_NEEDED = 4,
	LB_ICMP_MAX = 576, /* of an error's IP packet */
	LB_ICMP_ADDED = sizeof(struct lb_ipv4) + sizeof(struct lb_icmp),
	LB_ICMPV6_UNREACHABLE = 1,
	LB_ICMPV6_TOO_BIG = 2,
	LB_ICMPV6_TIME_EXCEEDED = 3,
	LB_ICMPV6_PORT_UNREACHABLE = 4, /* code of LB_ICMPV6_UNREACHABLE */
	LB_ICMPV6_PARAMETER_PROBLEM = 4,
	LB_ICMPV6_UNKNOWN_HEADER = 1, /* code of LB_ICMPV6_PARAMETER_PROBLEM */
	LB_REPLY_TTL = 64,
	LB_PREC_INTERNETCONTROL = 0xc0, /* the precedence of ICMP errors, RFC 1812 §4.3.2.5 */
	LB_TOS_MASK = 0x1e,
};

/* An error to send. `sent` and `silent` are the reasons counted when it is and when it may not be sent. */
struct lb_icmp_error {
	u8 type;
	u8 code;
	u8 type6; /* the same of ICMPv6 */
	u8 code6;
	u8 pointer6; /* ICMPv6: which byte of the packet is the problem */
	u16 mtu;
	u8 sent;
	u8 silent;
};

static LB_INLINE void lb_eth_turn(struct lb_eth *eth, const struct lb_eth *from)
{
	__builtin_memcpy(eth->dst, from->src, LB_ETH_ALEN);
	__builtin_memcpy(eth->src, from->dst, LB_ETH_ALEN);
	eth->type = from->type;
}

/* RFC 1122 §3.2.2: no error about an ICMP error or a later fragment. Martians never come this far. */
static LB_INLINE int lb_may_answer(const struct lb_packet *packet)
{
	return packet->key.protocol != LB_IPPROTO_ICMP && !lb_later_fragment(packet);
}

static LB_INLINE void lb_reply_ipv4(struct lb_ipv4 *ip, const struct lb_packet *packet, u8 protocol, u16 length)
{
	ip->version_ihl = 0x45;
	ip->total_length = lb_htons(length);
	ip->ttl = LB_REPLY_TTL;
	ip->protocol = protocol;
	ip->source = packet->key.destination.word[0];
	ip->destination = packet->key.source.word[0];
}

static LB_INLINE int lb_write_icmp_error(struct lb_ctx *ctx, const struct lb_packet *packet,
					 const struct lb_icmp_error *error, be32 source, u16 quoted)
{
	struct lb_eth *eth = lb_at(ctx, LB_ICMP_ADDED, sizeof(*eth));
	struct lb_eth arrived;
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	struct lb_ipv4 *original = lb_ipv4_at(ctx, LB_L3 + LB_ICMP_ADDED);
	struct lb_icmp *icmp = lb_at(ctx, LB_L3 + sizeof(*ip), sizeof(*icmp));
	u8 tos;

	if (!eth || !ip || !original || !icmp)
		return -1;
	arrived = *eth;
	tos = original->tos;
	lb_reply_ipv4(ip, packet, LB_IPPROTO_ICMP, LB_ICMP_ADDED + quoted);
	ip->source = source;
	ip->tos = (tos & LB_TOS_MASK) | LB_PREC_INTERNETCONTROL;
	ip->id = lb_ip_id(ctx);
	ip->fragment = 0;
	lb_ipv4_checksum(ip);
	*icmp = (struct lb_icmp){.type = error->type, .code = error->code, .mtu = lb_htons(error->mtu)};
	icmp->checksum = ~lb_csum_fold(lb_range_sum(ctx, LB_L3 + sizeof(*ip), sizeof(*icmp) + quoted));
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return -1;
	lb_eth_turn(eth, &arrived);
	return 0;
}

/*
 * Where the host can't be kept from completing the quoted packet's checksum: complete it now, so that completing it once
 * more gives back what the ICMP checksum was summed over.
 */
static LB_INLINE void lb_complete_quote(struct lb_ctx *ctx, const struct lb_packet *packet, u32 added, u16 quoted)
{
	int is_tcp = packet->key.protocol == LB_IPPROTO_TCP;
	u32 l4 = packet->l4 + added;
	u32 field = l4 + (is_tcp ? offsetof(struct lb_tcp, checksum) : offsetof(struct lb_udp, checksum));
	u16 sum = lb_csum_fold(lb_range_sum(ctx, l4, quoted - (packet->l4 - LB_L3)));
	be16 *checksum = lb_at(ctx, field, sizeof(*checksum));

	if (checksum)
		*checksum = ~sum;
}

/* Whether an error may be sent: LB_PARSED, or the reason why not. */
static LB_INLINE int lb_icmp_forbidden(struct lb_ctx *ctx, const struct lb_packet *packet,
				       const struct lb_icmp_error *error)
{
	if (!lb_may_answer(packet))
		return error->silent;
	/* Path MTU discovery must not be starved: Linux exempts these from its limit, too. */
	if (error->mtu == 0 && !lb_icmp_allow(ctx))
		return LB_REASON_ICMP_LIMITED;
	return LB_PARSED;
}

/* Whether the packet to quote lacks a checksum that can't be completed here, and by the kernel only in the wrong place. */
static LB_INLINE int lb_unquotable(const struct lb_packet *packet, int undone)
{
	return undone && packet->key.protocol == LB_IPPROTO_SCTP;
}

/* Make the packet the ICMP error that answers it, from this source: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_icmp(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_icmp_error *error,
				 be32 source)
{
	int forbidden, undone;
	u16 quoted;

	if (!packet || !error)
		return LB_REASON_NO_ROOM;
	forbidden = source ? lb_icmp_forbidden(ctx, packet, error) : error->silent;
	if (forbidden != LB_PARSED)
		return forbidden;
	quoted = packet->length;
	if (quoted > LB_ICMP_MAX - LB_ICMP_ADDED)
		quoted = LB_ICMP_MAX - LB_ICMP_ADDED;
	undone = lb_plain(ctx, packet);
	if (lb_unquotable(packet, undone))
		return LB_REASON_CHECKSUM_UNDONE;
	if (lb_trim(ctx, LB_L3 + quoted) || lb_grow(ctx, LB_ICMP_ADDED) ||
	    lb_write_icmp_error(ctx, packet, error, source, quoted))
		return LB_REASON_NO_ROOM;
	if (undone)
		lb_complete_quote(ctx, packet, LB_ICMP_ADDED, quoted);
	return error->sent;
}

/* Whether the transport checksum holds; a partial one was never on a wire and can't be wrong. */
static LB_INLINE int lb_l4_valid(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	u16 length = packet->length - (packet->l4 - LB_L3);
	u64 sum = lb_pseudo_sum_of(&packet->key.source, &packet->key.destination, packet->key.protocol, length);

	return lb_partial(ctx, packet) || lb_csum_fold(sum + lb_range_sum(ctx, packet->l4, length)) == 0xffff;
}

/* Write the reset that answers a segment, which occupies so many sequence numbers: RFC 9293 §3.10.7.1. */
static LB_INLINE void lb_reset_segment(struct lb_tcp *tcp, const struct lb_tcp *segment, u32 occupied)
{
	*tcp = (struct lb_tcp){.source = segment->destination, .destination = segment->source, .offset = 5 << 4};
	tcp->flags = LB_TCP_RST;
	if (segment->flags & LB_TCP_ACK) {
		tcp->sequence = segment->acknowledgement;
	} else {
		tcp->flags |= LB_TCP_ACK;
		tcp->acknowledgement = lb_htonl(lb_ntohl(segment->sequence) + occupied);
	}
}

/* How many sequence numbers a segment takes. */
static LB_INLINE u32 lb_segment_occupies(const struct lb_packet *packet, const struct lb_tcp *segment)
{
	return packet->length - (packet->l4 - LB_L3) - (segment->offset >> 4) * 4 + !!(segment->flags & LB_TCP_SYN) +
	       !!(segment->flags & LB_TCP_FIN);
}

/* Turn the segment into the reset that answers it, its checksum as undone. */
static LB_INLINE int lb_write_reset(struct lb_ctx *ctx, const struct lb_packet *packet, int undone)
{
	struct lb_tcp *tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));
	struct lb_eth arrived;
	struct lb_tcp segment;
	u32 occupied;
	u64 sum;

	if (!tcp || !ip || !eth)
		return -1;
	segment = *tcp;
	arrived = *eth;
	occupied = lb_segment_occupies(packet, &segment);
	lb_eth_turn(eth, &arrived);
	lb_reply_ipv4(ip, packet, LB_IPPROTO_TCP, sizeof(*ip) + sizeof(*tcp));
	ip->tos &= ~LB_ECN_MASK; /* RFC 3168 §6.1.1: control packets are not ECN-capable */
	ip->id = 0;
	ip->fragment = lb_htons(LB_IP_DF);
	lb_ipv4_checksum(ip);
	tcp = lb_at(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp));
	if (!tcp)
		return -1;
	lb_reset_segment(tcp, &segment, occupied);
	sum = lb_pseudo_sum(ip->source, ip->destination, LB_IPPROTO_TCP, sizeof(*tcp));
	tcp->checksum =
	    undone ? lb_csum_fold(sum) : ~lb_csum_fold(sum + lb_range_sum(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp)));
	return 0;
}

/* Whether a segment may be answered by a reset: LB_PARSED, or the reason why not. */
static LB_INLINE int lb_reset_forbidden(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_tcp *tcp;
	u32 header;

	if (packet->tcp_flags & LB_TCP_RST)
		return LB_REASON_RST_UNKNOWN;
	tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	if (!tcp)
		return LB_REASON_TRUNCATED;
	header = (tcp->offset >> 4) * 4;
	if (header < sizeof(*tcp) || packet->l4 + header > LB_L3 + (u32)packet->length)
		return LB_REASON_BAD_HEADER;
	if (!lb_any_fragment(packet) && !lb_l4_valid(ctx, packet))
		return LB_REASON_BAD_CHECKSUM;
	return LB_PARSED;
}

/* Make the segment the reset that answers it: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_reset(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	int forbidden, undone;

	if (!packet)
		return LB_REASON_NO_ROOM;
	forbidden = lb_reset_forbidden(ctx, packet);
	if (forbidden != LB_PARSED)
		return forbidden;
	undone = lb_plain(ctx, packet);
	if (lb_write_reset(ctx, packet, undone) || lb_trim(ctx, LB_L3 + sizeof(struct lb_ipv4) + sizeof(struct lb_tcp)))
		return LB_REASON_NO_ROOM;
	return LB_REASON_RST_SENT;
}

#endif
