// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `xdp` data path in a crowd. */
#include "../../../../director/datapath/native/host_xdp.h"

#include "crowd.h"

static LB_INLINE int crowd_stretch(struct lb_ctx *ctx, int by)
{
	return bpf_xdp_adjust_tail(ctx, by);
}

/* The data path, under another name than its own. */
int crowd_forward(struct xdp_md *ctx);

SEC("xdp")
int lb_xdp(struct xdp_md *ctx)
{
	int verdict;

	if (crowd_send(ctx))
		return XDP_ABORTED;
	verdict = crowd_forward(ctx);
	if (verdict == XDP_REDIRECT)
		crowd_look(ctx);
	return verdict;
}

char crowd_license[] SEC("license") = "Dual BSD/GPL";

#include "../../../../netns-lab/cost/measured.h"
#define lb_xdp crowd_forward
// NOLINTNEXTLINE(bugprone-suspicious-include)
#include "../../../../director/datapath/xdp.bpf.c"
