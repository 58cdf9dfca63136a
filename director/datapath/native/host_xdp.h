/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XDP host of forward.h: a frame at the driver, before the kernel makes anything of it.
 *
 * A frame here is plain: no super-frames, no partial checksums (a sender on a veth that leaves checksums to "hardware"
 * must be told not to, see docs/datapaths.md). XDP is shown frames for other hosts too; they are passed by.
 */
#ifndef LB_HOST_XDP_H
#define LB_HOST_XDP_H

#define lb_ctx xdp_md
#include "host_bpf.h"
#include "parse.h"

static LB_INLINE u32 lb_frame_length(struct lb_ctx *ctx)
{
	return lb_data_end(ctx) - lb_data(ctx);
}

static LB_INLINE int lb_partial(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)ctx;
	(void)packet;
	return 0;
}

static LB_INLINE u32 lb_gso_size(struct lb_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static LB_INLINE int lb_plain(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)ctx;
	(void)packet;
	return 0;
}

static LB_INLINE int lb_grow(struct lb_ctx *ctx, u32 by)
{
	return bpf_xdp_adjust_head(ctx, -(int)by);
}

static LB_INLINE int lb_trim(struct lb_ctx *ctx, u32 length)
{
	u32 now = lb_frame_length(ctx);

	if (length > now)
		return -1;
	return length == now ? 0 : bpf_xdp_adjust_tail(ctx, (int)length - (int)now);
}

/* A stride of a sum: the words of the next 64 bytes, of which `left` count. */
LB_SUBPROGRAM u64 lb_sum_stride(struct lb_ctx *ctx, u32 offset, u32 left)
{
	u8 *at = lb_data(ctx) + (offset & 0x7fff);
	u64 sum = 0;

	for (u32 i = 0; i < LB_SUM_STRIDE; i += 2, at += 2) {
		if (i >= left)
			break;
		if (i + 1 == left) {
			if (at + 1 <= lb_data_end(ctx))
				sum += *at;
			break;
		}
		if (at + 2 > lb_data_end(ctx))
			break;
		sum += *(const be16 *)at;
	}
	return sum;
}

static LB_INLINE void lb_l4_replace(struct lb_ctx *ctx, u32 field, be32 from, be32 to, u32 flags)
{
	be16 *checksum = lb_at(ctx, field, sizeof(*checksum));
	be16 sum;

	if (!checksum)
		return;
	sum = *checksum;
	lb_csum_replace32(&sum, from, to);
	*checksum = sum == 0 && (flags & LB_L4_UDP) ? 0xffff : sum;
}

/* Whether the checksum in an SCTP header is still to be computed. */
static LB_INLINE int lb_crc_undone(struct lb_ctx *ctx, u32 checksum)
{
	(void)ctx;
	(void)checksum;
	return 0;
}

static LB_INLINE int lb_push_outer(struct lb_ctx *ctx, const struct lb_outer *outer)
{
	return lb_grow(ctx, outer->length) ? -1 : lb_write_outer(ctx, outer);
}

static LB_INLINE u32 lb_ingress(struct lb_ctx *ctx)
{
	return LB_CTX_WORD(ctx, ingress_ifindex);
}

#include "forward.h"

/* Whether the frame is addressed to the interface that it came in by. */
static LB_INLINE int lb_for_us(struct lb_ctx *ctx, const struct lb_image_header *image)
{
	const struct lb_link *link = lb_link_find(ctx, image, lb_ingress(ctx));
	const struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));

	return link && eth && lb_mac_equal(link->mac, eth->dst);
}

#endif
