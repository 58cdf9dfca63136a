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

/*
 * `active`, `inactive` and `persistent` are kernel IPVS's ActiveConn, InActConn and PersistConn. The thresholds are those
 * of the image in force (image.c copies them here, where whoever counts a connection has them at hand).
 */
struct lb_dest_state {
	u32 active;
	u32 inactive;
	u32 persistent;
	u32 flags; /* enum lb_dest_state_flag */
	u32 upper; /* 0: no limit */
	u32 lower; /* 0: three quarters of upper */
	u64 path;  /* TUN: the path's MTU as routers told it, and until when that holds (path.h) */
};
_Static_assert(LB_LINE % sizeof(struct lb_dest_state) == 0, "none crosses a cache line");

enum lb_dest_state_flag {
	LB_DEST_OVERLOAD = 1,
};

static LB_INLINE u32 lb_dest_load(const struct lb_dest_state *state)
{
	return state->active + state->inactive;
}

/* A destination got a connection: is it one too many? CPUs that do this at the same time may go past the threshold. */
static LB_INLINE void lb_limit_gained(struct lb_dest_state *state)
{
	if (LB_UNLIKELY(state->upper) && lb_dest_load(state) >= state->upper)
		__sync_fetch_and_or(&state->flags, LB_DEST_OVERLOAD);
}

/* A destination lost one: has it few enough? */
static LB_INLINE void lb_limit_lost(struct lb_dest_state *state)
{
	u32 load;

	if (LB_LIKELY(!(state->flags & LB_DEST_OVERLOAD)))
		return;
	load = lb_dest_load(state);
	if (state->lower ? load < state->lower : !state->upper || (u64)load * 4 < (u64)state->upper * 3)
		__sync_fetch_and_and(&state->flags, ~(u32)LB_DEST_OVERLOAD);
}

/* The scheduler's cursor: rr {last id, its index}, wrr {position + 1, current weight}, lblc and lblcr {epoch, 0}. */
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
