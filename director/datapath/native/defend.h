/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defences of kernel IPVS: secure_tcp steps TCP by a stricter table, drop_packet drops some of the packets that would
 * open a connection. (drop_entry is the sweeper's: conntable.c.)
 *
 * A level of 1 or 2 means: while memory is scarce, which user space finds out and lb_defence() tells. 3 means always. All
 * of this is off by default, and the image's switches say so: these functions are called when they are on.
 */
#ifndef LB_DEFEND_H
#define LB_DEFEND_H

#include "lookup.h"
#include "tcp.h"

enum { LB_DEFEND_ALWAYS = 3 };

/* Step TCP with secure_tcp set; it is in force or not. */
LB_SUBPROGRAM u32 lb_secure_step(struct lb_ctx *ctx, u32 state, u32 direction, u32 flags)
{
	const struct lb_options *options = lb_options(ctx, lb_image(ctx));
	const struct lb_defence *defence = lb_defence(ctx);

	if (direction >= LB_DIRECTIONS)
		return LB_S_CLOSE;
	if (options && defence && (options->secure_tcp >= LB_DEFEND_ALWAYS || defence->rate))
		return lb_tcp_step_secure(state, direction, flags);
	return lb_tcp_step(state, direction, flags);
}

/* Whether it is the turn of this packet, which would open a connection, to be dropped. */
LB_SUBPROGRAM int lb_defended(struct lb_ctx *ctx)
{
	const struct lb_options *options = lb_options(ctx, lb_image(ctx));
	struct lb_defence *defence = lb_defence(ctx);
	u32 rate;

	if (!options || !defence)
		return 0;
	rate = options->drop_packet >= LB_DEFEND_ALWAYS ? options->am_droprate : defence->rate;
	return rate && __sync_fetch_and_add(&defence->turn, 1) % rate == 0;
}

#endif
