/* SPDX-License-Identifier: Apache-2.0 */
/* The quoted packet of an ICMP error of either family: its key, turned round; and whether the error is whole. */
#ifndef LB_ICMP_QUOTE_H
#define LB_ICMP_QUOTE_H

#include "icmp_ipv6.h"

/* Read the quoted header; LB_PARSED, or why not. */
static LB_INLINE int lb_parse_quote_ipv4(struct lb_ctx *ctx, u32 end, struct lb_quote *quote, struct lb_key *key)
{
	const struct lb_ipv4 *ip;
	const be16 *ports;
	u32 header;

	ip = lb_ipv4_at(ctx, quote->ip);
	if (!ip || quote->ip + sizeof(*ip) > end)
		return LB_REASON_TRUNCATED;
	header = (ip->version_ihl & 0xf) * 4;
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip))
		return LB_REASON_BAD_HEADER;
	if ((ip->protocol != LB_IPPROTO_TCP && ip->protocol != LB_IPPROTO_UDP && ip->protocol != LB_IPPROTO_SCTP) ||
	    (ip->fragment & lb_htons(LB_IP_OFFSET)))
		return LB_REASON_ICMP_UNRELATED;
	key->protocol = ip->protocol;
	key->source = lb_addr_ipv4(ip->destination);
	key->destination = lb_addr_ipv4(ip->source);
	quote->ports = quote->ip + header;
	ports = lb_at(ctx, quote->ports, 2 * sizeof(*ports));
	if (quote->ports > LB_TRANSPORT_MAX || !ports || quote->ports + 2 * sizeof(*ports) > end)
		return LB_REASON_TRUNCATED;
	key->sport = ports[1];
	key->dport = ports[0];
	return LB_PARSED;
}

/* Read the header quoted at quote->ip, of the key's family, in a packet that ends there; LB_PARSED, or why not. */
static LB_INLINE int lb_parse_quote(struct lb_ctx *ctx, u32 end, struct lb_quote *quote, struct lb_key *key)
{
	return key->family == LB_FAMILY_IPV6 ? lb_parse_quote_ipv6(ctx, end, quote, key)
					     : lb_parse_quote_ipv4(ctx, end, quote, key);
}

static LB_INLINE int lb_icmp_valid(struct lb_ctx *ctx, const struct lb_packet *packet, u32 length)
{
	if (lb_is_ipv6(packet))
		return lb_icmpv6_valid(ctx, packet);
	return lb_csum_fold(lb_range_sum(ctx, packet->l4, length)) == 0xffff;
}

#endif
