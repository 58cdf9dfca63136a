// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The `tc` data path, walking over many flows, and programs that cost what is not its own.
 *
 * The kernel lets a packet be wrapped in a tunnel once, and a test run can not take that back. So it is not told here
 * what the room before a packet is for, which spares it a few stores.
 */
#include <linux/bpf.h>

#define BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 0
#include "../../director/datapath/native/host_tc.h"

#include <linux/pkt_cls.h>

#include "walk.h"

static LB_INLINE int cost_shrink(struct lb_ctx *ctx)
{
	return bpf_skb_adjust_room(ctx, -COST_TUNNEL, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
}

SEC("tc")
int cost_reference(struct __sk_buff *ctx)
{
	cost_restore(ctx);
	return TC_ACT_UNSPEC;
}

/* Costs more than the reference by a growth and its undoing. */
SEC("tc")
int cost_growth(struct __sk_buff *ctx)
{
	cost_restore(ctx);
	return bpf_skb_adjust_room(ctx, COST_TUNNEL, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ? TC_ACT_SHOT
												 : TC_ACT_UNSPEC;
}

/* The data path, under another name than its own. */
int cost_forward(struct __sk_buff *ctx);

SEC("tc")
int lb_tc(struct __sk_buff *ctx)
{
	cost_restore(ctx);
	return cost_forward(ctx);
}

char cost_license[] SEC("license") = "Dual BSD/GPL";

#include "measured.h"
#define lb_tc cost_forward
// NOLINTNEXTLINE(bugprone-suspicious-include)
#include "../../director/datapath/tc.bpf.c"
