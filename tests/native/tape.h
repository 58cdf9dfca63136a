/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tape of packet cases, and a data path to play it to. Written by tests/native/tape.py: records of {kind, length}
 * and a body, little-endian. BEGIN takes a new data path; SWAP holds an image; WRR {service, gcd, max}; FRAME the
 * facts of a frame and its bytes; FRAME_AGAIN one that was on the tape before.
 */
#ifndef LB_TAPE_H
#define LB_TAPE_H

#include "try.h"

enum tape_kind {
	TAPE_BEGIN = 1,
	TAPE_SWAP,
	TAPE_WRR,
	TAPE_FRAME,
	TAPE_FRAME_AGAIN,
};

enum {
	TAPE_SETS = 64,
	TAPE_OUT = 1 << 18,
};

struct tape_record {
	u32 kind;
	u32 length;
	const u8 *body;
};

struct tape_arrival {
	u64 now;
	u32 ifindex;
	u8 flags;
	u8 gso_type;
	u16 gso_size;
	u16 hdr_len;
	u16 csum_start;
	u16 csum_offset;
	u16 unused;
};
_Static_assert(sizeof(struct tape_arrival) == 24, "as tape.py packs it");

struct tape {
	u8 *bytes;
	size_t length;
	size_t at;
};

/* Read a whole file; the program ends with a message where it can not. */
struct tape tape_open(const char *path);

/* Take the next record. 0 at the end. */
int tape_next(struct tape *tape, struct tape_record *record);

/* Make a data path, or carry out SWAP and WRR on it. */
struct lb_datapath *tape_datapath(void);
void tape_steer(struct lb_datapath *datapath, const struct tape_record *record);

/*
 * Try one frame, `length` bytes at `data`, and hold the answer against what is true of any: the verdict is its
 * reason's, the reason was counted once, and whatever leaves is a whole IPv4 frame with a right header checksum.
 */
void tape_try(struct lb_datapath *datapath, const struct tape_arrival *arrival, const u8 *data, u32 length,
	      struct lb_test_answer *answer);

/* Make the IPv4 header's checksum fit, whatever else the frame says. */
void tape_mend(u8 *frame, u32 length);

/* End the program with a message. */
void tape_fail(const char *what) __attribute__((noreturn));

#endif
