/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user-space host of forward.h: one frame in a buffer, and the tables in plain memory.
 *
 * A frame may lack its transport checksum (partial: the field holds the pseudo-header's sum, the rest is due when the
 * frame leaves) and may be a super-frame (GSO). Both facts are virtio_net_hdr's and travel beside the bytes.
 */
#ifndef LB_HOST_USER_H
#define LB_HOST_USER_H

#include <linux/virtio_net.h>
#include <sched.h>
#include <string.h>

/* eBPF keeps subprograms apart since its verifier checks each once; a compiler takes a tenth of the time, too. */
#define LB_SUBPROGRAM static __attribute__((noinline, unused))

#include "crc.h"
#include "csum.h"
#include "datapath.h"
#include "entry.h"
#include "outer.h"

struct lb_ctx {
	u8 *data, *end; /* the frame, from the Ethernet header on */
	u8 *low, *high; /* the buffer that it may grow in */
	u32 ifindex;
	u32 now;
	struct virtio_net_hdr offload; /* all zero: a whole, plain frame */
	struct lb_outer outer; /* of a tunnelled super-frame: put before each segment when it leaves; length 0: none */
	const struct lb_image *image;
	struct lb_datapath *datapath;
	struct lb_worker_state *worker;
};

static LB_INLINE u64 lb_load(const u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static LB_INLINE void lb_order_loads(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static LB_INLINE void lb_pause(void)
{
	sched_yield();
}

static LB_INLINE void lb_store(u64 *word, u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static LB_INLINE u32 lb_frame_length(struct lb_ctx *ctx)
{
	return (u32)(ctx->end - ctx->data);
}

static LB_INLINE void *lb_at(struct lb_ctx *ctx, u32 offset, u32 size)
{
	return offset + size <= lb_frame_length(ctx) ? ctx->data + offset : 0;
}

static LB_INLINE int lb_needs_checksum(const struct lb_ctx *ctx)
{
	return ctx->offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
}

struct lb_packet;

static LB_INLINE int lb_partial(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)packet;
	return lb_needs_checksum(ctx);
}

static LB_INLINE u32 lb_gso_size(struct lb_ctx *ctx)
{
	return ctx->offload.gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : ctx->offload.gso_size;
}

/* Whether a partial checksum may be left as it is, for the far end of a tunnel to complete. */
static LB_INLINE int lb_may_leave_checksum(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)packet;
	return lb_needs_checksum(ctx) && !lb_gso_size(ctx);
}

/* Whether each segment of a tunnelled super-frame gets a tunnel's checksum of its own. */
static LB_INLINE int lb_sums_segments(struct lb_ctx *ctx)
{
	(void)ctx;
	return 1;
}

static LB_INLINE int lb_plain(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)packet;
	memset(&ctx->offload, 0, sizeof(ctx->offload));
	return 0;
}

static LB_INLINE int lb_grow(struct lb_ctx *ctx, u32 by)
{
	if ((u32)(ctx->data - ctx->low) < by)
		return -1;
	ctx->data -= by;
	return 0;
}

static LB_INLINE int lb_trim(struct lb_ctx *ctx, u32 length)
{
	if (length > lb_frame_length(ctx))
		return -1;
	ctx->end = ctx->data + length;
	return 0;
}

/* Sum `length` bytes as 16-bit words in memory order; an odd last byte counts as if a zero followed. */
static inline u64 lb_bytes_sum(const u8 *at, u32 length)
{
	u64 sum = 0;
	u32 word;
	u16 half;

	for (; length >= sizeof(word); at += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	if (length >= sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		sum += half;
		at += sizeof(half);
		length -= sizeof(half);
	}
	return length ? sum + *at : sum;
}

static LB_INLINE u64 lb_range_sum(struct lb_ctx *ctx, u32 offset, u32 length)
{
	if (offset + length > lb_frame_length(ctx))
		return 0;
	return lb_bytes_sum(ctx->data + offset, length);
}

/* The CRC32c of these bytes, RFC 9260 appendix A. */
static inline u32 lb_crc(const u8 *at, u32 length)
{
	u32 crc = ~0U;

	for (u32 i = 0; i < length; i++) {
		crc ^= at[i];
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (LB_CRC32C & -(crc & 1));
	}
	return ~crc;
}

/* Whether the partial checksum, which the kernel knows by its place alone, is SCTP's: as no other it is 8 bytes in. */
static LB_INLINE int lb_partial_sctp(struct lb_ctx *ctx)
{
	return lb_needs_checksum(ctx) && ctx->offload.csum_offset == offsetof(struct lb_sctp, checksum);
}

/* Whether the checksum in an SCTP header is still to be computed. */
static LB_INLINE int lb_crc_undone(struct lb_ctx *ctx, u32 checksum)
{
	(void)checksum;
	return lb_partial_sctp(ctx);
}

static inline void lb_complete_crc(struct lb_ctx *ctx, u32 start, u32 field)
{
	u32 crc = 0;

	if (field + sizeof(crc) > lb_frame_length(ctx))
		return;
	memcpy(ctx->data + field, &crc, sizeof(crc));
	crc = lb_crc(ctx->data + start, lb_frame_length(ctx) - start);
	memcpy(ctx->data + field, &crc, sizeof(crc));
}

/* The length of an IP header, without extension headers. */
static LB_INLINE u32 lb_header_length(const u8 *header)
{
	return *header >> 4 == 6 ? (u32)sizeof(struct lb_ipv6) : (*header & 0xf) * 4U;
}

/*
 * Compute a partial checksum in full, so that the frame may change its shape. The offload facts may lie: the field must
 * be behind the IP header, which others have read already, and inside the frame.
 */
static inline void lb_complete_checksum(struct lb_ctx *ctx)
{
	u32 start = ctx->offload.csum_start, field = start + ctx->offload.csum_offset;
	int is_sctp = lb_partial_sctp(ctx);
	u16 sum;

	if (!lb_needs_checksum(ctx))
		return;
	ctx->offload.flags = 0;
	if (start < LB_ETH_HLEN + lb_header_length(ctx->data + LB_ETH_HLEN) ||
	    field + sizeof(sum) > lb_frame_length(ctx))
		return;
	if (is_sctp) {
		lb_complete_crc(ctx, start, field);
		return;
	}
	sum = ~lb_csum_fold(lb_bytes_sum(ctx->data + start, lb_frame_length(ctx) - start));
	if (sum == 0 && ctx->offload.csum_offset == offsetof(struct lb_udp, checksum))
		sum = 0xffff;
	memcpy(ctx->data + field, &sum, sizeof(sum));
}

static LB_INLINE void lb_l4_replace(struct lb_ctx *ctx, u32 field, be32 from, be32 to, u32 flags)
{
	/* A partial checksum elsewhere is that of a packet within the packet. */
	int partial = lb_needs_checksum(ctx) && ctx->offload.csum_start + ctx->offload.csum_offset == field;
	be16 sum;

	if (field + sizeof(sum) > lb_frame_length(ctx))
		return;
	memcpy(&sum, ctx->data + field, sizeof(sum));
	if (!partial)
		lb_csum_replace32(&sum, from, to);
	else if (flags & LB_L4_PSEUDO)
		sum = lb_csum_fold((u64)sum + (u32)~from + to); /* not complemented: it is still being summed up */
	if (sum == 0 && (flags & LB_L4_UDP) && !partial)
		sum = 0xffff;
	memcpy(ctx->data + field, &sum, sizeof(sum));
}

static LB_INLINE void lb_write_outer(u8 *at, const struct lb_outer *outer)
{
	u32 header = lb_outer_ip_length(outer);

	memcpy(at, &outer->ip, header);
	memcpy(at + header, outer->tail, lb_tail_length(outer));
}

static LB_INLINE int lb_push_outer(struct lb_ctx *ctx, const struct lb_outer *outer)
{
	if (lb_gso_size(ctx)) {
		ctx->outer = *outer;
		return 0;
	}
	lb_complete_checksum(ctx);
	if (lb_grow(ctx, outer->length))
		return -1;
	lb_write_outer(ctx->data + LB_ETH_HLEN, outer);
	return 0;
}

static LB_INLINE const void *lb_image_line(struct lb_ctx *ctx, u32 line)
{
	return line < ctx->image->lines ? ctx->image->bytes + (size_t)line * LB_LINE : 0;
}

static LB_INLINE struct lb_conn *lb_conn_at(struct lb_ctx *ctx, u32 index)
{
	return index < ctx->datapath->sets * LB_WAYS ? &ctx->datapath->conns[index] : 0;
}

static LB_INLINE u32 lb_conn_set_mask(struct lb_ctx *ctx)
{
	return ctx->datapath->sets - 1;
}

static LB_INLINE u64 lb_conn_seed(struct lb_ctx *ctx)
{
	return ctx->datapath->seed;
}

static LB_INLINE struct lb_dest_state *lb_dest_state(struct lb_ctx *ctx, u32 id)
{
	return id < LB_MAX_DESTS ? &ctx->datapath->dests[id] : 0;
}

static LB_INLINE struct lb_service_state *lb_service_state(struct lb_ctx *ctx, u32 id)
{
	return id < LB_MAX_SERVICES ? &ctx->datapath->services[id] : 0;
}

static LB_INLINE u32 lb_worker(struct lb_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static LB_INLINE struct lb_counters *lb_dest_counters(struct lb_ctx *ctx, u32 worker, u32 id)
{
	(void)worker;
	return id < LB_MAX_DESTS ? &ctx->worker->dests[id] : 0;
}

static LB_INLINE struct lb_counters *lb_service_counters(struct lb_ctx *ctx, u32 worker, u32 id)
{
	(void)worker;
	return id < LB_MAX_SERVICES ? &ctx->worker->services[id] : 0;
}

static LB_INLINE u32 *lb_crowded_until(struct lb_ctx *ctx)
{
	return &ctx->datapath->crowded_until;
}

static LB_INLINE struct lb_defence *lb_defence(struct lb_ctx *ctx)
{
	return ctx->datapath->defence;
}

static LB_INLINE u32 lb_now(struct lb_ctx *ctx)
{
	return ctx->now;
}

static LB_INLINE u32 lb_ingress(struct lb_ctx *ctx)
{
	return ctx->ifindex;
}

/* 32 bits that follow from the seed, the worker and how many there were before. */
static LB_INLINE u32 lb_random(struct lb_ctx *ctx)
{
	u64 number = (u64)(ctx->worker - ctx->datapath->worker) << 48 | ++ctx->worker->drawn;

	return (u32)(lb_mix(lb_mix(ctx->datapath->seed, number), number) >> 32);
}

static LB_INLINE be16 lb_ip_id(struct lb_ctx *ctx)
{
	return lb_htons(++ctx->worker->ip_id);
}

/* One bucket of a second for all workers: {second, sent in it}. */
static LB_INLINE int lb_icmp_allow(struct lb_ctx *ctx)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);
	u32 limit = header ? header->icmp_per_second : 0, second = ctx->now / 1000;
	u64 *bucket = &ctx->datapath->icmp_bucket, old = __atomic_load_n(bucket, __ATOMIC_RELAXED);

	if (limit == 0)
		return 1;
	if ((u32)(old >> 32) != second)
		return __sync_bool_compare_and_swap(bucket, old, (u64)second << 32 | 1);
	return (u32)old < limit && (u32)__sync_add_and_fetch(bucket, 1) <= limit;
}

#include "forward.h"

#endif
