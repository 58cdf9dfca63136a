/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a forwarded frame to the frames that leave: a tunnelled super-frame is cut into segments, and a packet larger
 * than the way ahead into fragments. User space only; an eBPF host leaves both to the kernel.
 */
#ifndef LB_EMIT_H
#define LB_EMIT_H

#include "host_user.h"

/*
 * Where frames go. `room` lends memory for a frame of this size, good until the sink is flushed, or NULL. `take`
 * accepts a frame that lies in such memory or in the receive buffer. Both belong to whoever embeds the sink.
 */
struct lb_sink {
	u8 *(*room)(struct lb_sink *sink, u32 size);
	int (*take)(struct lb_sink *sink, u32 ifindex, u8 *frame, u32 length, const struct virtio_net_hdr *offload);
};

/* Send a frame that lb_forward() gave the verdict LB_TRANSMIT. 0, or negative when (a part of) it could not leave. */
int lb_emit(struct lb_ctx *ctx, const struct lb_result *result, struct lb_sink *sink);

/*
 * Cut one plain frame into fragments of at most `mtu` bytes (RFC 791 §3.2, RFC 8200 §4.5), or send it whole where it fits.
 * Whoever may be told of the MTU has been by now, so what comes here is cut whatever it says, as kernel IPVS does it.
 */
int lb_fragment(struct lb_sink *sink, u32 ifindex, u8 *frame, u32 length, u16 mtu);

/* Cut a tunnelled TCP or UDP super-frame into tunnelled segments with full checksums. */
int lb_segment(struct lb_ctx *ctx, const struct lb_result *result, struct lb_sink *sink);

#endif
