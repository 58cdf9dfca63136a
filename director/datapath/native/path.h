/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routers told of the way to a tunnel's server: that it is narrower than the next hop.
 *
 * It is one word of the destination's state, MTU and time, so that it is read and written whole. It is believed as Linux
 * believes it of a route: for ten minutes, and within bounds, since anybody who sees the packets can forge such an error.
 */
#ifndef LB_PATH_H
#define LB_PATH_H

#include "tunnel.h"

enum {
	LB_MIN_MTU = 68,	/* RFC 791 */
	LB_MIN_MTU_IPV6 = 1280, /* RFC 8200 §5 */
	LB_PATH_MS = 10 * 60 * 1000,
	LB_PATH_LEAST = 552, /* Linux takes less for this much (net.ipv4.route.min_pmtu) */
	LB_MOST_OVERHEAD = sizeof(struct lb_ipv6) + LB_GUE_TAIL + sizeof(struct lb_gue_remote),
	LB_PATH_LEAST_IPV6 = LB_MIN_MTU_IPV6 + LB_MOST_OVERHEAD, /* what is inside may be IPv6, too */
};

/* The path's MTU, of a destination whose next hop has this one. */
LB_SUBPROGRAM u32 lb_path_mtu(struct lb_ctx *ctx, u32 id, u32 now, u32 mtu)
{
	const struct lb_dest_state *state = lb_dest_state(ctx, id);
	u64 path = state ? lb_load(&state->path) : 0;
	u32 left = (u32)(path >> 32) - now; /* once it has expired, this is more than it ever was */
	u16 told = (u16)path;

	return told && told < mtu && left - 1 < LB_PATH_MS ? told : mtu;
}

/* Whether a packet's path is of importance: not of what fits through any, nor of what routers may cut, IPv6 in IPv4. */
static LB_INLINE int lb_asks_path(const struct lb_packet *packet, const struct lb_dest *dest, u16 method)
{
	return LB_UNLIKELY(method == LB_TUN) && packet->length > LB_PATH_LEAST - LB_MOST_OVERHEAD &&
	       (!lb_is_ipv6(packet) || (dest->flags & LB_DEST_IPV6));
}

/* Believe that the path to a destination has this MTU, unless it was known to be narrower. */
static LB_INLINE void lb_path_learn(struct lb_ctx *ctx, const struct lb_dest *dest, u32 id, u32 now, u32 told)
{
	struct lb_dest_state *state = lb_dest_state(ctx, id);
	u32 least = dest->flags & LB_DEST_IPV6 ? LB_PATH_LEAST_IPV6 : LB_PATH_LEAST;

	if (told < least)
		told = least;
	if (state && told <= lb_path_mtu(ctx, id, now, dest->mtu))
		lb_store(&state->path, (u64)(now + LB_PATH_MS) << 32 | told);
}

#endif
