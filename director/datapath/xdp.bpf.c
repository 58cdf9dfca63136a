// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `xdp` data path: forward.h at the driver. */
#include "native/host_xdp.h"

SEC("xdp")
int lb_xdp(struct xdp_md *ctx)
{
	struct lb_result result;

	if (!lb_for_us(ctx))
		return XDP_PASS;
	result = lb_forward(ctx);
	lb_finish(ctx, &result);
	if (result.verdict == LB_PASS)
		return XDP_PASS;
	if (result.verdict == LB_DROP)
		return XDP_DROP;
	return bpf_redirect(result.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
