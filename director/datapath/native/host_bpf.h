/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both eBPF hosts of forward.h share: the tables as maps, time and chance.
 *
 * `struct lb_ctx` is the program's own context here (host_xdp.h and host_tc.h say which), so that the verifier knows it
 * as such in every subprogram. All that is remembered lies in memory-mapped arrays, which user space reads and sweeps
 * in place (ebpf.py, conntable.c); their sizes are set when the programs are loaded. One array has room for two table
 * images, and `lb_shared.active_first` says at which line the one in force begins: an array's look-up is compiled to a
 * few instructions, which that of a map within a map is not. Counters are per CPU: index = CPU * ids + id.
 */
#ifndef LB_HOST_BPF_H
#define LB_HOST_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* Weak: else the compiler would look into a subprogram and leave out arguments that the verifier wants to see. */
#define LB_SUBPROGRAM __attribute__((noinline, weak))

#include "csum.h"
#include "entry.h"
#include "outer.h"
#include "reason.h"
#include "shared.h"
#include "state.h"

enum {
	LB_MS_PER_S = 1000,
	LB_SUM_STRIDE = 64,
	LB_SUM_STRIDES = 1024, /* 64 KiB */
};

#define LB_ARRAY(name, value_type, entries)                                                                            \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__type(key, u32);                                                                                      \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

struct lb_line {
	u8 bytes[LB_LINE];
};

LB_ARRAY(lb_images, struct lb_line, 1);
LB_ARRAY(lb_conns, struct lb_conn, 1);
LB_ARRAY(lb_dests, struct lb_dest_state, LB_MAX_DESTS);
LB_ARRAY(lb_services, struct lb_service_state, LB_MAX_SERVICES);
LB_ARRAY(lb_dest_counts, struct lb_counters, 1);
LB_ARRAY(lb_service_counts, struct lb_counters, 1);
LB_ARRAY(lb_reasons, struct lb_reason_counts, 1);
LB_ARRAY(lb_shared, struct lb_shared, 1);

/* No program looks here: the kernel takes an update of a map of maps only as done when running programs have ended. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(
	    values, struct {
		    __uint(type, BPF_MAP_TYPE_ARRAY);
		    __uint(map_flags, BPF_F_MMAPABLE);
		    __uint(max_entries, 1);
		    __type(key, u32);
		    __type(value, struct lb_shared);
	    });
} lb_grace SEC(".maps");

/* Read a field of the context by its offset from the context: the verifier takes no other way to it. */
#define LB_CTX_WORD(ctx, field)                                                                                        \
	({                                                                                                             \
		u64 word_;                                                                                             \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                                                  \
			     : "=r"(word_)                                                                             \
			     : "r"(ctx), "i"(__builtin_offsetof(struct lb_ctx, field)));                               \
		word_;                                                                                                 \
	})

static LB_INLINE u8 *lb_data(struct lb_ctx *ctx)
{
	return (u8 *)LB_CTX_WORD(ctx, data);
}

static LB_INLINE u8 *lb_data_end(struct lb_ctx *ctx)
{
	return (u8 *)LB_CTX_WORD(ctx, data_end);
}

/* The barriers keep the compiler from merging checks into shapes that the verifier does not recognise. */
static LB_INLINE void *lb_at(struct lb_ctx *ctx, u32 offset, u32 size)
{
	u8 *at = lb_data(ctx) + (offset & 0xff);

	asm volatile("" : "+r"(at));
	if (at + size > lb_data_end(ctx))
		return 0;
	asm volatile("" : "+r"(at));
	return at;
}

/* In a section of its own, which a loader can write as it is. */
const volatile struct lb_load_settings lb_settings SEC(".rodata.settings") = {
    .image_lines = 1024, .set_mask = 1023, .seed = 1};

static LB_INLINE u32 lb_gso_size(struct lb_ctx *ctx);
static LB_INLINE u32 lb_frame_length(struct lb_ctx *ctx);

static LB_INLINE u64 lb_load(const u64 *word)
{
	return *(const volatile u64 *)word;
}

/* Loads are kept in order by the compiler alone: by x86 they are, eBPF has no instruction for it. */
static LB_INLINE void lb_order_loads(void)
{
	asm volatile("" ::: "memory");
}

/* Let a moment pass, in which another CPU gets on. */
static LB_INLINE void lb_pause(void)
{
	bpf_ktime_get_ns();
}

/* eBPF has no store with release order; an exchange has it, and more. */
static LB_INLINE void lb_store(u64 *word, u64 value)
{
	__sync_lock_test_and_set(word, value);
}

static LB_INLINE struct lb_shared *lb_shared_state(void)
{
	u32 only = 0;

	return bpf_map_lookup_elem(&lb_shared, &only);
}

/*
 * The header is the image's in force, and says where the rest of that image is in the array (lb_image_place): what one
 * look-up finds is of one image, also while images are swapped. Constant 0 asks for the header.
 */
static LB_INLINE const void *lb_image_line(struct lb_ctx *ctx, u32 line)
{
	struct lb_shared *shared;

	(void)ctx;
	if (__builtin_constant_p(line) && line == 0) {
		shared = lb_shared_state();
		if (!shared)
			return 0;
		line = shared->active_first;
	}
	return bpf_map_lookup_elem(&lb_images, &line);
}

static LB_INLINE struct lb_conn *lb_conn_at(struct lb_ctx *ctx, u32 index)
{
	(void)ctx;
	return bpf_map_lookup_elem(&lb_conns, &index);
}

static LB_INLINE u32 lb_conn_set_mask(struct lb_ctx *ctx)
{
	(void)ctx;
	return lb_settings.set_mask;
}

static LB_INLINE u64 lb_conn_seed(struct lb_ctx *ctx)
{
	(void)ctx;
	return lb_settings.seed;
}

static LB_INLINE struct lb_dest_state *lb_dest_state(struct lb_ctx *ctx, u32 id)
{
	(void)ctx;
	return bpf_map_lookup_elem(&lb_dests, &id);
}

static LB_INLINE struct lb_service_state *lb_service_state(struct lb_ctx *ctx, u32 id)
{
	(void)ctx;
	return bpf_map_lookup_elem(&lb_services, &id);
}

static LB_INLINE u32 lb_worker(struct lb_ctx *ctx)
{
	(void)ctx;
	return bpf_get_smp_processor_id();
}

static LB_INLINE struct lb_counters *lb_dest_counters(struct lb_ctx *ctx, u32 worker, u32 id)
{
	u32 index = worker * LB_MAX_DESTS + id;

	(void)ctx;
	return id < LB_MAX_DESTS ? bpf_map_lookup_elem(&lb_dest_counts, &index) : 0;
}

static LB_INLINE struct lb_counters *lb_service_counters(struct lb_ctx *ctx, u32 worker, u32 id)
{
	u32 index = worker * LB_MAX_SERVICES + id;

	(void)ctx;
	return id < LB_MAX_SERVICES ? bpf_map_lookup_elem(&lb_service_counts, &index) : 0;
}

static LB_INLINE void lb_count(u32 reason)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct lb_reason_counts *counts = bpf_map_lookup_elem(&lb_reasons, &cpu);

	if (counts)
		counts->of[reason % LB_REASON_ROOM]++;
}

/* A packet's end: what can't be cut into fragments here is dropped, the reason is counted, a test run is told. */
static LB_INLINE void lb_finish(struct lb_ctx *ctx, struct lb_result *result)
{
	struct lb_shared *shared = lb_shared_state();

	if (result->verdict == LB_TRANSMIT && result->mtu && !lb_gso_size(ctx) &&
	    lb_frame_length(ctx) > (u32)result->mtu + LB_ETH_HLEN)
		*result = lb_drop(LB_REASON_NO_FRAGMENTS);
	lb_count(result->reason);
	if (shared && shared->test_now) {
		shared->result_reason = result->reason;
		shared->result_ifindex = result->ifindex;
	}
}

static LB_INLINE u32 *lb_crowded_until(struct lb_ctx *ctx)
{
	struct lb_shared *shared = lb_shared_state();

	(void)ctx;
	return shared ? &shared->crowded_until : 0;
}

static LB_INLINE struct lb_defence *lb_defence(struct lb_ctx *ctx)
{
	struct lb_shared *shared = lb_shared_state();

	(void)ctx;
	return shared ? &shared->defence : 0;
}

static LB_INLINE u32 lb_now(struct lb_ctx *ctx)
{
	struct lb_shared *shared = lb_shared_state();

	(void)ctx;
	if (shared && shared->test_now)
		return shared->test_now;
	return lb_ms(bpf_ktime_get_coarse_ns());
}

static LB_INLINE u32 lb_random(struct lb_ctx *ctx)
{
	(void)ctx;
	return bpf_get_prandom_u32();
}

static LB_INLINE be16 lb_ip_id(struct lb_ctx *ctx)
{
	(void)ctx;
	return bpf_get_prandom_u32();
}

/* One bucket of a second for all CPUs: {second, sent in it}. */
static LB_INLINE int lb_icmp_allow(struct lb_ctx *ctx)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);
	u32 limit = header ? header->icmp_per_second : 0, second = lb_now(ctx) / LB_MS_PER_S;
	struct lb_shared *shared = lb_shared_state();
	u64 old;

	if (limit == 0 || !shared)
		return 1;
	old = lb_load(&shared->icmp_bucket);
	if ((u32)(old >> 32) != second)
		return __sync_bool_compare_and_swap(&shared->icmp_bucket, old, (u64)second << 32 | 1);
	if ((u32)old >= limit)
		return 0;
	return (u32)__sync_fetch_and_add(&shared->icmp_bucket, 1) < limit;
}

struct lb_packet;

/* A checksum that is partial stays so: nothing but the kernel knows of it. */
static LB_INLINE int lb_may_leave_checksum(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	(void)ctx;
	(void)packet;
	return 0;
}

/* The kernel cuts super-frames, and can not be told of a tunnel's checksum. */
static LB_INLINE int lb_sums_segments(struct lb_ctx *ctx)
{
	(void)ctx;
	return 0;
}

/* Write what is between the two IP headers. */
static LB_INLINE int lb_write_tail(struct lb_ctx *ctx, const struct lb_outer *outer)
{
	u32 offset = LB_ETH_HLEN + lb_outer_ip_length(outer);
	be32 *word;

	for (u32 i = 0; i < LB_TAIL_WORDS; i++) {
		if (i * sizeof(*word) >= lb_tail_length(outer))
			break;
		word = lb_at(ctx, offset + i * sizeof(*word), sizeof(*word));
		if (!word)
			return -1;
		*word = outer->tail[i];
	}
	return 0;
}

/* Write the outer header, for which there is room by now. */
static LB_INLINE int lb_write_outer(struct lb_ctx *ctx, const struct lb_outer *outer)
{
	struct lb_ipv4 *ipv4;
	struct lb_ipv6 *ipv6;

	if (outer->family == LB_FAMILY_IPV4) {
		ipv4 = lb_at(ctx, LB_ETH_HLEN, sizeof(*ipv4));
		if (!ipv4)
			return -1;
		*ipv4 = outer->ip.ipv4;
	} else {
		ipv6 = lb_at(ctx, LB_ETH_HLEN, sizeof(*ipv6));
		if (!ipv6)
			return -1;
		*ipv6 = outer->ip.ipv6;
	}
	return outer->kind == LB_TAIL_NONE ? 0 : lb_write_tail(ctx, outer);
}

/* A stride of a sum: the words of the next 64 bytes, of which `left` count. Each host reads its frames its own way. */
LB_SUBPROGRAM u64 lb_sum_stride(struct lb_ctx *ctx, u32 offset, u32 left);

LB_SUBPROGRAM u64 lb_long_sum(struct lb_ctx *ctx, u32 offset, u32 length)
{
	u64 sum = 0;

	for (u32 done = 0; done < LB_SUM_STRIDES * LB_SUM_STRIDE; done += LB_SUM_STRIDE) {
		if (done >= length)
			break;
		sum += lb_sum_stride(ctx, offset + done, length - done);
	}
	return sum;
}

static LB_INLINE u64 lb_range_sum(struct lb_ctx *ctx, u32 offset, u32 length)
{
	const struct lb_ipv4 *ip;

	if (offset + length > lb_frame_length(ctx))
		return 0;
	if (length != sizeof(*ip))
		return lb_long_sum(ctx, offset, length);
	ip = lb_at(ctx, offset, sizeof(*ip)); /* an IP header without options: each frame has one */
	return ip ? lb_ipv4_sum(ip) : 0;
}

#endif
