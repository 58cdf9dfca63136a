/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the director itself answers: ICMP errors and TCP resets, back where the packet came from.
 *
 * The answer is made in the frame that it answers. Its bytes are those of a Linux host: ICMP errors as icmp_send()
 * makes them (at most 576 bytes, RFC 1812 §4.3.2.3), resets as RFC 9293 §3.10.7.1 asks.
 */
#ifndef LB_REPLY_H
#define LB_REPLY_H

#include "parse.h"
#include "table.h"

enum {
	LB_ICMP_UNREACHABLE = 3,
	LB_ICMP_QUENCH = 4,
	LB_ICMP_TIME_EXCEEDED = 11,
	LB_ICMP_PORT_UNREACHABLE = 3, /* codes of LB_ICMP_UNREACHABLE */
	LB_ICMP_FRAG_NEEDED = 4,
	LB_ICMP_MAX = 576, /* of an error's IP packet */
	LB_ICMP_ADDED = sizeof(struct lb_ipv4) + sizeof(struct lb_icmp),
	LB_REPLY_TTL = 64,
	LB_PREC_INTERNETCONTROL = 0xc0, /* the precedence of ICMP errors, RFC 1812 §4.3.2.5 */
	LB_TOS_MASK = 0x1e,
	LB_ECN_MASK = 3,
};

/*
 * An error to send, from this source (0: none is known, stay silent). `sent` and `silent` are the reasons counted when
 * it is and when it may not be sent.
 */
struct lb_icmp_error {
	be32 source;
	u8 type;
	u8 code;
	u16 mtu;
	u8 sent;
	u8 silent;
};

static LB_INLINE void lb_eth_turn(struct lb_eth *eth, const struct lb_eth *from)
{
	__builtin_memcpy(eth->dst, from->src, LB_ETH_ALEN);
	__builtin_memcpy(eth->src, from->dst, LB_ETH_ALEN);
	eth->type = lb_htons(LB_ETH_P_IP);
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
					 const struct lb_icmp_error *error, u16 quoted)
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
	ip->source = error->source;
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
static LB_INLINE void lb_complete_quote(struct lb_ctx *ctx, const struct lb_packet *packet, u16 quoted)
{
	int is_tcp = packet->key.protocol == LB_IPPROTO_TCP;
	u32 l4 = packet->l4 + LB_ICMP_ADDED;
	u32 field = l4 + (is_tcp ? offsetof(struct lb_tcp, checksum) : offsetof(struct lb_udp, checksum));
	u16 sum = lb_csum_fold(lb_range_sum(ctx, l4, quoted - (packet->l4 - LB_L3)));
	be16 *checksum = lb_at(ctx, field, sizeof(*checksum));

	if (checksum)
		*checksum = ~sum;
}

/* Make the packet the ICMP error that answers it: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_icmp(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_icmp_error *error)
{
	u16 quoted;
	int undone;

	if (!packet || !error)
		return LB_REASON_NO_ROOM;
	if (!lb_may_answer(packet) || error->source == 0)
		return error->silent;
	/* Path MTU discovery must not be starved: Linux exempts these from its limit, too. */
	if (error->mtu == 0 && !lb_icmp_allow(ctx))
		return LB_REASON_ICMP_LIMITED;
	quoted = packet->length;
	if (quoted > LB_ICMP_MAX - LB_ICMP_ADDED)
		quoted = LB_ICMP_MAX - LB_ICMP_ADDED;
	undone = lb_plain(ctx);
	if (lb_trim(ctx, LB_L3 + quoted) || lb_grow(ctx, LB_ICMP_ADDED) ||
	    lb_write_icmp_error(ctx, packet, error, quoted))
		return LB_REASON_NO_ROOM;
	if (undone)
		lb_complete_quote(ctx, packet, quoted);
	return error->sent;
}

/* Answer the packet with an ICMP error, or drop it where none may be sent. */
static LB_INLINE struct lb_result lb_icmp_answer(struct lb_ctx *ctx, const struct lb_packet *packet,
						 const struct lb_icmp_error *error)
{
	int reason = lb_answer_icmp(ctx, packet, error);

	return reason == error->sent ? lb_transmit(reason, lb_ingress(ctx), 0) : lb_drop(reason);
}

static LB_INLINE struct lb_result lb_port_unreachable(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_icmp_error error = {.source = packet->key.destination.word[0],
				      .type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_PORT_UNREACHABLE,
				      .sent = LB_REASON_NO_DEST,
				      .silent = LB_REASON_BAD_SOURCE}; /* what may be scheduled may be answered */

	return lb_icmp_answer(ctx, packet, &error);
}

/* To a client the VIP says it, to a NAT server the director's own address on that side. */
static LB_INLINE struct lb_result lb_time_exceeded(struct lb_ctx *ctx, const struct lb_packet *packet, be32 source)
{
	struct lb_icmp_error error = {.source = source,
				      .type = LB_ICMP_TIME_EXCEEDED,
				      .sent = LB_REASON_TTL_EXPIRED,
				      .silent = LB_REASON_TTL_EXPIRED_SILENT};

	return lb_icmp_answer(ctx, packet, &error);
}

static LB_INLINE struct lb_result lb_frag_needed(struct lb_ctx *ctx, const struct lb_packet *packet, u16 mtu,
						 be32 source)
{
	struct lb_icmp_error error = {.source = source,
				      .type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_FRAG_NEEDED,
				      .mtu = mtu,
				      .sent = LB_REASON_TOO_BIG,
				      .silent = LB_REASON_TOO_BIG_SILENT};

	return lb_icmp_answer(ctx, packet, &error);
}

/* Whether the transport checksum holds; a partial one was never on a wire and can't be wrong. */
static LB_INLINE int lb_l4_valid(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	u16 length = packet->length - (packet->l4 - LB_L3);
	u64 sum =
	    lb_pseudo_sum(packet->key.source.word[0], packet->key.destination.word[0], packet->key.protocol, length);

	return lb_partial(ctx) || lb_csum_fold(sum + lb_range_sum(ctx, packet->l4, length)) == 0xffff;
}

/* Turn the segment into the reset that answers it, its checksum as undone. Sequence numbers: RFC 9293 §3.10.7.1. */
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
	occupied = packet->length - (packet->l4 - LB_L3) - (segment.offset >> 4) * 4;
	occupied += !!(segment.flags & LB_TCP_SYN) + !!(segment.flags & LB_TCP_FIN);
	lb_eth_turn(eth, &arrived);
	lb_reply_ipv4(ip, packet, LB_IPPROTO_TCP, sizeof(*ip) + sizeof(*tcp));
	ip->tos &= ~LB_ECN_MASK; /* RFC 3168 §6.1.1: control packets are not ECN-capable */
	ip->id = 0;
	ip->fragment = lb_htons(LB_IP_DF);
	lb_ipv4_checksum(ip);
	tcp = lb_at(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp));
	if (!tcp)
		return -1;
	*tcp = (struct lb_tcp){.source = segment.destination, .destination = segment.source, .offset = 5 << 4};
	tcp->flags = LB_TCP_RST;
	if (segment.flags & LB_TCP_ACK) {
		tcp->sequence = segment.acknowledgement;
	} else {
		tcp->flags |= LB_TCP_ACK;
		tcp->acknowledgement = lb_htonl(lb_ntohl(segment.sequence) + occupied);
	}
	sum = lb_pseudo_sum(ip->source, ip->destination, LB_IPPROTO_TCP, sizeof(*tcp));
	tcp->checksum =
	    undone ? lb_csum_fold(sum) : ~lb_csum_fold(sum + lb_range_sum(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp)));
	return 0;
}

/* Make the segment the reset that answers it: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_reset(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_tcp *tcp;
	u32 header;
	int undone;

	if (!packet)
		return LB_REASON_NO_ROOM;
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
	undone = lb_plain(ctx);
	if (lb_write_reset(ctx, packet, undone) || lb_trim(ctx, LB_L3 + sizeof(struct lb_ipv4) + sizeof(*tcp)))
		return LB_REASON_NO_ROOM;
	return LB_REASON_RST_SENT;
}

/* Answer a segment that belongs to no connection as the host's own stack would. */
static LB_INLINE struct lb_result lb_tcp_reset(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	int reason = lb_answer_reset(ctx, packet);

	return reason == LB_REASON_RST_SENT ? lb_transmit(reason, lb_ingress(ctx), 0) : lb_drop(reason);
}

#endif
