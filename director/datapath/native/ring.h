/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receive ring: one packet socket on one interface, with its frames in shared memory.
 *
 * TPACKET_V2: each frame is handed over at once, where V3 holds small ones back for a block's timeout. Slots are sized
 * for ordinary frames; what is larger (super-frames, jumbo frames) is also queued on the socket whole, from where
 * lb_ring_large() reads it in order. Each frame has its virtio_net_hdr before it and LB_HEADROOM before that.
 */
#ifndef LB_RING_H
#define LB_RING_H

#include <linux/virtio_net.h>

#include "datapath.h"

enum {
	LB_RING_FRAME = 2048,
	LB_RING_BLOCK = 1 << 20,
	LB_RING_BLOCKS = 8,
	LB_RING_FRAMES = LB_RING_BLOCK / LB_RING_FRAME * LB_RING_BLOCKS,
	LB_LARGE_FRAME = LB_HEADROOM + 14 + 65536 + 512,
};

struct lb_ring {
	int fd;
	u32 ifindex;
	u8 *map;
	u32 next; /* slot to be read next */
	u32 held; /* slots read and not yet given back */
	u64 drops;
};

/* A frame in a ring's slot; `large` when it must be read from the socket instead (then data is NULL). */
struct lb_ring_frame {
	u8 *data;
	u8 *low; /* start of the headroom */
	u32 length;
	int large;
	int lost; /* larger than a slot, and the queue had no room either */
	struct virtio_net_hdr offload;
};

/* A ring's part in a fanout group: none, the first of a new group, or (0 and above) the group with this id. */
enum {
	LB_FANOUT_NONE = -2,
	LB_FANOUT_NEW = -1,
};

/*
 * Open a ring on the interface. `filter_fd` is a socket filter program that chooses the frames, or -1 for all.
 * A new fanout group's id is put into `*fanout`. 0 or negative errno.
 */
int lb_ring_open(struct lb_ring *ring, u32 ifindex, int filter_fd, int *fanout);
void lb_ring_close(struct lb_ring *ring);

/* Take the next frame. 1, or 0 when there is none. It stays valid until lb_ring_release(). */
int lb_ring_next(struct lb_ring *ring, struct lb_ring_frame *frame);

/* Read a large frame into `buffer` of LB_LARGE_FRAME bytes. 0 or negative errno. */
int lb_ring_large(struct lb_ring *ring, u8 *buffer, struct lb_ring_frame *frame);

/* Give all taken slots back to the kernel. */
void lb_ring_release(struct lb_ring *ring);

/* Frames that the kernel dropped because the ring was full, since it was opened. */
u64 lb_ring_drops(struct lb_ring *ring);

#endif
