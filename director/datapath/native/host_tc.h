/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tc host of forward.h: a classifier at an interface's ingress, where a frame is a packet buffer of the kernel's.
 *
 * Super-frames stay whole, also in a tunnel, and checksums that a sender left to "hardware" stay partial: the kernel's
 * helpers for checksums and room keep its books. Only the first bytes of a frame need lie in one piece; the program
 * pulls together what headers need, and sums the rest piece by piece.
 */
#ifndef LB_HOST_TC_H
#define LB_HOST_TC_H

#define lb_ctx __sk_buff
#include "host_bpf.h"
#include "parse.h"

enum {
	LB_PULL = 14 + 60 + 8 + 60 + 8, /* Ethernet, IP, ICMP, and a quoted packet's IP and ports, at their longest */
	LB_PULL_IPV6 = 256,		/* as far as lb_at() goes: extension headers may be long */
	LB_REPLACE_WORD = 4,
};

static LB_INLINE u32 lb_frame_length(struct lb_ctx *ctx)
{
	return LB_CTX_WORD(ctx, len);
}

static LB_INLINE u32 lb_gso_size(struct lb_ctx *ctx)
{
	return LB_CTX_WORD(ctx, gso_size);
}

static LB_INLINE int lb_grow(struct lb_ctx *ctx, u32 by)
{
	return bpf_skb_change_head(ctx, by, 0);
}

static LB_INLINE int lb_trim(struct lb_ctx *ctx, u32 length)
{
	u32 now = lb_frame_length(ctx);

	if (length > now)
		return -1;
	return length == now ? 0 : bpf_skb_change_tail(ctx, length, 0);
}

/* A stride of a sum: the words of the next 64 bytes, of which `left` count. */
LB_SUBPROGRAM u64 lb_sum_stride(struct lb_ctx *ctx, u32 offset, u32 left)
{
	be16 words[LB_SUM_STRIDE / 2] = {0};
	u64 sum = 0;

	if (left == 0)
		return 0;
	/* An older verifier learns nothing from a test for 0: this shape tells it that it is 1 to 64 bytes. */
	left = left > LB_SUM_STRIDE ? LB_SUM_STRIDE - 1 : left - 1;
	asm volatile("" : "+r"(left));
	if (bpf_skb_load_bytes(ctx, offset, words, (left & (LB_SUM_STRIDE - 1)) + 1))
		return 0;
	for (u32 i = 0; i < LB_SUM_STRIDE / 2; i++)
		sum += words[i];
	return sum;
}

/* The kernel knows whether the checksum is partial, and what a changed word means then. */
static LB_INLINE void lb_l4_replace(struct lb_ctx *ctx, u32 field, be32 from, be32 to, u32 flags)
{
	u64 how = LB_REPLACE_WORD;

	if (flags & LB_L4_PSEUDO)
		how |= BPF_F_PSEUDO_HDR;
	if (flags & LB_L4_UDP)
		how |= BPF_F_MARK_MANGLED_0;
	bpf_l4_csum_replace(ctx, field, from, to, how);
}

/*
 * Whether the checksum in an SCTP header is still to be computed: by the kernel, when the frame leaves. Then the field is
 * 0, as of whole packets one in four billion is.
 */
static LB_INLINE int lb_crc_undone(struct lb_ctx *ctx, u32 checksum)
{
	(void)ctx;
	return checksum == 0;
}

/*
 * Room for the outer header between Ethernet and IP. A super-frame becomes one of tunnelled segments; those of TCP are
 * made smaller by the header, so that they fit where they fitted before, datagrams must stay as they were.
 */
static LB_INLINE int lb_push_outer(struct lb_ctx *ctx, const struct lb_outer *outer)
{
	u64 flags = outer->family == LB_FAMILY_IPV4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;

	if (outer->kind == LB_TAIL_GRE)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	if (outer->kind == LB_TAIL_UDP)
		flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (outer->inner_protocol == LB_IPPROTO_UDP)
		flags |= BPF_F_ADJ_ROOM_FIXED_GSO;
	return bpf_skb_adjust_room(ctx, outer->length, BPF_ADJ_ROOM_MAC, flags) ? -1 : lb_write_outer(ctx, outer);
}

/*
 * Whether the transport checksum is partial. The kernel does not say so; but then the field holds the sum of the
 * pseudo-header, which of whole checksums one in 65,536 does. A super-frame's is partial always.
 */
static LB_INLINE int lb_partial(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	const struct lb_key *key = &packet->key;
	u16 length = packet->length - (packet->l4 - LB_ETH_HLEN);
	const be16 *checksum;
	u32 field = packet->l4;

	if (lb_gso_size(ctx))
		return 1;
	if (packet->fragment & (LB_IP_MF | LB_IP_OFFSET))
		return 0;
	if (key->protocol == LB_IPPROTO_SCTP) {
		const struct lb_sctp *sctp = lb_at(ctx, packet->l4, sizeof(*sctp));

		return sctp && lb_crc_undone(ctx, sctp->checksum);
	}
	field +=
	    key->protocol == LB_IPPROTO_TCP ? offsetof(struct lb_tcp, checksum) : offsetof(struct lb_udp, checksum);
	checksum = lb_at(ctx, field, sizeof(*checksum));
	return checksum &&
	       *checksum == lb_csum_fold(lb_pseudo_sum_of(&key->source, &key->destination, key->protocol, length));
}

/* A partial checksum stays one: the kernel completes it where it stood, whatever stands there then. */
static LB_INLINE int lb_plain(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	return lb_partial(ctx, packet);
}

static LB_INLINE u32 lb_ingress(struct lb_ctx *ctx)
{
	return LB_CTX_WORD(ctx, ifindex);
}

#include "forward.h"

#endif
