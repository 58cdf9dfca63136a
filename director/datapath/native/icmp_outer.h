/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors about what the director itself sent: a tunnel's outer packet was too large for a way beyond the next hop.
 *
 * Such an error counts if it quotes enough of the packet inside to tell its connection (RFC 1812 §4.3.2.3 asks for that;
 * RFC 792's eight bytes are too few), and if all that it quotes is as this connection's tunnel would have sent it.
 */
#ifndef LB_ICMP_OUTER_H
#define LB_ICMP_OUTER_H

#include "answer.h"
#include "icmp_quote.h"
#include "lookup.h"
#include "path.h"

/* What an outer header is followed by: where it begins, and its protocol. */
struct lb_behind {
	u32 at;
	u8 protocol;
};

/* Read the quoted outer header. 0, or -1 where it is none that the director writes. */
static LB_INLINE int lb_quoted_outer(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_behind *behind)
{
	const struct lb_ipv6 *ipv6;
	const struct lb_ipv4 *ipv4;

	behind->at = packet->l4 + sizeof(struct lb_icmp);
	if (lb_is_ipv6(packet)) {
		ipv6 = lb_ipv6_at(ctx, behind->at);
		if (!ipv6 || ipv6->version_class >> 4 != 6)
			return -1;
		behind->protocol = ipv6->next_header;
		behind->at += sizeof(*ipv6);
		return 0;
	}
	ipv4 = lb_ipv4_at(ctx, behind->at);
	if (!ipv4 || ipv4->version_ihl != 0x45 || (ipv4->fragment & lb_htons(LB_IP_OFFSET)))
		return -1;
	behind->protocol = ipv4->protocol;
	behind->at += sizeof(*ipv4);
	return 0;
}

/* Go past a quoted GRE header. */
static LB_INLINE int lb_quoted_gre(struct lb_ctx *ctx, struct lb_behind *behind)
{
	const struct lb_gre *gre = lb_at(ctx, behind->at, sizeof(*gre));

	if (behind->at > LB_TRANSPORT_MAX || !gre || (gre->flags & ~lb_htons(LB_GRE_CHECKSUM)))
		return -1;
	behind->protocol = gre->type == lb_htons(LB_ETH_P_IP)	  ? LB_IPPROTO_IPIP
			   : gre->type == lb_htons(LB_ETH_P_IPV6) ? LB_IPPROTO_IPV6
								  : 0;
	behind->at += gre->flags ? LB_GRE_SUM_TAIL : LB_GRE_TAIL;
	return 0;
}

/* Go past a quoted UDP and GUE header. */
static LB_INLINE int lb_quoted_gue(struct lb_ctx *ctx, struct lb_behind *behind)
{
	const struct lb_gue *gue = lb_at(ctx, behind->at + sizeof(struct lb_udp), sizeof(*gue));

	if (behind->at > LB_TRANSPORT_MAX || !gue ||
	    (gue->words != 0 && gue->words != sizeof(struct lb_gue_remote) / 4))
		return -1;
	behind->protocol = gue->protocol;
	behind->at += LB_GUE_TAIL + gue->words * 4;
	return 0;
}

/* The family of the packet inside, and where it begins. 0: it can't be seen. */
static LB_INLINE u8 lb_quoted_inner(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_behind *behind)
{
	if (lb_quoted_outer(ctx, packet, behind))
		return 0;
	if (behind->protocol == LB_IPPROTO_GRE && lb_quoted_gre(ctx, behind))
		return 0;
	if (behind->protocol == LB_IPPROTO_UDP && lb_quoted_gue(ctx, behind))
		return 0;
	return behind->protocol == LB_IPPROTO_IPIP   ? LB_FAMILY_IPV4
	       : behind->protocol == LB_IPPROTO_IPV6 ? LB_FAMILY_IPV6
						     : 0;
}

/* Search for the flow of the packet that travelled in the quoted one: its entry's index. */
LB_SUBPROGRAM u32 lb_find_tunnelled(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_quote *quote)
{
	struct lb_behind behind = {0};
	struct lb_key key = {0};
	struct lb_addr client;
	be16 port;

	if (!packet || !quote)
		return LB_CONN_NOBODY;
	key.family = lb_quoted_inner(ctx, packet, &behind);
	/* Routers may cut an IPv4 packet with IPv6 inside: no error about it can be an honest one. */
	if (!key.family || (key.family == LB_FAMILY_IPV6 && !lb_is_ipv6(packet)))
		return LB_CONN_NOBODY;
	quote->ip = behind.at;
	if (lb_parse_quote(ctx, LB_L3 + (u32)packet->length, quote, &key) != LB_PARSED)
		return LB_CONN_NOBODY;
	client = key.destination;
	key.destination = key.source;
	key.source = client;
	port = key.sport;
	key.sport = key.dport;
	key.dport = port;
	return lb_conn_search(ctx, packet->now, &key, lb_key_hash(ctx, &key), &quote->control);
}

/* Whether the quoted outer packet is one from us to this destination. */
static LB_INLINE int lb_quoted_is_ours(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest)
{
	u32 at = packet->l4 + sizeof(struct lb_icmp);
	struct lb_addr source, destination;
	const struct lb_ipv6 *ipv6;
	const struct lb_ipv4 *ipv4;

	if (lb_outer_family(dest) != packet->key.family)
		return 0;
	if (lb_is_ipv6(packet)) {
		ipv6 = lb_ipv6_at(ctx, at);
		if (!ipv6)
			return 0;
		source = lb_addr_read(&ipv6->source);
		destination = lb_addr_read(&ipv6->destination);
	} else {
		ipv4 = lb_ipv4_at(ctx, at);
		if (!ipv4)
			return 0;
		source = lb_addr_ipv4(ipv4->source);
		destination = lb_addr_ipv4(ipv4->destination);
	}
	return lb_addr_equal(&source, &dest->source) && lb_addr_equal(&destination, &dest->addr) &&
	       lb_addr_equal(&packet->key.destination, &dest->source);
}

static LB_INLINE int lb_icmp_says_too_big(const struct lb_packet *packet, const struct lb_icmp *icmp)
{
	if (lb_is_ipv6(packet))
		return icmp->type == LB_ICMPV6_TOO_BIG;
	return icmp->type == LB_ICMP_UNREACHABLE && icmp->code == LB_ICMP_FRAG_NEEDED;
}

/* The MTU that an error tells. */
static LB_INLINE u32 lb_told_mtu(const struct lb_packet *packet, const struct lb_icmp *icmp)
{
	return lb_is_ipv6(packet) && icmp->unused ? 0xffff : lb_ntohs(icmp->mtu);
}

/* Learn a path's MTU from an error about a tunnel's packet of the flow found at this index: 1, or 0 if it tells none. */
LB_SUBPROGRAM int lb_learn_path(struct lb_ctx *ctx, const struct lb_packet *packet, u32 index, u64 control)
{
	const struct lb_icmp *icmp;
	const struct lb_dest *dest;
	struct lb_found flow;

	if (!packet || lb_control_kind(control) != LB_CONN_FLOW || !lb_found_again(ctx, index, control, &flow) ||
	    lb_found_method(&flow) != LB_TUN)
		return 0;
	dest = lb_dest_at(ctx, lb_image(ctx), flow.dest);
	if (!dest || !(dest->flags & LB_DEST_RESOLVED) || !lb_quoted_is_ours(ctx, packet, dest))
		return 0;
	icmp = lb_at(ctx, packet->l4, sizeof(*icmp));
	if (!icmp)
		return 0;
	lb_path_learn(ctx, dest, flow.dest, packet->now, lb_told_mtu(packet, icmp));
	return 1;
}

/*
 * An ICMP error that is about no flow's own packet: about a tunnel's, perhaps. Each step begins from here, since calls
 * within calls have little stack.
 */
static LB_INLINE struct lb_result lb_forward_outer(struct lb_ctx *ctx, const struct lb_packet *packet, u32 length)
{
	const struct lb_icmp *icmp = lb_at(ctx, packet->l4, sizeof(*icmp));
	struct lb_quote quote = {0};
	u32 index;

	if (!icmp || !lb_icmp_says_too_big(packet, icmp))
		return lb_pass(LB_REASON_ICMP_UNRELATED);
	index = lb_find_tunnelled(ctx, packet, &quote);
	if (index == LB_CONN_NOBODY)
		return lb_pass(LB_REASON_ICMP_UNRELATED);
	if (lb_martian(packet))
		return lb_drop(LB_REASON_BAD_SOURCE);
	if (!lb_icmp_valid(ctx, packet, length))
		return lb_drop(LB_REASON_BAD_CHECKSUM);
	return lb_learn_path(ctx, packet, index, quote.control) ? lb_drop(LB_REASON_PATH_LEARNED)
								: lb_pass(LB_REASON_ICMP_UNRELATED);
}

#endif
