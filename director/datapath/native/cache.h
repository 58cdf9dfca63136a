/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the connection table in which a scheduler remembers whom an address meets: how they are found and entered.
 * local.h says what for.
 */
#ifndef LB_CACHE_H
#define LB_CACHE_H

#include "claim.h"
#include "lookup.h"

enum {
	LB_EPOCH_CHANCE = 0xfffff, /* the part of an epoch that is random; the service's id is above it */
	LB_EPOCH_SERVICE = 20,
};
_Static_assert(LB_MAX_SERVICES <= 1 << (32 - LB_EPOCH_SERVICE), "an epoch names its service");

/* Which memory is the service's: another one after each change of its scheduler, which sets the cursor to 0. */
static LB_INLINE u32 lb_epoch(struct lb_ctx *ctx, const struct lb_service *service)
{
	struct lb_service_state *state = lb_service_state(ctx, service->id);
	u64 epoch;

	if (!state)
		return 0;
	epoch = lb_load(&state->cursor);
	if (epoch)
		return (u32)epoch;
	epoch = service->id << LB_EPOCH_SERVICE | (lb_random(ctx) & LB_EPOCH_CHANCE);
	return __sync_bool_compare_and_swap(&state->cursor, 0, epoch) ? (u32)epoch : (u32)lb_load(&state->cursor);
}

static LB_INLINE u32 lb_cache_ms(struct lb_ctx *ctx, const struct lb_service *service)
{
	const struct lb_options *options = lb_options(ctx, lb_image(ctx));

	if (!options)
		return 0;
	return service->scheduler == LB_LBLC ? options->lblc_expiration : options->lblcr_expiration;
}

static LB_INLINE u64 lb_cache_hash(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 member)
{
	struct lb_key key = {.kind = LB_KEY_CACHE, .family = packet->key.family};

	key.source.word[0] = epoch;
	key.destination = packet->key.destination;
	key.sport = (u16)member;
	key.dport = (u16)(member >> 16);
	return lb_key_hash(ctx, &key);
}

/* Whether an entry is of this packet's address and this epoch. */
static LB_INLINE int lb_is_cached(const struct lb_conn *conn, u64 control, const struct lb_packet *packet, u32 epoch)
{
	return lb_control_kind(control) == LB_CONN_CACHE && conn->caddr.word[0] == epoch &&
	       lb_addr_equal(&conn->vaddr, &packet->key.destination);
}

static LB_INLINE int lb_is_head(const struct lb_conn *conn)
{
	return (conn->cport | conn->vport) == 0;
}

/* Find an address's head: its place, and its control word as it was when the entry was looked at. */
LB_SUBPROGRAM u32 lb_cache_head(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u64 *control)
{
	u64 hash;

	if (!packet || !control)
		return LB_CONN_NOBODY;
	hash = lb_cache_hash(ctx, packet, epoch, 0);
	for (u32 i = 0; i < LB_PLACES; i++) {
		u32 index = lb_conn_place(ctx, hash, i);
		const struct lb_conn *conn = lb_conn_at(ctx, index);
		u64 found = conn ? lb_conn_control(conn) : 0;

		if (found == 0)
			break;
		if (lb_control_tag(found) != lb_hash_tag(hash) || !lb_is_cached(conn, found, packet, epoch) ||
		    !lb_is_head(conn) || lb_expired(conn->expires, packet->now))
			continue;
		*control = found;
		return index;
	}
	return LB_CONN_NOBODY;
}

/* Claim the first free place for a head (member 0) or a member and write its key: its index, or LB_CONN_NOBODY. */
LB_SUBPROGRAM u32 lb_cache_claim(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 member)
{
	struct lb_found place = {0};
	u64 hash;

	if (!packet)
		return LB_CONN_NOBODY;
	hash = lb_cache_hash(ctx, packet, epoch, member);
	for (u32 i = 0; i < LB_PLACES; i++) {
		place.index = lb_conn_place(ctx, hash, i);
		place.conn = lb_conn_at(ctx, place.index);
		if (!place.conn)
			return LB_CONN_NOBODY;
		place.control = lb_conn_control(place.conn);
		if (lb_conn_claimable(place.conn, place.control, packet->now))
			break;
		place.conn = 0;
	}
	if (!place.conn || !lb_conn_take(ctx, packet->now, &place, hash))
		return LB_CONN_NOBODY;
	place.conn->caddr = (struct lb_addr){.word[0] = epoch};
	place.conn->vaddr = packet->key.destination;
	place.conn->cport = (u16)member;
	place.conn->vport = (u16)(member >> 16);
	place.conn->protocol = 0;
	place.conn->kin = packet->key.family;
	place.conn->client = 0;
	place.conn->packets = packet->now;
	return place.index;
}

/* Enter a head or a member: its index, or LB_CONN_NOBODY. */
static LB_INLINE u32 lb_cache_enter(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 member, u32 dest,
				    u32 next, u32 expires)
{
	u32 index = lb_cache_claim(ctx, packet, epoch, member);
	struct lb_conn *conn = index == LB_CONN_NOBODY ? 0 : lb_conn_at(ctx, index);

	if (!conn)
		return LB_CONN_NOBODY;
	conn->dest = dest;
	conn->peer = next;
	conn->expires = expires;
	lb_store(&conn->control, (lb_conn_control(conn) & ~0xffULL) | LB_CONN_CACHE);
	return index;
}

/* Take an entry to write into it. 0 when it is no more what it was, or another writes. */
static LB_INLINE int lb_cache_lock(struct lb_conn *conn, u64 control)
{
	return lb_conn_swap(conn, control, (control & ~0xffULL) | LB_CONN_BUSY);
}

static LB_INLINE void lb_wind_up(struct lb_conn *conn, u32 expires)
{
	if (conn->expires != expires)
		conn->expires = expires;
}

#endif
