// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `xdp` data path, walking over many flows, and programs that cost what is not its own. */
#include "../../director/datapath/native/host_xdp.h"

#include "walk.h"

static LB_INLINE int cost_shrink(struct lb_ctx *ctx)
{
	return bpf_xdp_adjust_head(ctx, COST_TUNNEL);
}

SEC("xdp")
int cost_reference(struct xdp_md *ctx)
{
	cost_restore(ctx);
	return XDP_PASS;
}

/* Costs more than the reference by a growth and its undoing. */
SEC("xdp")
int cost_growth(struct xdp_md *ctx)
{
	cost_restore(ctx);
	return bpf_xdp_adjust_head(ctx, -COST_TUNNEL) ? XDP_ABORTED : XDP_PASS;
}

/* The data path, under another name than its own. */
int cost_forward(struct xdp_md *ctx);

SEC("xdp")
int lb_xdp(struct xdp_md *ctx)
{
	cost_restore(ctx);
	return cost_forward(ctx);
}

char cost_license[] SEC("license") = "Dual BSD/GPL";

#include "measured.h"
#define lb_xdp cost_forward
// NOLINTNEXTLINE(bugprone-suspicious-include)
#include "../../director/datapath/xdp.bpf.c"
