// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* The `tc` data path: forward.h as a classifier at ingress. */
#include "native/host_tc.h"

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

SEC("tc")
int lb_tc(struct __sk_buff *ctx)
{
	const struct lb_image_header *image;
	struct lb_result result;
	u32 pull = LB_PULL;

	if (ctx->pkt_type != PACKET_HOST || ctx->vlan_present)
		return TC_ACT_UNSPEC;
	if (ctx->protocol != lb_htons(LB_ETH_P_IP)) {
		if (ctx->protocol != lb_htons(LB_ETH_P_IPV6))
			return TC_ACT_UNSPEC;
		pull = LB_PULL_IPV6;
	}
	if (lb_data(ctx) + pull > lb_data_end(ctx) && lb_data(ctx) + ctx->len > lb_data_end(ctx))
		bpf_skb_pull_data(ctx, ctx->len < pull ? ctx->len : pull);
	image = lb_image(ctx);
	if (!image)
		return TC_ACT_UNSPEC;
	result = lb_forward(ctx, image);
	lb_finish(ctx, &result);
	if (result.verdict == LB_PASS)
		return TC_ACT_UNSPEC;
	if (result.verdict == LB_DROP)
		return TC_ACT_SHOT;
	return bpf_redirect(result.ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
