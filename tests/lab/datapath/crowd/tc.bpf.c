// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `tc` data path in a crowd. */
#include "../../../../director/datapath/native/host_tc.h"

#include <linux/pkt_cls.h>

#include "crowd.h"

static LB_INLINE int crowd_stretch(struct lb_ctx *ctx, int by)
{
	return bpf_skb_change_tail(ctx, ctx->len + by, 0);
}

/* The data path, under another name than its own. */
int crowd_forward(struct __sk_buff *ctx);

SEC("tc")
int lb_tc(struct __sk_buff *ctx)
{
	int verdict;

	if (crowd_send(ctx))
		return TC_ACT_SHOT;
	verdict = crowd_forward(ctx);
	if (verdict == TC_ACT_REDIRECT)
		crowd_look(ctx);
	return verdict;
}

char crowd_license[] SEC("license") = "Dual BSD/GPL";

#include "../../../../netns-lab/cost/measured.h"
#define lb_tc crowd_forward
// NOLINTNEXTLINE(bugprone-suspicious-include)
#include "../../../../director/datapath/tc.bpf.c"
