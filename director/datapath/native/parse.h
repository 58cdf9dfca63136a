/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a frame to the few facts that forwarding decides by.
 *
 * Bytes are touched through lb_at() only, which each host supplies: it checks that they are there and hands out a
 * pointer, good until the next call that may move the frame (lb_grow, lb_trim, lb_l4_replace, lb_push_outer). Nothing
 * reads past the frame, whatever the frame claims, and what can't be parsed yields a reason.
 */
#ifndef LB_PARSE_H
#define LB_PARSE_H

#include "extension.h"

enum {
	LB_L3 = LB_ETH_HLEN, /* where the IP header begins: an untagged frame */
	LB_PARSED = -1,	     /* no reason against it */
};

/* Addresses and ports of a packet, in the direction it travels. What a connection is found by. */
enum lb_key_kind {
	LB_KEY_FLOW,
	LB_KEY_FRAGMENT,
	LB_KEY_CACHE,	 /* see local.h */
	LB_KEY_TEMPLATE, /* see persist.h */
};

struct lb_key {
	struct lb_addr source;
	struct lb_addr destination;
	be16 sport;
	be16 dport;
	u8 protocol; /* ICMPv6 is LB_IPPROTO_ICMP here, which IPv6 has no other use for */
	u8 family;
	u8 kind; /* enum lb_key_kind: all live in one table */
	u8 unused;
};

struct lb_packet {
	u64 hash; /* of the key */
	struct lb_key key;
	u32 now; /* ms on the data path's clock: one time for all that a packet does */
	be32 id;
	u16 l4;	      /* offset of the transport header */
	u16 length;   /* of the IP packet with its header, bytes */
	u16 fragment; /* flags and offset as IPv4 has them, host order; IPv6 forbids fragments always */
	u8 ttl;	      /* hop limit */
	union {
		u8 tcp_flags;
		u8 sctp_event; /* enum lb_sctp_event */
	};
};

/* What a packet means to an SCTP association: its first chunk, more or less (lb_parse_sctp). */
enum lb_sctp_event {
	LB_SCTP_DATA, /* and all that is neither of the others */
	LB_SCTP_INIT,
	LB_SCTP_INIT_ACK,
	LB_SCTP_COOKIE_ECHO,
	LB_SCTP_COOKIE_ACK,
	LB_SCTP_SHUTDOWN,
	LB_SCTP_SHUTDOWN_ACK,
	LB_SCTP_SHUTDOWN_COMPLETE,
	LB_SCTP_ERROR,
	LB_SCTP_ABORT,
	LB_SCTP_EVENTS,
	LB_SCTP_NO_CHUNK = LB_SCTP_EVENTS, /* it ends before its first chunk does */
};

static LB_INLINE struct lb_ipv4 *lb_ipv4_at(struct lb_ctx *ctx, u32 offset)
{
	return (struct lb_ipv4 *)lb_at(ctx, offset, sizeof(struct lb_ipv4));
}

static LB_INLINE struct lb_ipv6 *lb_ipv6_at(struct lb_ctx *ctx, u32 offset)
{
	return (struct lb_ipv6 *)lb_at(ctx, offset, sizeof(struct lb_ipv6));
}

static LB_INLINE int lb_is_ipv6(const struct lb_packet *packet)
{
	return packet->key.family == LB_FAMILY_IPV6;
}

static LB_INLINE int lb_later_fragment(const struct lb_packet *packet)
{
	return (packet->fragment & LB_IP_OFFSET) != 0;
}

static LB_INLINE int lb_any_fragment(const struct lb_packet *packet)
{
	return (packet->fragment & (LB_IP_OFFSET | LB_IP_MF)) != 0;
}

static LB_INLINE struct lb_addr lb_addr_ipv4(be32 address)
{
	return (struct lb_addr){.word = {address}};
}

/* Check the IPv4 header as a router must (RFC 1812 §5.2.2). */
static LB_INLINE int lb_parse_ipv4(struct lb_ctx *ctx, struct lb_packet *packet, const struct lb_ipv4 *ip)
{
	u32 header;

	header = (ip->version_ihl & 0xf) * 4;
	packet->length = lb_ntohs(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || packet->length < header)
		return LB_REASON_BAD_HEADER;
	if (lb_frame_length(ctx) < LB_L3 + (u32)packet->length)
		return LB_REASON_TRUNCATED;
	packet->key.family = LB_FAMILY_IPV4;
	packet->key.protocol = ip->protocol;
	packet->key.source = lb_addr_ipv4(ip->source);
	packet->key.destination = lb_addr_ipv4(ip->destination);
	packet->fragment = lb_ntohs(ip->fragment);
	packet->id = ip->id;
	packet->ttl = ip->ttl;
	packet->l4 = LB_L3 + header;
	return LB_PARSED;
}

/* Whether the IPv4 header's checksum holds; it covers the options too. */
static LB_INLINE int lb_ipv4_valid(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	const struct lb_ipv4 *ip = lb_ipv4_at(ctx, LB_L3);
	u32 header = packet->l4 - LB_L3;

	if (header == sizeof(*ip))
		return ip && lb_csum_fold_words(lb_ipv4_sum(ip)) == 0xffff;
	return lb_csum_fold(lb_range_sum(ctx, LB_L3, header)) == 0xffff;
}

/* A source that no other host can have (RFC 1812 §5.3.7): Linux drops such packets before IPVS sees them. */
static LB_INLINE int lb_martian_ipv4(be32 address)
{
	u32 source = lb_ntohl(address);

	return source == 0 || source == 0xffffffff || source >> 24 == 127 || source >> 28 == 0xe;
}

/* Unspecified, loopback and multicast (RFC 4291 §2), and an IPv4 address in IPv6's form, which Linux takes for none. */
static LB_INLINE int lb_martian_ipv6(const struct lb_addr *source)
{
	u32 last = lb_ntohl(source->word[3]);

	if ((source->word[0] | source->word[1]) == 0 &&
	    (source->word[2] == lb_htonl(0xffff) || (source->word[2] == 0 && last <= 1)))
		return 1;
	return (source->word[0] & lb_htonl(0xff000000)) == lb_htonl(0xff000000);
}

static LB_INLINE int lb_martian(const struct lb_packet *packet)
{
	const struct lb_addr *source = &packet->key.source;

	return lb_addr_equal(source, &packet->key.destination) ||
	       (lb_is_ipv6(packet) ? lb_martian_ipv6(source) : lb_martian_ipv4(source->word[0]));
}

/* Events of chunks by type, RFC 9260 §3.2. Not of 16 bytes: clang keeps such apart, where eBPF's BTF misses them. */
static const u8 lb_sctp_events[15] = {
    [1] = LB_SCTP_INIT,		[2] = LB_SCTP_INIT_ACK,	    [6] = LB_SCTP_ABORT,
    [7] = LB_SCTP_SHUTDOWN,	[8] = LB_SCTP_SHUTDOWN_ACK, [9] = LB_SCTP_ERROR,
    [10] = LB_SCTP_COOKIE_ECHO, [11] = LB_SCTP_COOKIE_ACK,  [14] = LB_SCTP_SHUTDOWN_COMPLETE,
};

static LB_INLINE u8 lb_sctp_event_of(u8 type)
{
	return type < sizeof(lb_sctp_events) ? lb_sctp_events[type] : LB_SCTP_DATA;
}

/*
 * Read an SCTP packet's ports and what it means; `end` is where the packet ends. A cookie's chunk may be followed by an
 * ABORT, which then counts: it stands where the cookie ends, maybe farther away than lb_at() reaches.
 */
LB_SUBPROGRAM int lb_parse_sctp(struct lb_ctx *ctx, struct lb_packet *packet, u32 end)
{
	const struct lb_chunk *chunk;
	const struct lb_sctp *sctp;
	u32 next;

	if (!packet)
		return LB_REASON_TRUNCATED;
	sctp = lb_at(ctx, packet->l4, 2 * sizeof(be16));
	if (!sctp || packet->l4 + 2 * sizeof(be16) > end)
		return LB_REASON_TRUNCATED;
	packet->key.sport = sctp->source;
	packet->key.dport = sctp->destination;
	packet->sctp_event = LB_SCTP_NO_CHUNK;
	chunk = lb_at(ctx, packet->l4 + sizeof(*sctp), sizeof(*chunk));
	if (!chunk || packet->l4 + sizeof(*sctp) + sizeof(*chunk) > end)
		return LB_PARSED;
	packet->sctp_event = lb_sctp_event_of(chunk->type);
	if (packet->sctp_event != LB_SCTP_COOKIE_ECHO && packet->sctp_event != LB_SCTP_COOKIE_ACK)
		return LB_PARSED;
	next = lb_ntohs(chunk->length);
	if (next < sizeof(*chunk))
		return LB_PARSED;
	next = packet->l4 + sizeof(*sctp) + ((next + 3) & ~3U);
	if (next + sizeof(*chunk) <= end &&
	    lb_sctp_event_of((u8)lb_range_sum(ctx, next, sizeof(be16))) == LB_SCTP_ABORT)
		packet->sctp_event = LB_SCTP_ABORT;
	return LB_PARSED;
}

/* Read the ports, and TCP's flags. A later fragment has none of them. */
static LB_INLINE int lb_parse_ports(struct lb_ctx *ctx, struct lb_packet *packet)
{
	u32 header = packet->key.protocol == LB_IPPROTO_TCP ? sizeof(struct lb_tcp) : sizeof(struct lb_udp);
	struct lb_udp *udp;
	struct lb_tcp *tcp;

	if (packet->l4 + header > LB_L3 + (u32)packet->length)
		return LB_REASON_TRUNCATED;
	udp = lb_at(ctx, packet->l4, sizeof(*udp));
	if (!udp)
		return LB_REASON_TRUNCATED;
	packet->key.sport = udp->source;
	packet->key.dport = udp->destination;
	if (packet->key.protocol != LB_IPPROTO_TCP)
		return LB_PARSED;
	tcp = lb_at(ctx, packet->l4, sizeof(*tcp));
	if (!tcp)
		return LB_REASON_TRUNCATED;
	packet->tcp_flags = tcp->flags;
	return LB_PARSED;
}

/* What a frame begins with: looked up once, since each look-up costs a check. */
struct lb_start {
	struct lb_eth eth;
	struct lb_ipv4 ip;
} LB_WIRE;

/* Of a frame too short for an IP header. */
static LB_INLINE int lb_parse_short(struct lb_ctx *ctx)
{
	const struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));

	return eth && eth->type != lb_htons(LB_ETH_P_IP) && eth->type != lb_htons(LB_ETH_P_IPV6) ? LB_REASON_NOT_IP
												 : LB_REASON_TRUNCATED;
}

/* Read what follows the IP header, by its protocol. */
static LB_INLINE int lb_parse_transport(struct lb_ctx *ctx, struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_ICMP)
		return LB_PARSED;
	if (packet->key.protocol != LB_IPPROTO_TCP && packet->key.protocol != LB_IPPROTO_UDP) {
		if (packet->key.protocol != LB_IPPROTO_SCTP)
			return LB_REASON_NOT_BALANCED;
		return lb_later_fragment(packet) ? LB_PARSED : lb_parse_sctp(ctx, packet, LB_L3 + (u32)packet->length);
	}
	return lb_later_fragment(packet) ? LB_PARSED : lb_parse_ports(ctx, packet);
}

/* Check the IPv6 header, and find the transport header. */
static LB_INLINE int lb_parse_ipv6_header(struct lb_ctx *ctx, struct lb_packet *packet, struct lb_headers *headers)
{
	const struct lb_ipv6 *ip = lb_ipv6_at(ctx, LB_L3);
	u32 length;

	if (!ip)
		return LB_REASON_TRUNCATED;
	length = sizeof(*ip) + lb_ntohs(ip->payload_length);
	if (ip->version_class >> 4 != 6 || length > 0xffff)
		return LB_REASON_BAD_HEADER;
	if (lb_frame_length(ctx) < LB_L3 + length)
		return LB_REASON_TRUNCATED;
	packet->length = length;
	packet->ttl = ip->hop_limit;
	packet->key.source = lb_addr_read(&ip->source);
	packet->key.destination = lb_addr_read(&ip->destination);
	*headers = (struct lb_headers){
	    .at = LB_L3 + sizeof(*ip), .end = LB_L3 + length, .fragment = LB_IP_DF, .protocol = ip->next_header};
	return lb_pass_extensions(ctx, headers);
}

/* A later fragment may say that it has another protocol than its first: RFC 8200 §4.5 tells them by addresses and id. */
LB_SUBPROGRAM int lb_parse_ipv6(struct lb_ctx *ctx, struct lb_packet *packet)
{
	struct lb_headers headers;
	int fault;

	if (!packet)
		return LB_REASON_TRUNCATED;
	fault = lb_parse_ipv6_header(ctx, packet, &headers);
	if (fault)
		return fault;
	packet->key.family = LB_FAMILY_IPV6;
	packet->key.protocol = headers.protocol;
	packet->l4 = headers.at;
	packet->fragment = headers.fragment;
	packet->id = headers.id;
	if (lb_later_fragment(packet)) {
		packet->key.protocol = LB_IPPROTO_FRAGMENT;
		return LB_PARSED;
	}
	if (headers.protocol == LB_IPPROTO_ICMP)
		return LB_REASON_NOT_BALANCED;
	if (headers.protocol == LB_IPPROTO_ICMPV6)
		packet->key.protocol = LB_IPPROTO_ICMP;
	return lb_parse_transport(ctx, packet);
}

/*
 * Parse down to the ports. LB_PARSED, or the enum lb_reason why the frame is none of ours, unless its IP header's
 * checksum is wrong: lb_ipv4_valid() judges that, for all of IPv4 family.
 */
static LB_INLINE int lb_parse(struct lb_ctx *ctx, struct lb_packet *packet)
{
	const struct lb_start *start = lb_at(ctx, 0, sizeof(*start));
	int fault;

	if (!start)
		return lb_parse_short(ctx);
	if (start->eth.type == lb_htons(LB_ETH_P_IPV6))
		return lb_parse_ipv6(ctx, packet);
	if (start->eth.type != lb_htons(LB_ETH_P_IP))
		return LB_REASON_NOT_IP;
	fault = lb_parse_ipv4(ctx, packet, &start->ip);
	return fault == LB_PARSED ? lb_parse_transport(ctx, packet) : fault;
}

/* A reason that parsing gave, as a result: left to the stack, or dropped. */
static LB_INLINE struct lb_result lb_unparsed(int reason)
{
	int pass = reason == LB_REASON_NOT_IP || reason == LB_REASON_NOT_BALANCED || reason == LB_REASON_EXTENSIONS;

	return pass ? lb_pass(reason) : lb_drop(reason);
}

#endif
