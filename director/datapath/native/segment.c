// SPDX-License-Identifier: Apache-2.0
/*
 * Segmentation of tunnelled super-frames.
 *
 * The kernel can cut a super-frame, but not one inside a tunnel that a packet socket sends: its GSO knows only tunnels
 * that a tunnel device made. So it is done here, as a network card would: TCP segments of at most gso_size bytes (fewer
 * where the tunnel's MTU asks for it), UDP datagrams of exactly gso_size, each with its own headers and checksums.
 */
#include "emit.h"

enum { LB_GSO_UDP_L4 = 5 }; /* VIRTIO_NET_HDR_GSO_UDP_L4, missing from older headers */

struct lb_cut {
	struct lb_ctx *ctx;
	const struct lb_result *result;
	u32 inner;   /* inner IP header length, with options or extensions */
	u32 l4;	     /* transport header length */
	u32 size;    /* payload of a segment */
	u32 payload; /* of the super-frame */
	u8 protocol;
};

/* Find the super-frame's headers; negative when they contradict its offload facts. */
static int lb_cut_prepare(struct lb_cut *cut)
{
	struct lb_ctx *ctx = cut->ctx;
	u32 length = lb_frame_length(ctx), type = ctx->offload.gso_type & ~VIRTIO_NET_HDR_GSO_ECN, room;
	u32 tcp_type = ctx->outer.inner_family == LB_FAMILY_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;

	cut->inner = ctx->outer.inner_headers;
	cut->protocol = ctx->outer.inner_protocol;
	cut->size = ctx->offload.gso_size;
	if (cut->protocol == LB_IPPROTO_TCP && type == tcp_type) {
		const struct lb_tcp *tcp = (const struct lb_tcp *)(ctx->data + LB_L3 + cut->inner);

		cut->l4 = (tcp->offset >> 4) * 4;
		if (cut->l4 < sizeof(*tcp))
			return -1;
		room = ctx->outer.length + cut->inner + cut->l4;
		if (cut->result->mtu > room && cut->size > cut->result->mtu - room)
			cut->size = cut->result->mtu - room;
	} else if (cut->protocol == LB_IPPROTO_UDP && (type == VIRTIO_NET_HDR_GSO_UDP || type == LB_GSO_UDP_L4)) {
		cut->l4 = sizeof(struct lb_udp);
	} else {
		return -1;
	}
	if (LB_L3 + cut->inner + cut->l4 > length)
		return -1;
	cut->payload = length - LB_L3 - cut->inner - cut->l4;
	return cut->size == 0 ? -1 : 0;
}

static void lb_cut_tcp(struct lb_tcp *tcp, u32 offset, int last)
{
	tcp->sequence = lb_htonl(lb_ntohl(tcp->sequence) + offset);
	if (!last)
		tcp->flags &= ~(LB_TCP_FIN | LB_TCP_PSH);
	if (offset > 0)
		tcp->flags &= ~LB_TCP_CWR; /* RFC 3168 §6.1.2: once */
	tcp->checksum = 0;
}

/* Fill in what differs from segment to segment in an inner IPv4 header. Returns the sum of its addresses. */
static u64 lb_cut_ipv4(const struct lb_cut *cut, u8 *at, u32 number, u16 length)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)at;

	ip->total_length = lb_htons(cut->inner + length);
	ip->id = lb_htons(lb_ntohs(ip->id) + number);
	ip->checksum = 0;
	ip->checksum = ~lb_csum_fold(lb_bytes_sum(at, cut->inner));
	return (u64)ip->source + ip->destination;
}

static u64 lb_cut_ipv6(const struct lb_cut *cut, u8 *at, u16 length)
{
	struct lb_ipv6 *ip = (struct lb_ipv6 *)at;

	ip->payload_length = lb_htons(cut->inner - sizeof(*ip) + length);
	return lb_bytes_sum((const u8 *)&ip->source, 2 * sizeof(ip->source));
}

/* Fill in what differs from segment to segment, and all checksums. `at` is the inner IP header. */
static void lb_cut_headers(const struct lb_cut *cut, u8 *at, u32 number, u32 offset, u32 size)
{
	u8 *l4 = at + cut->inner;
	u16 length = cut->l4 + size, sum;
	u32 field = cut->protocol == LB_IPPROTO_TCP ? LB_TCP_CHECKSUM : LB_UDP_CHECKSUM;
	u64 addresses = cut->ctx->outer.inner_family == LB_FAMILY_IPV4 ? lb_cut_ipv4(cut, at, number, length)
								       : lb_cut_ipv6(cut, at, length);

	if (cut->protocol == LB_IPPROTO_TCP) {
		lb_cut_tcp((struct lb_tcp *)l4, offset, offset + size == cut->payload);
	} else {
		((struct lb_udp *)l4)->length = lb_htons(length);
		((struct lb_udp *)l4)->checksum = 0;
	}
	sum = ~lb_csum_fold(addresses + lb_pseudo_sum(0, 0, cut->protocol, length) + lb_bytes_sum(l4, length));
	if (sum == 0 && cut->protocol == LB_IPPROTO_UDP)
		sum = 0xffff;
	memcpy(l4 + field, &sum, sizeof(sum));
}

/* Fill in what differs from segment to segment in what is before the packet. `length`: of all of it. */
static void lb_cut_outer(struct lb_outer *outer, u32 number, u16 length)
{
	struct lb_ipv4 *ip = &outer->ip.ipv4;

	if (outer->kind == LB_TAIL_UDP)
		outer->tail[LB_TAIL_UDP_SUM] = lb_htons(length - lb_outer_ip_length(outer));
	if (outer->family == LB_FAMILY_IPV6) {
		outer->ip.ipv6.payload_length = lb_htons(length - sizeof(outer->ip.ipv6));
		return;
	}
	ip->total_length = lb_htons(length);
	if (ip->id != 0)
		ip->id = lb_htons(lb_ntohs(ip->id) + number);
	lb_ipv4_checksum(ip);
}

static int lb_cut_one(const struct lb_cut *cut, struct lb_sink *sink, u32 number, u32 offset)
{
	struct lb_ctx *ctx = cut->ctx;
	u32 size = cut->payload - offset < cut->size ? cut->payload - offset : cut->size;
	u32 headers = cut->inner + cut->l4, length = LB_L3 + ctx->outer.length + headers + size;
	u8 *frame = sink->room(sink, length), *at;
	struct lb_outer outer = ctx->outer;

	if (!frame)
		return -1;
	lb_cut_outer(&outer, number, length - LB_L3);
	memcpy(frame, ctx->data, LB_L3);
	at = frame + LB_L3 + outer.length;
	memcpy(at, ctx->data + LB_L3, headers);
	memcpy(at + headers, ctx->data + LB_L3 + headers + offset, size);
	lb_cut_headers(cut, at, number, offset, size);
	if (outer.summed)
		lb_tail_seal(&outer, lb_bytes_sum(at, headers + size), headers + size);
	lb_write_outer(frame + LB_L3, &outer);
	return lb_fragment(sink, cut->result->ifindex, frame, length, cut->result->mtu);
}

int lb_segment(struct lb_ctx *ctx, const struct lb_result *result, struct lb_sink *sink)
{
	struct lb_cut cut = {.ctx = ctx, .result = result};
	u32 number = 0;

	if (lb_cut_prepare(&cut))
		return -1;
	/* One that carries nothing is a segment, too. */
	do {
		if (lb_cut_one(&cut, sink, number, number * cut.size))
			return -1;
	} while (++number * cut.size < cut.payload);
	ctx->worker->ip_id += number;
	return 0;
}
