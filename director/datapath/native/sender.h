/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on their way out: gathered into a batch, sent with one system call. One socket serves all interfaces. */
#ifndef LB_SENDER_H
#define LB_SENDER_H

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "emit.h"

enum {
	LB_BATCH = 64,
	LB_ARENA = 8 << 20, /* pieces of one super-frame, at their worst: one byte of payload each */
};

struct lb_sender {
	struct lb_sink sink; /* first: the sink's functions get the sender back from it */
	int fd;
	u32 queued;
	u32 arena_used;
	u64 failed; /* frames that the kernel did not take, ever */
	u8 *arena;
	struct mmsghdr message[LB_BATCH];
	struct iovec part[LB_BATCH][2];
	struct virtio_net_hdr offload[LB_BATCH];
	struct sockaddr_ll address[LB_BATCH];
};

/* 0 or negative errno. */
int lb_sender_open(struct lb_sender *sender);
void lb_sender_close(struct lb_sender *sender);

/* Send what is queued; what it points to may be reused afterwards. Counts what the kernel did not take. */
void lb_sender_flush(struct lb_sender *sender);

#endif
