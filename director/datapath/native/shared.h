/* SPDX-License-Identifier: Apache-2.0 */
/* What eBPF hosts and user space share beside the tables: layouts of small maps. */
#ifndef LB_SHARED_H
#define LB_SHARED_H

#include "reason.h"

enum {
	LB_REASON_ROOM = 64, /* reasons that a CPU has counters for */

	/*
	 * What connections and state mean in memory, where their layout does not tell: the hash of a key and where it
	 * leads, the word `control`, the numbers of states and methods. A director that starts over the tables of one
	 * before it uses them only if this is the same: count it up with every change of that kind.
	 */
	LB_MEMORY_VERSION = 2,
};
_Static_assert((int)LB_REASON_COUNT <= (int)LB_REASON_ROOM, "each reason has a counter");

struct lb_reason_counts {
	u64 of[LB_REASON_ROOM];
};

/* What the defences go by (defend.h): how scarce memory is, as user space says each second, and whose turn it is. */
struct lb_defence {
	u32 rate; /* 0: there is enough. Else one packet of so many is dropped */
	u32 turn; /* counts the packets that might have been dropped */
};

/* Written by user space while the programs run; by them only in a test run, where it is not told by other means. */
struct lb_shared {
	u32 active_first; /* line of lb_images at which the image in force begins */
	u32 test_now;	  /* not 0: this is a test run, and that is the time in ms */
	u64 icmp_bucket;
	u32 result_reason; /* of the last packet of a test run */
	u32 result_ifindex;
	u32 crowded_until; /* see crowd.h */
	u32 unused;
	struct lb_defence defence;
	u64 spare[3];
};
_Static_assert(sizeof(struct lb_shared) == 64, "one cache line");

/* What is known when the programs are loaded; a constant to their verifier. */
struct lb_load_settings {
	u32 image_lines; /* an image's room; lb_images holds two */
	u32 set_mask;	 /* the connection table's sets - 1 */
	u64 seed;
};

#endif
