// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `xdp` data path: forward.h at the driver. */
#include "native/guard.h"
#include "native/host_xdp.h"

/* Tell the guard, which stands behind this program, to let a frame pass. A driver may have no room for metadata. */
static LB_INLINE void lb_leave_to_stack(struct xdp_md *ctx, struct lb_result *result)
{
	u32 *token;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*token))) {
		*result = lb_drop(LB_REASON_NO_ROOM);
		return;
	}
	token = (void *)(long)ctx->data_meta;
	if ((void *)(token + 1) <= (void *)(long)ctx->data)
		*token = LB_GUARD_TOKEN;
}

SEC("xdp")
int lb_xdp(struct xdp_md *ctx)
{
	const struct lb_image_header *image = lb_image(ctx);
	struct lb_result result;

	if (!image || !lb_for_us(ctx, image))
		return XDP_PASS;
	result = lb_forward(ctx, image);
	if (result.reason == LB_REASON_LOCAL)
		lb_leave_to_stack(ctx, &result);
	lb_finish(ctx, &result);
	if (result.verdict == LB_PASS)
		return XDP_PASS;
	if (result.verdict == LB_DROP)
		return XDP_DROP;
	/* Also back by the same interface: XDP_TX on a veth reaches peers only that have an XDP program themselves. */
	return bpf_redirect(result.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
