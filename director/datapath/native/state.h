/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state region: what the data path remembers of services and destinations between packets, by stable id.
 *
 * It outlives table images. Counters are per worker and written by that worker alone; their readers add them up.
 * Active and inactive counts and cursors are shared: they change by atomic operations only.
 */
#ifndef LB_STATE_H
#define LB_STATE_H

#include "table.h"

struct lb_counters {
	u64 connections;
	u64 packets_in;
	u64 bytes_in; /* IP length */
	u64 packets_out;
	u64 bytes_out;
	u64 spare[3];
};
_Static_assert(sizeof(struct lb_counters) == LB_LINE, "one cache line, so that workers do not share one");

/* `active` and `inactive` are kernel IPVS's ActiveConn and InActConn. */
struct lb_dest_state {
	u32 active;
	u32 inactive;
	u32 persistent;
	u32 flags; /* enum lb_dest_state_flag */
};

enum lb_dest_state_flag {
	LB_DEST_OVERLOAD = 1,
};

/* The scheduler's cursor: rr {last id, the index it had}, wrr {position + 1, current weight}. */
struct lb_service_state {
	u64 cursor;
};

static LB_INLINE u64 lb_cursor(u32 low, u32 high)
{
	return (u64)high << 32 | low;
}

static LB_INLINE u32 lb_cursor_low(u64 cursor)
{
	return (u32)cursor;
}

static LB_INLINE u32 lb_cursor_high(u64 cursor)
{
	return (u32)(cursor >> 32);
}

#endif
