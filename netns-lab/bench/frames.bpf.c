// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * Frames at the driver, without anything of a director: what makes them, what sends each back as fast as can be, and
 * what swallows them. inject.c runs the first, `ip link` puts the others on an interface.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

enum {
	MAC_WORDS = 3,
	BOTH_MACS = 2 * MAC_WORDS,
};

struct frame_plan plan;

/* Run on a blank frame, and it leaves by the interface that it seems to have come in by. One core runs it. */
SEC("xdp")
int make(struct xdp_md *ctx)
{
	struct frame *frame = (struct frame *)(long)ctx->data;
	__u32 flow = plan.next;

	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	plan.next = flow + 1 < plan.flows ? flow + 1 : 0;
	frame_write(frame, &plan.blank, flow);
	return XDP_TX;
}

/* The least that anything can do that sends a frame on: swap its MAC addresses. */
SEC("xdp")
int turn(struct xdp_md *ctx)
{
	__u16 *at = (__u16 *)(long)ctx->data;

	if ((void *)(at + BOTH_MACS) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	for (int i = 0; i < MAC_WORDS; i++) {
		__u16 word = at[i];

		at[i] = at[MAC_WORDS + i];
		at[MAC_WORDS + i] = word;
	}
	return XDP_TX;
}

SEC("xdp")
int swallow(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
