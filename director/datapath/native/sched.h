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

#include "local.h"
#include "lookup.h"
#include "twos.h"
#include "walk.h"

enum { LB_CURSOR_RETRIES = 8 };

/* rr: where in the list to go on. The last choice is there: a swap moves the cursor off a deleted one. */
static LB_INLINE u32 lb_rr_next(struct lb_ctx *ctx, const struct lb_service *service, u64 cursor)
{
	u32 last = lb_cursor_low(cursor), index = lb_cursor_high(cursor);
	const struct lb_list_item *item;

	if (last == 0)
		return 0;
	item = lb_list_item(ctx, service, index);
	if (!item || item->id != last)
		index = lb_position_of(ctx, service, last);
	return index + 1;
}

static LB_INLINE u32 lb_rr_once(struct lb_ctx *ctx, const struct lb_service *service, u64 cursor, u64 *moved)
{
	u32 index;
	u32 id = lb_first_from(ctx, service, lb_rr_next(ctx, service, cursor), 1, &index);

	if (id == 0)
		id = lb_first_from(ctx, service, 0, 1, &index);
	if (id)
		*moved = lb_cursor(id, index);
	return id;
}

/* The rest of a lap of wrr: the first from index i on that is eligible and has at least this weight. */
static LB_INLINE u32 lb_wrr_lap(struct lb_ctx *ctx, const struct lb_service *service, u32 i, s32 weight, u64 *moved)
{
	u32 index;
	u32 id = lb_first_from(ctx, service, i, weight, &index);

	if (id)
		*moved = lb_cursor(index + 1, (u32)weight);
	return id;
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

/* A look-up in a table: what is hashed, at which offset the next try is, and what was found. */
struct lb_hashing {
	u32 value;
	u32 home; /* the slot that the client belongs to */
	u32 offset;
	u32 id; /* found: stable id, 0 for none */
};

static LB_INLINE u32 lb_table_size(const struct lb_service *service)
{
	return service->scheduler == LB_SH ? LB_SH_SIZE : LB_MH_SIZE;
}

/* The destination in this slot of the table that begins at line `first`: its id, and in `usable` whether it may be chosen now. */
static LB_INLINE u32 lb_slot(struct lb_ctx *ctx, u32 first, u32 size, u32 slot, int *usable)
{
	const u32 *ids = lb_image_line(ctx, first + slot / LB_IDS_PER_LINE);
	u32 id = ids && slot < size ? ids[slot % LB_IDS_PER_LINE] : 0;
	const struct lb_dest *dest = id ? lb_dest_at(ctx, lb_image(ctx), id) : 0;

	*usable = dest && (dest->flags & LB_DEST_PRESENT) && dest->weight > 0 && !lb_overloaded(ctx, id);
	return id;
}

/* Try slots that re-hashing with the next LB_STRIDE offsets leads to. 1 at the end: found, or there is none. */
LB_SUBPROGRAM int lb_fallback_stride(struct lb_ctx *ctx, const struct lb_service *service, struct lb_hashing *hashing)
{
	u32 size;

	if (!service || !hashing)
		return 1;
	size = lb_table_size(service);
	for (u32 n = 0; n < LB_STRIDE && hashing->offset < size; n++, hashing->offset++) {
		u32 offset = (hashing->offset + hashing->home) % size;
		int usable;
		u32 slot = lb_slot_hash(service, hashing->value, offset);
		u32 id = lb_slot(ctx, service->lookup_first, service->lookup_size, slot, &usable);

		if (usable)
			hashing->id = id;
		if (usable || id == 0)
			return 1;
	}
	return hashing->offset >= size;
}

/* sh and mh: the client's slot in the table; with fallback, the slots that re-hashing with an offset leads to. */
static LB_INLINE u32 lb_hashed(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	struct lb_hashing hashing = {.value = lb_fold_addr(&packet->key.source)};
	int usable;
	u32 id;

	if (service->flags & LB_SCHED_PORT)
		hashing.value += lb_ntohs(packet->key.sport);
	hashing.home = lb_slot_hash(service, hashing.value, 0);
	id = lb_slot(ctx, service->lookup_first, service->lookup_size, hashing.home, &usable);
	if (usable || id == 0)
		return id;
	if (!(service->flags & LB_SCHED_FALLBACK))
		return 0;
	for (u32 n = 0; n <= LB_MH_SIZE / LB_STRIDE; n++)
		if (lb_fallback_stride(ctx, service, &hashing))
			break;
	return hashing.id;
}

/* dh: whoever holds the bucket of the address that the client asked for. */
static LB_INLINE u32 lb_hashed_asked(struct lb_ctx *ctx, const struct lb_service *service,
				     const struct lb_packet *packet)
{
	u32 slot = lb_sh_hash(lb_fold_addr(&packet->key.destination), 0);
	int usable;
	u32 id = lb_slot(ctx, service->lookup_first, service->lookup_size, slot, &usable);

	return usable ? id : 0;
}

/* What lb_choose does, for all schedulers that remember nothing of the addresses that clients ask for. */
LB_SUBPROGRAM u32 lb_schedule(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	if (!service || !packet)
		return 0;
	switch (service->scheduler) {
	case LB_RR:
	case LB_WRR:
		return lb_turn(ctx, service);
	case LB_LC:
	case LB_WLC:
		return lb_least_loaded(ctx, service);
	case LB_SH:
	case LB_MH:
		return lb_hashed(ctx, service, packet);
	case LB_SED:
	case LB_NQ:
	case LB_FO:
	case LB_OVF:
		return lb_soonest(ctx, service);
	case LB_DH:
		return lb_hashed_asked(ctx, service, packet);
	case LB_TWOS:
		return lb_two_choices(ctx, service);
	default: /* none; lblc and lblcr: lb_choose */
		return 0;
	}
}

/*
 * Choose a destination for a new connection: its stable id, or 0 when none may take it. Those who remember more have a
 * call of their own, since all calls together have 512 bytes of stack, and come last, so that others do not pay.
 */
static LB_INLINE u32 lb_choose(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	u32 id = lb_schedule(ctx, service, packet);

	return id ? id : lb_local(ctx, service, packet);
}

#endif
