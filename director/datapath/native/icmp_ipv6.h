/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quoted packet of an ICMPv6 error: how its flow is found, and how NAT rewrites it.
 *
 * As icmp.h does for IPv4; but ICMPv6's checksum covers the error's own addresses, too, and a quoted IPv6 header has no
 * checksum of its own.
 */
#ifndef LB_ICMP_IPV6_H
#define LB_ICMP_IPV6_H

#include "nat_ipv6.h"

enum {
	LB_ICMPV6_QUERY = 0x80, /* the types from here on are no errors, RFC 4443 §2.1 */
};

/* The quoted packet: offsets of its headers, and what its flow's entry was found with. */
struct lb_quote {
	u64 control;
	u16 ip;
	u16 ports;
	be16 port; /* the VIP's: where its quoted packet came from */
	s16 fault; /* LB_PARSED, or the enum lb_reason why it can't be read */
};

/* Read the quoted header and the key that its flow is found by; LB_PARSED, or why not. */
static LB_INLINE int lb_parse_quote_ipv6(struct lb_ctx *ctx, u32 end, struct lb_quote *quote, struct lb_key *key)
{
	struct lb_headers headers = {.end = end};
	const struct lb_ipv6 *ip;
	const be16 *ports;
	int fault;

	ip = lb_ipv6_at(ctx, quote->ip);
	if (quote->ip > LB_TRANSPORT_MAX || !ip || quote->ip + sizeof(*ip) > headers.end)
		return LB_REASON_TRUNCATED;
	if (ip->version_class >> 4 != 6)
		return LB_REASON_BAD_HEADER;
	key->source = lb_addr_read(&ip->destination);
	key->destination = lb_addr_read(&ip->source);
	headers.at = quote->ip + sizeof(*ip);
	headers.protocol = ip->next_header;
	fault = lb_pass_extensions(ctx, &headers);
	if (fault)
		return fault == LB_REASON_EXTENSIONS ? LB_REASON_ICMP_UNRELATED : fault;
	if ((headers.protocol != LB_IPPROTO_TCP && headers.protocol != LB_IPPROTO_UDP &&
	     headers.protocol != LB_IPPROTO_SCTP) ||
	    (headers.fragment & LB_IP_OFFSET))
		return LB_REASON_ICMP_UNRELATED;
	key->protocol = headers.protocol;
	quote->ports = headers.at;
	ports = lb_at(ctx, quote->ports, 2 * sizeof(*ports));
	if (!ports || quote->ports + 2 * sizeof(*ports) > headers.end)
		return LB_REASON_TRUNCATED;
	key->sport = ports[1];
	key->dport = ports[0];
	return LB_PARSED;
}

/* Whether the checksum of an ICMPv6 message holds. */
LB_SUBPROGRAM int lb_icmpv6_valid(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	u16 length;
	u64 sum;

	if (!packet)
		return 0;
	length = packet->length - (packet->l4 - LB_L3);
	sum = lb_pseudo_sum_of(&packet->key.source, &packet->key.destination, LB_IPPROTO_ICMPV6, length);
	return lb_csum_fold(sum + lb_range_sum(ctx, packet->l4, length)) == 0xffff;
}

/*
 * Rewrite the quoted packet's end and the error's own, keeping the ICMP checksum. `end`: the port, and LB_END_SOURCE
 * where the error goes to a client: then its source, and what it quotes as destination, were the server's.
 */
LB_SUBPROGRAM int lb_nat_quote_ipv6(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_quote *quote,
				    const struct lb_addr *to, u32 end)
{
	int back = !!(end & LB_END_SOURCE);
	struct lb_wire_addr *quoted, *own;
	struct lb_ipv6 *outer, *ip;
	struct lb_icmp *icmp;
	be16 *ports, *port, sum;

	if (!packet || !quote || !to)
		return -1;
	icmp = lb_at(ctx, packet->l4, sizeof(*icmp));
	outer = lb_ipv6_at(ctx, LB_L3);
	ip = lb_ipv6_at(ctx, quote->ip);
	ports = lb_at(ctx, quote->ports, 2 * sizeof(*ports));
	if (!icmp || !outer || !ip || !ports)
		return -1;
	sum = icmp->checksum;
	quoted = &ip->source;
	own = &outer->destination;
	port = &ports[0];
	if (back) {
		quoted = &ip->destination;
		own = &outer->source;
		port = &ports[1];
		LB_APART(quoted);
		LB_APART(own);
		LB_APART(port);
	}
	for (int i = 0; i < 4; i++) {
		lb_csum_replace32(&sum, lb_end_address(packet, end)->word[i], to->word[i]);
		lb_csum_replace32(&sum, quoted->word[i], to->word[i]);
	}
	lb_csum_replace16(&sum, *port, (u16)end);
	icmp->checksum = sum;
	*port = (u16)end;
	lb_addr_write(own, to);
	lb_addr_write(quoted, to);
	return 0;
}

#endif
