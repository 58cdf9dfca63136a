/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The director's answers to IPv6 packets: ICMPv6 errors (RFC 4443) and TCP resets.
 *
 * Traffic class and hop limit are a Linux host's. It would also choose a flow label by a secret of its own; here there
 * is none, which says that nothing is known of a flow (RFC 6437 §2).
 */
#ifndef LB_ANSWER_IPV6_H
#define LB_ANSWER_IPV6_H

#include "answer.h"

enum {
	LB_ICMPV6_MAX = 1280, /* of an error's IP packet, RFC 4443 §2.4 (c): the least MTU of IPv6 */
	LB_ICMPV6_ADDED = sizeof(struct lb_ipv6) + sizeof(struct lb_icmp),
};

/* The header of an answer to this packet. */
static LB_INLINE void lb_reply_ipv6(struct lb_ipv6 *ip, const struct lb_packet *packet, const struct lb_addr *source,
				    u8 protocol, u16 payload)
{
	ip->payload_length = lb_htons(payload);
	ip->next_header = protocol;
	ip->hop_limit = LB_REPLY_TTL;
	lb_addr_write(&ip->source, source);
	lb_addr_write(&ip->destination, &packet->key.source);
}

static LB_INLINE int lb_write_icmpv6_error(struct lb_ctx *ctx, const struct lb_packet *packet,
					   const struct lb_icmp_error *error, const struct lb_addr *source, u16 quoted)
{
	u16 length = sizeof(struct lb_icmp) + quoted;
	struct lb_eth *eth = lb_at(ctx, LB_ICMPV6_ADDED, sizeof(*eth));
	struct lb_ipv6 *ip = lb_ipv6_at(ctx, LB_L3);
	struct lb_icmp *icmp = lb_at(ctx, LB_L3 + sizeof(*ip), sizeof(*icmp));
	struct lb_eth arrived;
	u64 sum;

	if (!eth || !ip || !icmp)
		return -1;
	arrived = *eth;
	lb_ipv6_set_class(ip, 0);
	lb_reply_ipv6(ip, packet, source, LB_IPPROTO_ICMPV6, length);
	*icmp =
	    (struct lb_icmp){.type = error->type6, .code = error->code6, .mtu = lb_htons(error->mtu | error->pointer6)};
	sum = lb_pseudo_sum_of(source, &packet->key.source, LB_IPPROTO_ICMPV6, length);
	icmp->checksum = ~lb_csum_fold(sum + lb_range_sum(ctx, LB_L3 + sizeof(*ip), length));
	eth = lb_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return -1;
	lb_eth_turn(eth, &arrived);
	return 0;
}

/* Make the packet the ICMPv6 error that answers it, from this source: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_icmpv6(struct lb_ctx *ctx, const struct lb_packet *packet,
				   const struct lb_icmp_error *error, const struct lb_addr *source)
{
	int forbidden, undone;
	u16 quoted;

	if (!packet || !error || !source)
		return LB_REASON_NO_ROOM;
	forbidden = source->word[0] | source->word[3] ? lb_icmp_forbidden(ctx, packet, error) : error->silent;
	if (forbidden != LB_PARSED)
		return forbidden;
	quoted = packet->length;
	if (quoted > LB_ICMPV6_MAX - LB_ICMPV6_ADDED)
		quoted = LB_ICMPV6_MAX - LB_ICMPV6_ADDED;
	undone = lb_plain(ctx, packet);
	if (lb_unquotable(packet, undone))
		return LB_REASON_CHECKSUM_UNDONE;
	if (lb_trim(ctx, LB_L3 + quoted) || lb_grow(ctx, LB_ICMPV6_ADDED) ||
	    lb_write_icmpv6_error(ctx, packet, error, source, quoted))
		return LB_REASON_NO_ROOM;
	if (undone)
		lb_complete_quote(ctx, packet, LB_ICMPV6_ADDED, quoted);
	return error->sent;
}

/* Turn the segment into the reset that answers it, its checksum as undone. */
static LB_INLINE int lb_write_reset_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet, int undone)
{
	struct lb_tcp *tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	struct lb_ipv6 *ip = lb_ipv6_at(ctx, LB_L3);
	struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));
	struct lb_eth arrived;
	struct lb_tcp segment;
	u64 sum;

	if (!tcp || !ip || !eth)
		return -1;
	segment = *tcp;
	arrived = *eth;
	lb_eth_turn(eth, &arrived);
	lb_ipv6_set_class(ip, lb_ipv6_class(ip) & ~LB_ECN_MASK); /* RFC 3168 §6.1.1 */
	lb_reply_ipv6(ip, packet, &packet->key.destination, LB_IPPROTO_TCP, sizeof(*tcp));
	tcp = lb_at(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp));
	if (!tcp)
		return -1;
	lb_reset_segment(tcp, &segment, lb_segment_occupies(packet, &segment));
	sum = lb_pseudo_sum_of(&packet->key.destination, &packet->key.source, LB_IPPROTO_TCP, sizeof(*tcp));
	tcp->checksum =
	    undone ? lb_csum_fold(sum) : ~lb_csum_fold(sum + lb_range_sum(ctx, LB_L3 + sizeof(*ip), sizeof(*tcp)));
	return 0;
}

/* Make the segment the reset that answers it: the reason it ends for. */
LB_SUBPROGRAM int lb_answer_reset_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	int forbidden, undone;

	if (!packet)
		return LB_REASON_NO_ROOM;
	forbidden = lb_reset_forbidden(ctx, packet);
	if (forbidden != LB_PARSED)
		return forbidden;
	undone = lb_plain(ctx, packet);
	if (lb_write_reset_ipv6(ctx, packet, undone) ||
	    lb_trim(ctx, LB_L3 + sizeof(struct lb_ipv6) + sizeof(struct lb_tcp)))
		return LB_REASON_NO_ROOM;
	return LB_REASON_RST_SENT;
}

#endif
