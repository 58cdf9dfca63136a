/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over a service's destination list, in kernel IPVS's order.
 *
 * A list can have a thousand destinations, and eBPF's verifier follows every turn of a loop. So each walk goes in
 * strides: a subprogram takes one stride and is verified once, a loop around it takes as many as are needed.
 */
#ifndef LB_WALK_H
#define LB_WALK_H

#include "parse.h"
#include "state.h"

enum {
	LB_STRIDE = 32,
	LB_STRIDES = LB_MAX_SERVICE_DESTS / LB_STRIDE,
	LB_SHORT_STRIDE = 8, /* of walks with many ways: the verifier follows each of them at each turn */
	LB_SHORT_STRIDES = LB_MAX_SERVICE_DESTS / LB_SHORT_STRIDE,
};

/* Where a walk is, what it looks for and what it has found. */
struct lb_walk {
	u32 at;	    /* index of the next destination */
	u32 id;	    /* found: stable id, 0 for none yet. lb_position_of: the one looked for */
	s32 weight; /* looked for: at least this one. lb_highest_weight: the highest so far */
	u32 unused;
	u64 load; /* of the least loaded so far, and the weight to divide it by */
	u64 load_weight;
};

/* The i-th destination in the service's list, or 0 past its end. */
static LB_INLINE const struct lb_list_item *lb_list_item(struct lb_ctx *ctx, const struct lb_service *service, u32 i)
{
	const struct lb_list_item *items = lb_image_line(ctx, service->list_first + i / LB_DESTS_PER_LINE);

	return items && i < service->dest_count ? &items[i % LB_DESTS_PER_LINE] : 0;
}

static LB_INLINE int lb_overloaded(struct lb_ctx *ctx, u32 dest)
{
	const struct lb_dest_state *state = lb_dest_state(ctx, dest);

	return !state || (state->flags & LB_DEST_OVERLOAD);
}

static LB_INLINE int lb_eligible(struct lb_ctx *ctx, const struct lb_list_item *item)
{
	return item->weight > 0 && !lb_overloaded(ctx, item->id);
}

/* A stride of lb_first_from. 1 at the end: found, with `at` on it, or past the list. */
LB_SUBPROGRAM int lb_first_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_walk *walk)
{
	if (!service || !walk)
		return 1;
	for (u32 n = 0; n < LB_STRIDE; n++, walk->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, walk->at);

		if (!item)
			return 1;
		if (item->weight >= walk->weight && lb_eligible(ctx, item)) {
			walk->id = item->id;
			return 1;
		}
	}
	return 0;
}

/* The first destination from index `from` on that is eligible and has at least this weight: its id, 0 for none. */
static LB_INLINE u32 lb_first_from(struct lb_ctx *ctx, const struct lb_service *service, u32 from, s32 weight,
				   u32 *index)
{
	struct lb_walk walk = {.at = from, .weight = weight};

	for (u32 n = 0; n < LB_STRIDES; n++)
		if (lb_first_stride(ctx, service, &walk))
			break;
	*index = walk.at;
	return walk.id;
}

/* A stride of lb_position_of. 1 at the end: `at` is on it, or past the list. */
LB_SUBPROGRAM int lb_position_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_walk *walk)
{
	if (!service || !walk)
		return 1;
	for (u32 n = 0; n < LB_STRIDE; n++, walk->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, walk->at);

		if (!item || item->id == walk->id)
			return 1;
	}
	return 0;
}

/* The index of this destination in the list, or the list's length. */
static LB_INLINE u32 lb_position_of(struct lb_ctx *ctx, const struct lb_service *service, u32 id)
{
	struct lb_walk walk = {.id = id};

	for (u32 n = 0; n < LB_STRIDES; n++)
		if (lb_position_stride(ctx, service, &walk))
			break;
	return walk.at;
}

/* A stride of lb_highest_weight. 1 at the end of the list. */
LB_SUBPROGRAM int lb_highest_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_walk *walk)
{
	if (!service || !walk)
		return 1;
	for (u32 n = 0; n < LB_STRIDE; n++, walk->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, walk->at);

		if (!item)
			return 1;
		if (item->weight > walk->weight && lb_eligible(ctx, item))
			walk->weight = item->weight;
	}
	return 0;
}

/* The highest weight among the eligible, 0 for none. */
static LB_INLINE s32 lb_highest_weight(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_walk walk = {0};

	for (u32 n = 0; n < LB_STRIDES; n++)
		if (lb_highest_stride(ctx, service, &walk))
			break;
	return walk.weight;
}

/* A stride of lb_least_loaded. 1 at the end of the list. */
LB_SUBPROGRAM int lb_least_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_walk *walk)
{
	if (!service || !walk)
		return 1;
	for (u32 n = 0; n < LB_STRIDE; n++, walk->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, walk->at);
		const struct lb_dest_state *state = item ? lb_dest_state(ctx, item->id) : 0;
		u64 load, weight;

		if (!item)
			return 1;
		if (!state || item->weight <= 0 || (state->flags & LB_DEST_OVERLOAD))
			continue;
		load = (u64)state->active * 256 + state->inactive;
		weight = service->scheduler == LB_LC ? 1 : (u64)item->weight;
		if (walk->id && walk->load * weight <= load * walk->load_weight)
			continue;
		walk->id = item->id;
		walk->load = load;
		walk->load_weight = weight;
	}
	return 0;
}

/* The least of 256 * active + inactive, but for lc by weight; ties keep the first. Its id, 0 for none. */
static LB_INLINE u32 lb_least_loaded(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_walk walk = {0};

	for (u32 n = 0; n < LB_STRIDES; n++)
		if (lb_least_stride(ctx, service, &walk))
			break;
	return walk.id;
}

/*
 * A stride of lb_soonest. 1 at the end: of the list, or nq has found an idle one. For fo and ovf the load is the same
 * for all, so that the highest weight has the least of it.
 */
LB_SUBPROGRAM int lb_soonest_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_walk *walk)
{
	if (!service || !walk)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++, walk->at++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, walk->at);
		const struct lb_dest_state *state = item ? lb_dest_state(ctx, item->id) : 0;
		u64 load = 1;

		if (!item)
			return 1;
		if (!state || item->weight <= 0 || (state->flags & LB_DEST_OVERLOAD))
			continue;
		if (service->scheduler == LB_OVF && state->active > (u32)item->weight)
			continue;
		if (service->scheduler == LB_SED || service->scheduler == LB_NQ)
			load += state->active;
		if (service->scheduler == LB_NQ && load == 1) {
			walk->id = item->id;
			return 1;
		}
		if (walk->id && walk->load * (u64)item->weight <= load * walk->load_weight)
			continue;
		walk->id = item->id;
		walk->load = load;
		walk->load_weight = (u64)item->weight;
	}
	return 0;
}

/* sed, nq, fo, ovf: the least of active + 1 by weight, or the highest weight; ties keep the first. Its id, 0 for none. */
static LB_INLINE u32 lb_soonest(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_walk walk = {0};

	for (u32 n = 0; n < LB_SHORT_STRIDES; n++)
		if (lb_soonest_stride(ctx, service, &walk))
			break;
	return walk.id;
}

#endif
