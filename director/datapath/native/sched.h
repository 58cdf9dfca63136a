/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedulers: which destination a new connection gets.
 *
 * Compiled forms of the definitions in director/scheduling/, which a property test holds equal to these. Each walks
 * the service's destination list in kernel IPVS's order or looks into a table that the image carries, and answers
 * with a stable id, 0 for "none". Cursors are moved by compare-and-swap, so workers share one sequence.
 */
#ifndef LB_SCHED_H
#define LB_SCHED_H

#include "parse.h"
#include "state.h"

enum { LB_CURSOR_RETRIES = 8 };

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

/* rr: where in the list the last choice stands now. It is there: a swap moves the cursor off a deleted one. */
static LB_INLINE u32 lb_rr_next(struct lb_ctx *ctx, const struct lb_service *service, u64 cursor)
{
	u32 last = lb_cursor_low(cursor), index = lb_cursor_high(cursor);
	const struct lb_list_item *item;

	if (last == 0)
		return 0;
	item = lb_list_item(ctx, service, index);
	if (item && item->id == last)
		return index + 1;
	for (u32 i = 0; i < LB_MAX_SERVICE_DESTS && i < service->dest_count; i++) {
		item = lb_list_item(ctx, service, i);
		if (item && item->id == last)
			return i + 1;
	}
	return index;
}

static LB_INLINE u32 lb_rr_once(struct lb_ctx *ctx, const struct lb_service *service, u64 cursor, u64 *moved)
{
	u32 i = lb_rr_next(ctx, service, cursor);

	for (u32 n = 0; n < LB_MAX_SERVICE_DESTS && n < service->dest_count; n++, i++) {
		const struct lb_list_item *item;

		if (i >= service->dest_count)
			i = 0;
		item = lb_list_item(ctx, service, i);
		if (item && lb_eligible(ctx, item)) {
			*moved = lb_cursor(item->id, i);
			return item->id;
		}
	}
	return 0;
}

/* The highest weight among the eligible: below it, a lap of wrr finds someone. */
static LB_INLINE s32 lb_highest_weight(struct lb_ctx *ctx, const struct lb_service *service)
{
	s32 highest = 0;

	for (u32 i = 0; i < LB_MAX_SERVICE_DESTS && i < service->dest_count; i++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, i);

		if (item && item->weight > highest && lb_eligible(ctx, item))
			highest = item->weight;
	}
	return highest;
}

/* The rest of a lap: the first from index i on that is eligible and has at least this weight. */
static LB_INLINE u32 lb_wrr_lap(struct lb_ctx *ctx, const struct lb_service *service, u32 i, s32 weight, u64 *moved)
{
	for (u32 n = 0; n < LB_MAX_SERVICE_DESTS && i < service->dest_count; n++, i++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, i);

		if (item && item->weight >= weight && lb_eligible(ctx, item)) {
			*moved = lb_cursor(i + 1, (u32)weight);
			return item->id;
		}
	}
	return 0;
}

/*
 * wrr: {position + 1, current weight}. Kernel IPVS walks lap after lap, lowering the current weight by the gcd after
 * each and starting again at the top below 1. Laps that find nobody are skipped here by arithmetic.
 */
static LB_INLINE u32 lb_wrr_once(struct lb_ctx *ctx, const struct lb_service *service, u64 cursor, u64 *moved)
{
	s32 gcd = service->wrr_gcd, weight = (s32)lb_cursor_high(cursor);
	u32 id = lb_wrr_lap(ctx, service, lb_cursor_low(cursor), weight, moved);
	s32 highest;

	if (id || gcd <= 0)
		return id;
	highest = lb_highest_weight(ctx, service);
	if (highest == 0)
		return 0;
	weight -= gcd;
	if (weight <= 0)
		weight = service->wrr_max;
	if (weight > highest)
		weight -= (s32)(((u32)(weight - highest) + (u32)gcd - 1) / (u32)gcd) * gcd;
	return lb_wrr_lap(ctx, service, 0, weight, moved);
}

/* What one change of the destination list does to wrr's cursor (kernel IPVS's dest_changed). */
static LB_INLINE u64 lb_wrr_changed(u64 cursor, s32 gcd, s32 max)
{
	s32 weight = (s32)lb_cursor_high(cursor);

	if (weight > max || weight == 0)
		weight = max;
	else if (gcd > 1)
		weight = weight / gcd * gcd + 1;
	return lb_cursor(0, (u32)weight);
}

/* rr and wrr: take a step of the service's shared cursor. Under contention, one whose step is lost takes another. */
static LB_INLINE u32 lb_turn(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_service_state *state = lb_service_state(ctx, service->id);
	u32 id = 0;

	for (int i = 0; state && i < LB_CURSOR_RETRIES; i++) {
		u64 cursor = lb_load(&state->cursor), moved = cursor;

		id = service->scheduler == LB_RR ? lb_rr_once(ctx, service, cursor, &moved)
						 : lb_wrr_once(ctx, service, cursor, &moved);
		if (id == 0 || __sync_bool_compare_and_swap(&state->cursor, cursor, moved))
			return id;
	}
	return id;
}

/* lc and wlc: the least 256 * active + inactive, for wlc by weight; ties keep the first. */
static LB_INLINE u32 lb_least(struct lb_ctx *ctx, const struct lb_service *service)
{
	u64 least = 0, least_weight = 1;
	u32 id = 0;

	for (u32 i = 0; i < LB_MAX_SERVICE_DESTS && i < service->dest_count; i++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, i);
		const struct lb_dest_state *state = item ? lb_dest_state(ctx, item->id) : 0;
		u64 load, weight;

		if (!state || item->weight <= 0 || (state->flags & LB_DEST_OVERLOAD))
			continue;
		load = (u64)state->active * 256 + state->inactive;
		weight = service->scheduler == LB_WLC ? (u64)item->weight : 1;
		if (id && least * weight <= load * least_weight)
			continue;
		id = item->id;
		least = load;
		least_weight = weight;
	}
	return id;
}

static LB_INLINE u32 lb_fold_addr(const struct lb_addr *addr)
{
	return lb_ntohl(addr->word[0] ^ addr->word[1] ^ addr->word[2] ^ addr->word[3]);
}

static LB_INLINE u32 lb_sh_hash(u32 value, u32 offset)
{
	return (offset + (value * 0x61c88647U >> 24)) % LB_SH_SIZE;
}

struct lb_sip {
	u64 v0, v1, v2, v3;
};

static LB_INLINE u64 lb_rotate(u64 word, int by)
{
	return word << by | word >> (64 - by);
}

static LB_INLINE void lb_sip_round(struct lb_sip *s)
{
	s->v0 += s->v1;
	s->v1 = lb_rotate(s->v1, 13) ^ s->v0;
	s->v0 = lb_rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = lb_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = lb_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = lb_rotate(s->v1, 17) ^ s->v2;
	s->v2 = lb_rotate(s->v2, 32);
}

/* SipHash-1-3 of one 32-bit word under a doubled key, cut to 32 bits: what 64-bit kernels call hsiphash. */
static LB_INLINE u32 lb_hsiphash(u32 value, u64 key)
{
	struct lb_sip s = {
	    .v0 = 0x736f6d6570736575ULL ^ key,
	    .v1 = 0x646f72616e646f6dULL ^ key,
	    .v2 = 0x6c7967656e657261ULL ^ key,
	    .v3 = 0x7465646279746573ULL ^ key,
	};
	u64 block = 4ULL << 56 | value;

	s.v3 ^= block;
	lb_sip_round(&s);
	s.v0 ^= block;
	s.v2 ^= 0xff;
	lb_sip_round(&s);
	lb_sip_round(&s);
	lb_sip_round(&s);
	return (u32)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

enum { LB_MH_KEY = 2654435761U }; /* the kernel's fixed key for look-ups */

static LB_INLINE u32 lb_slot_hash(const struct lb_service *service, u32 value, u32 offset)
{
	if (service->scheduler == LB_SH)
		return lb_sh_hash(value, offset);
	return lb_hsiphash(value + offset, LB_MH_KEY) % LB_MH_SIZE;
}

/* The destination in this slot of the look-up table: its id, and in `usable` whether it may be chosen now. */
static LB_INLINE u32 lb_slot(struct lb_ctx *ctx, const struct lb_service *service, u32 slot, int *usable)
{
	const u32 *ids = lb_image_line(ctx, service->lookup_first + slot / LB_IDS_PER_LINE);
	u32 id = ids && slot < service->lookup_size ? ids[slot % LB_IDS_PER_LINE] : 0;
	const struct lb_dest *dest = id ? lb_dest_at(ctx, id) : 0;

	*usable = dest && (dest->flags & LB_DEST_PRESENT) && dest->weight > 0 && !lb_overloaded(ctx, id);
	return id;
}

/* sh and mh: the client's slot in the table; with fallback, the slots that re-hashing with an offset leads to. */
static LB_INLINE u32 lb_hashed(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	u32 value = lb_fold_addr(&packet->key.source);
	u32 size = service->scheduler == LB_SH ? LB_SH_SIZE : LB_MH_SIZE;
	u32 home, id;
	int usable;

	if (service->flags & LB_SCHED_PORT)
		value += lb_ntohs(packet->key.sport);
	home = lb_slot_hash(service, value, 0);
	id = lb_slot(ctx, service, home, &usable);
	if (usable || id == 0)
		return id;
	if (!(service->flags & LB_SCHED_FALLBACK))
		return 0;
	for (u32 offset = 0; offset < LB_MH_SIZE && offset < size; offset++) {
		id = lb_slot(ctx, service, lb_slot_hash(service, value, (offset + home) % size), &usable);
		if (usable || id == 0)
			return id;
	}
	return 0;
}

/* Choose a destination for a new connection: its stable id, or 0 when none may take it. */
static LB_INLINE u32 lb_schedule(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	switch (service->scheduler) {
	case LB_RR:
	case LB_WRR:
		return lb_turn(ctx, service);
	case LB_LC:
	case LB_WLC:
		return lb_least(ctx, service);
	case LB_SH:
	case LB_MH:
		return lb_hashed(ctx, service, packet);
	default:
		return 0;
	}
}

#endif
