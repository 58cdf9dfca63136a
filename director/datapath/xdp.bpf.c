// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `xdp` data path: forward.h at the driver. */
#include "native/host_xdp.h"

SEC("xdp")
int lb_xdp(struct xdp_md *ctx)
{
	const struct lb_image_header *image = lb_image(ctx);
	struct lb_result result;

	if (!image || !lb_for_us(ctx, image))
		return XDP_PASS;
	result = lb_forward(ctx, image);
	lb_finish(ctx, &result);
	if (result.verdict == LB_PASS)
		return XDP_PASS;
	if (result.verdict == LB_DROP)
		return XDP_DROP;
	/* Also back by the same interface: XDP_TX on a veth reaches peers only that have an XDP program themselves. */
	return bpf_redirect(result.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
