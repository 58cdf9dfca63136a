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

	if (ctx->pkt_type != PACKET_HOST || ctx->protocol != lb_htons(LB_ETH_P_IP) || ctx->vlan_present)
		return TC_ACT_UNSPEC;
	if (lb_data(ctx) + LB_PULL > lb_data_end(ctx) && lb_data(ctx) + ctx->len > lb_data_end(ctx))
		bpf_skb_pull_data(ctx, ctx->len < LB_PULL ? ctx->len : LB_PULL);
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
