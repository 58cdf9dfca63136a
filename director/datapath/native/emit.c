// SPDX-License-Identifier: Apache-2.0
/* Choose how a frame leaves, and cut fragments. */
#include "emit.h"

enum {
	LB_OPTION_END = 0,
	LB_OPTION_NOP = 1,
	LB_OPTION_COPIED = 0x80, /* the option is in every fragment, RFC 791 §3.1 */
	LB_FRAGMENT_UNIT = 8,
	LB_ID_STEP = 0x9e3779b1, /* odd, so that all identifications come by; each far from the last */
};

/* Blank the options that only the first fragment carries. */
static void lb_blank_options(u8 *options, u32 length)
{
	for (u32 at = 0; at < length && options[at] != LB_OPTION_END;) {
		u32 size = options[at] == LB_OPTION_NOP ? 1 : (at + 1 < length ? options[at + 1] : 0);

		if (size == 0 || (size < 2 && options[at] != LB_OPTION_NOP) || at + size > length)
			return;
		if (!(options[at] & LB_OPTION_COPIED))
			memset(options + at, LB_OPTION_NOP, size);
		at += size;
	}
}

static void lb_header_checksum(u8 *header, u32 length)
{
	struct lb_ipv4 *ip = (struct lb_ipv4 *)header;

	ip->checksum = 0;
	ip->checksum = ~lb_csum_fold(lb_bytes_sum(header, length));
}

/* Write one fragment: the original's headers, and `size` bytes of its payload from `offset` on. */
static int lb_write_fragment(struct lb_sink *sink, u32 ifindex, const u8 *frame, u32 header, u32 offset, u32 size,
			     int more)
{
	static const struct virtio_net_hdr plain;
	u32 length = LB_L3 + header + size;
	u8 *piece = sink->room(sink, length);
	struct lb_ipv4 *ip;
	u16 fragment;

	if (!piece)
		return -1;
	memcpy(piece, frame, LB_L3 + header);
	memcpy(piece + LB_L3 + header, frame + LB_L3 + header + offset, size);
	ip = (struct lb_ipv4 *)(piece + LB_L3);
	fragment = lb_ntohs(ip->fragment) & ~LB_IP_DF;
	if (more)
		fragment |= LB_IP_MF;
	ip->fragment = lb_htons(fragment + offset / LB_FRAGMENT_UNIT);
	ip->total_length = lb_htons(header + size);
	if (offset > 0)
		lb_blank_options(piece + LB_L3 + sizeof(*ip), header - sizeof(*ip));
	lb_header_checksum(piece + LB_L3, header);
	return sink->take(sink, ifindex, piece, length, &plain);
}

/* Write one fragment of an IPv6 packet, whose own header alone, of those before the payload, is in each of them. */
static int lb_write_fragment_ipv6(struct lb_sink *sink, u32 ifindex, const u8 *frame, be32 id, u32 offset, u32 size,
				  int more)
{
	static const struct virtio_net_hdr plain;
	u32 header = LB_L3 + sizeof(struct lb_ipv6), length = header + sizeof(struct lb_extension) + size;
	u8 *piece = sink->room(sink, length);
	struct lb_extension extension = {.fragment = lb_htons(offset | (more ? LB_IPV6_MORE : 0)), .id = id};
	struct lb_ipv6 *ip;

	if (!piece)
		return -1;
	memcpy(piece, frame, header);
	ip = (struct lb_ipv6 *)(piece + LB_L3);
	extension.next_header = ip->next_header;
	ip->next_header = LB_IPPROTO_FRAGMENT;
	ip->payload_length = lb_htons(sizeof(extension) + size);
	memcpy(piece + header, &extension, sizeof(extension));
	memcpy(piece + header + sizeof(extension), frame + header + offset, size);
	return sink->take(sink, ifindex, piece, length, &plain);
}

/* What the director itself has made may be cut; it makes nothing with extension headers. */
static int lb_fragment_ipv6(struct lb_sink *sink, u32 ifindex, const u8 *frame, u32 length, u16 mtu)
{
	static u32 last;
	u32 header = sizeof(struct lb_ipv6) + sizeof(struct lb_extension);
	u32 payload = length - LB_L3 - sizeof(struct lb_ipv6);
	u32 unit = mtu > header ? (mtu - header) / LB_FRAGMENT_UNIT * LB_FRAGMENT_UNIT : 0;
	be32 id = lb_htonl(__atomic_add_fetch(&last, LB_ID_STEP, __ATOMIC_RELAXED));

	if (unit == 0)
		return -1;
	for (u32 offset = 0; offset < payload; offset += unit) {
		u32 size = payload - offset < unit ? payload - offset : unit;

		if (lb_write_fragment_ipv6(sink, ifindex, frame, id, offset, size, offset + size < payload))
			return -1;
	}
	return 0;
}

int lb_fragment(struct lb_sink *sink, u32 ifindex, u8 *frame, u32 length, u16 mtu)
{
	static const struct virtio_net_hdr plain;
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(frame + LB_L3);
	u32 header = (ip->version_ihl & 0xf) * 4, payload = length - LB_L3 - header;
	u32 unit = mtu > header ? (mtu - header) / LB_FRAGMENT_UNIT * LB_FRAGMENT_UNIT : 0;

	if (mtu == 0 || length - LB_L3 <= mtu)
		return sink->take(sink, ifindex, frame, length, &plain);
	if (ip->version_ihl >> 4 == 6)
		return lb_fragment_ipv6(sink, ifindex, frame, length, mtu);
	if (unit == 0)
		return -1;
	for (u32 offset = 0; offset < payload; offset += unit) {
		u32 size = payload - offset < unit ? payload - offset : unit;

		if (lb_write_fragment(sink, ifindex, frame, header, offset, size, offset + size < payload))
			return -1;
	}
	return 0;
}

int lb_emit(struct lb_ctx *ctx, const struct lb_result *result, struct lb_sink *sink)
{
	u32 length = lb_frame_length(ctx);

	if (lb_partial_sctp(ctx)) /* which a packet socket can't say: it would be summed up like TCP's */
		lb_complete_checksum(ctx);
	if (lb_gso_size(ctx) && ctx->outer.length)
		return lb_segment(ctx, result, sink);
	if (lb_gso_size(ctx) || result->mtu == 0 || length - LB_L3 <= result->mtu) {
		/* Only what a sender may say: the rest of the header is a receiver's. */
		ctx->offload.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
		return sink->take(sink, result->ifindex, ctx->data, length, &ctx->offload);
	}
	lb_complete_checksum(ctx);
	return lb_fragment(sink, result->ifindex, ctx->data, length, result->mtu);
}
