/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors about a flow follow the flow.
 *
 * An error quotes the packet it is about. Towards a server: the quoted packet is the server's own (VIP to client), so
 * the flow is found by the quoted addresses turned round, and the error goes to that flow's server by its method.
 * Towards a client, NAT only: the quoted packet is client to server, as NAT had rewritten it. With NAT the quoted
 * header is rewritten as well: its IP header with checksum, its port, and not its transport checksum (as in the
 * kernel, since the quote is usually cut off anyway). Errors about a tunnel's own packets: icmp_outer.h.
 */
#ifndef LB_ICMP_H
#define LB_ICMP_H

#include "icmp_open.h"
#include "icmp_outer.h"
#include "xmit.h"

static LB_INLINE int lb_icmp_is_error(const struct lb_packet *packet, u8 type)
{
	if (lb_is_ipv6(packet))
		return !(type & LB_ICMPV6_QUERY);
	return type == LB_ICMP_UNREACHABLE || type == LB_ICMP_QUENCH || type == LB_ICMP_TIME_EXCEEDED;
}

/* Search for the flow that the quoted packet belongs to: its entry's index. */
LB_SUBPROGRAM u32 lb_find_quoted(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_quote *quote)
{
	struct lb_key key = {0};

	if (!packet || !quote)
		return LB_CONN_NOBODY;
	key.family = packet->key.family;
	quote->ip = packet->l4 + sizeof(struct lb_icmp);
	quote->fault = lb_parse_quote(ctx, LB_L3 + (u32)packet->length, quote, &key);
	if (quote->fault != LB_PARSED)
		return LB_CONN_NOBODY;
	quote->port = key.dport;
	return lb_conn_search(ctx, packet->now, &key, lb_key_hash(ctx, &key), &quote->control);
}

/* Describe the packet that an error quotes, turned round, in the error's place. 0: it can't be read. */
LB_SUBPROGRAM int lb_describe_quoted(struct lb_ctx *ctx, struct lb_packet *packet)
{
	struct lb_quote quote = {0};
	struct lb_key key = {0};

	if (!packet)
		return 0;
	key.family = packet->key.family;
	quote.ip = packet->l4 + sizeof(struct lb_icmp);
	if (lb_parse_quote(ctx, LB_L3 + (u32)packet->length, &quote, &key) != LB_PARSED)
		return 0;
	packet->key = key;
	packet->hash = lb_key_hash(ctx, &key);
	return 1;
}

/* An error about no flow we know: open one if that is wanted. LB_PARSED, or the reason why there is none. */
static LB_INLINE int lb_icmp_open(struct lb_ctx *ctx, const struct lb_image_header *image, struct lb_packet *packet,
				  const struct lb_quote *quote, struct lb_found *flow)
{
	const struct lb_options *options = lb_options(ctx, image);
	int fault;

	if (!options || !options->schedule_icmp || quote->fault != LB_PARSED || lb_martian(packet) ||
	    !lb_describe_quoted(ctx, packet))
		return LB_REASON_ICMP_UNRELATED;
	fault = lb_open_described(ctx, image, packet, flow);
	lb_describe_error(ctx, packet);
	return fault;
}

/* Towards a server: the quote's source and the error's destination were the VIP's, and become the server's. */
static LB_INLINE void lb_quote_to_server(struct lb_ipv4 *outer, struct lb_ipv4 *ip, const struct lb_rewrite *change)
{
	lb_csum_replace32(&outer->checksum, outer->destination, change->to);
	outer->destination = change->to;
	lb_csum_replace32(&ip->checksum, ip->source, change->to);
	ip->source = change->to;
}

/* Towards a client: the quote's destination was the server's, and whoever sent the error, the VIP sends it now. */
static LB_INLINE void lb_quote_to_client(struct lb_ipv4 *outer, struct lb_ipv4 *ip, const struct lb_rewrite *change)
{
	lb_csum_replace32(&outer->checksum, outer->source, change->to);
	outer->source = change->to;
	lb_csum_replace32(&ip->checksum, ip->destination, change->to);
	ip->destination = change->to;
}

/* Rewrite the quoted packet's end and the error's own, keeping the ICMP checksum. */
static LB_INLINE int lb_nat_quote_ipv4(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_quote *quote,
				       const struct lb_rewrite *change)
{
	struct lb_icmp *icmp = lb_at(ctx, packet->l4, sizeof(*icmp));
	struct lb_ipv4 *outer = lb_ipv4_at(ctx, LB_L3), *ip = lb_ipv4_at(ctx, quote->ip);
	be16 *ports = lb_at(ctx, quote->ports, 2 * sizeof(*ports));
	int which = change->source ? 1 : 0;
	be16 ip_sum, checksum;
	be32 end;

	if (!icmp || !outer || !ip || !ports)
		return -1;
	checksum = icmp->checksum;
	ip_sum = ip->checksum;
	end = change->source ? ip->destination : ip->source;
	if (change->source)
		lb_quote_to_client(outer, ip, change);
	else
		lb_quote_to_server(outer, ip, change);
	lb_csum_replace16(&checksum, ip_sum, ip->checksum);
	lb_csum_replace32(&checksum, end, change->to);
	lb_csum_replace16(&checksum, ports[which], change->to_port);
	icmp->checksum = checksum;
	ports[which] = change->to_port;
	return 0;
}

/* `end`: the port, and LB_END_SOURCE where the error goes to a client. */
static LB_INLINE int lb_nat_quote(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_quote *quote,
				  const struct lb_addr *to, u32 end)
{
	struct lb_rewrite change = {.to = to->word[0], .to_port = (u16)end, .source = !!(end & LB_END_SOURCE)};

	if (lb_is_ipv6(packet))
		return lb_nat_quote_ipv6(ctx, packet, quote, to, end);
	return lb_nat_quote_ipv4(ctx, packet, quote, &change);
}

static LB_INLINE struct lb_result lb_icmp_to_server(struct lb_ctx *ctx, const struct lb_image_header *image,
						    const struct lb_packet *packet, const struct lb_quote *quote,
						    const struct lb_found *flow)
{
	const struct lb_dest *dest = lb_dest_at(ctx, image, flow->dest);

	if (!dest || !(dest->flags & LB_DEST_PRESENT))
		return lb_drop(LB_REASON_DEST_REMOVED);
	if (lb_found_method(flow) == LB_NAT && packet->ttl > 1 &&
	    lb_nat_quote(ctx, packet, quote, &dest->addr, lb_nat_port(dest, quote->port)))
		return lb_drop(LB_REASON_TRUNCATED);
	lb_count_in(ctx, flow->dest, dest->service, packet->length);
	return lb_xmit_icmp(ctx, packet, dest, lb_found_method(flow));
}

static LB_INLINE struct lb_result lb_icmp_to_client(struct lb_ctx *ctx, const struct lb_image_header *image,
						    const struct lb_packet *packet, const struct lb_quote *quote,
						    const struct lb_found *reply)
{
	const struct lb_dest *dest;
	struct lb_way_back back;

	if (!lb_read_way_back(ctx, packet->now, reply, &back))
		return lb_pass(LB_REASON_ICMP_UNRELATED);
	if (packet->ttl <= 1)
		return lb_drop(LB_REASON_TTL_EXPIRED_SILENT);
	if (lb_nat_quote(ctx, packet, quote, &back.address, back.port | LB_END_SOURCE))
		return lb_drop(LB_REASON_TRUNCATED);
	dest = lb_dest_or_empty(ctx, image, back.flow.dest);
	if (dest->flags & LB_DEST_PRESENT)
		lb_count_out(ctx, back.flow.dest, dest->service, packet->length);
	return lb_xmit_reply(ctx, image, packet, &back, LB_REASON_ICMP_RELATED);
}

static LB_INLINE struct lb_result lb_forward_icmp(struct lb_ctx *ctx, const struct lb_image_header *image,
						  struct lb_packet *packet)
{
	u32 length = packet->length - (packet->l4 - LB_L3);
	struct lb_icmp *icmp = lb_at(ctx, packet->l4, sizeof(*icmp));
	struct lb_quote quote = {0};
	struct lb_found found;
	u32 index;
	int fault;

	if (lb_any_fragment(packet))
		return lb_pass(LB_REASON_FRAGMENT_UNKNOWN);
	if (length < sizeof(*icmp) || !icmp)
		return lb_drop(LB_REASON_TRUNCATED);
	if (!lb_icmp_is_error(packet, icmp->type))
		return lb_pass(LB_REASON_ICMP_QUERY);
	index = lb_find_quoted(ctx, packet, &quote);
	if (quote.fault != LB_PARSED && quote.fault != LB_REASON_ICMP_UNRELATED)
		return lb_drop(quote.fault);
	if (!lb_found_again(ctx, index, quote.control, &found)) {
		fault = lb_icmp_open(ctx, image, packet, &quote, &found);
		if (fault == LB_REASON_ICMP_UNRELATED)
			return lb_forward_outer(ctx, packet, length);
		if (fault != LB_PARSED)
			return lb_drop(fault);
	}
	if (lb_martian(packet))
		return lb_drop(LB_REASON_BAD_SOURCE);
	if (!lb_icmp_valid(ctx, packet, length))
		return lb_drop(LB_REASON_BAD_CHECKSUM);
	if (lb_control_kind(found.control) == LB_CONN_REPLY)
		return lb_icmp_to_client(ctx, image, packet, &quote, &found);
	return lb_icmp_to_server(ctx, image, packet, &quote, &found);
}

#endif
