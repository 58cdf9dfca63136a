/* SPDX-License-Identifier: Apache-2.0 */
/* A destination's load: how many connections and templates it has, and whether these are as many as it takes. */
#ifndef LB_LOAD_H
#define LB_LOAD_H

#include "entry.h"
#include "state.h"

static LB_INLINE void lb_count_state(struct lb_ctx *ctx, u32 dest, u8 state, s32 by)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (counts)
		__sync_fetch_and_add(lb_state_active(state) ? &counts->active : &counts->inactive, by);
}

/* A destination gets a connection in this state, or loses one. */
static LB_INLINE void lb_bind(struct lb_ctx *ctx, u32 dest, u8 state)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (!counts)
		return;
	__sync_fetch_and_add(lb_state_active(state) ? &counts->active : &counts->inactive, 1);
	lb_limit_gained(counts);
}

static LB_INLINE void lb_unbind(struct lb_ctx *ctx, u32 dest, u8 state)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (!counts)
		return;
	__sync_fetch_and_add(lb_state_active(state) ? &counts->active : &counts->inactive, -1);
	lb_limit_lost(counts);
}

/* A destination gets a connection and loses it at once: a datagram that is scheduled for itself. */
static LB_INLINE void lb_count_passing(struct lb_ctx *ctx, u32 dest)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (!counts || LB_LIKELY(!counts->upper))
		return;
	__sync_fetch_and_add(&counts->inactive, 1);
	lb_limit_gained(counts);
	__sync_fetch_and_add(&counts->inactive, -1);
	lb_limit_lost(counts);
}

static LB_INLINE void lb_count_template(struct lb_ctx *ctx, u32 dest, s32 by)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (!counts)
		return;
	__sync_fetch_and_add(&counts->persistent, by);
	if (by > 0)
		lb_limit_gained(counts);
	else
		lb_limit_lost(counts);
}

#endif
