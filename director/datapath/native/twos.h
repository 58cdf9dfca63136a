/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twos: draw two destinations by weight, and take the one with less load for its weight.
 *
 * A draw is a number from 0 to the sum of weights, both included, and means the first destination up to which the
 * weights add up to it. Chance is the host's (lb_random).
 */
#ifndef LB_TWOS_H
#define LB_TWOS_H

#include "walk.h"

/* One of the two: what is left of its draw, and who it turned out to be. */
struct lb_drawn {
	u64 left;
	u64 load;
	u32 id; /* 0: not yet */
	u32 weight;
};

struct lb_draw {
	u32 at;
	u32 unused;
	u64 total; /* of the weights */
	struct lb_drawn first, second;
};

/* A stride of the sum of weights. 1 at the end of the list. */
LB_SUBPROGRAM int lb_total_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_draw *draw)
{
	if (!service || !draw)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++, draw->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, draw->at);

		if (!item)
			return 1;
		if (lb_eligible(ctx, item))
			draw->total += (u32)item->weight;
	}
	return 0;
}

static LB_INLINE void lb_draw_passes(struct lb_drawn *drawn, const struct lb_list_item *item,
				     const struct lb_dest_state *state)
{
	if (drawn->id)
		return;
	if (drawn->left > (u32)item->weight) {
		drawn->left -= (u32)item->weight;
		return;
	}
	drawn->id = item->id;
	drawn->weight = (u32)item->weight;
	drawn->load = (u64)state->active * 256 + state->inactive;
}

/* A stride of the search for those that were drawn. 1 at the end: both are found, or the list ends. */
LB_SUBPROGRAM int lb_draw_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_draw *draw)
{
	if (!service || !draw)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++, draw->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, draw->at);
		const struct lb_dest_state *state = item ? lb_dest_state(ctx, item->id) : 0;

		if (!item)
			return 1;
		if (!state || !lb_eligible(ctx, item))
			continue;
		lb_draw_passes(&draw->first, item, state);
		lb_draw_passes(&draw->second, item, state);
		if (draw->first.id && draw->second.id)
			return 1;
	}
	return 0;
}

/* A number from 0 to `most`. */
static LB_INLINE u64 lb_random_to(struct lb_ctx *ctx, u64 most)
{
	u64 high = lb_random(ctx);

	return (high << 32 | lb_random(ctx)) % (most + 1);
}

LB_SUBPROGRAM u32 lb_two_choices(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_draw draw = {0};

	if (!service)
		return 0;
	for (u32 n = 0; n < LB_SHORT_STRIDES; n++)
		if (lb_total_stride(ctx, service, &draw))
			break;
	if (draw.total == 0)
		return 0;
	draw.first.left = lb_random_to(ctx, draw.total);
	draw.second.left = lb_random_to(ctx, draw.total);
	draw.at = 0;
	for (u32 n = 0; n < LB_SHORT_STRIDES; n++)
		if (lb_draw_stride(ctx, service, &draw))
			break;
	if (draw.second.id && draw.second.weight * draw.first.load > draw.first.weight * draw.second.load)
		return draw.second.id;
	return draw.first.id;
}

#endif
