/* SPDX-License-Identifier: Apache-2.0 */
/* One frame at a time through lb_forward(), without sockets and clocks: what tests, fuzzers and `explain` call. */
#ifndef LB_TRY_H
#define LB_TRY_H

#include "datapath.h"

enum {
	LB_TRY_FRAMES = 128, /* the most frames that one can become */
	LB_TRY_LENGTH = 65536 + 2048,
};

/* A frame and its offload facts, as virtio_net_hdr has them; all zero for a plain frame. */
struct lb_test_frame {
	const u8 *data;
	u32 length;
	u32 ifindex;
	u8 flags;
	u8 gso_type;
	u16 gso_size;
	u16 hdr_len;
	u16 csum_start;
	u16 csum_offset;
};

struct lb_test_out {
	u32 length;
	u8 flags;
	u8 gso_type;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
};

/* What became of it; the frames that left stand one after the other in the caller's buffer. */
struct lb_test_answer {
	u32 verdict;
	u32 reason;
	u32 ifindex;
	u32 frames;
	struct lb_test_out out[LB_TRY_FRAMES];
};

/* Run one frame at a time of the caller's choosing. 0, -EINVAL for a frame over LB_TRY_LENGTH, -ENOMEM. */
int lb_datapath_try(struct lb_datapath *datapath, u32 worker, const struct lb_test_frame *in, u64 now_ms, u8 *out,
		    size_t size, struct lb_test_answer *answer);

#endif
