/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection table: a flat, fixed-size, set-associative array of 64-byte entries that every host shares.
 *
 * An entry's place follows from its key's hash: a home set of LB_WAYS entries, begun at a way that the hash names, and
 * when that set has no empty place, a second set, and so on to the last of LB_SETS. A search ends at the first empty
 * place, so a hit usually touches one cache line. That needs an invariant: between an entry and where its search
 * begins, no place is empty. An entry that dies therefore leaves a DEAD place, which the next claim may take; only
 * the sweeper (conntable.c) turns dead places empty again.
 */
#ifndef LB_CONN_H
#define LB_CONN_H

#include "entry.h"
#include "lookup.h"
#include "parse.h"
#include "state.h"

static LB_INLINE u64 lb_conn_control(const struct lb_conn *conn)
{
	return lb_load(&conn->control);
}

static LB_INLINE int lb_conn_swap(struct lb_conn *conn, u64 from, u64 to)
{
	return __sync_bool_compare_and_swap(&conn->control, from, to);
}

static LB_INLINE u64 lb_key_hash(struct lb_ctx *ctx, const struct lb_key *key)
{
	u64 hash = lb_mix(lb_conn_seed(ctx), (u64)key->destination.word[0] << 32 | key->source.word[0]);

	if (key->family != LB_FAMILY_IPV4) {
		hash = lb_mix_addr(hash, &key->source);
		hash = lb_mix_addr(hash, &key->destination);
	}
	return lb_mix(hash, (u64)key->kind << 48 | (u64)key->protocol << 32 | (u64)key->sport << 16 | key->dport);
}

/* The hash's upper half, never 0: 0 with all else 0 is an empty place. */
static LB_INLINE u32 lb_hash_tag(u64 hash)
{
	return (u32)(hash >> 32) | 1;
}

/* The i-th set in which an entry with this hash may stand, 0 <= i < LB_SETS. An odd step meets no set twice. */
static LB_INLINE u32 lb_conn_set(struct lb_ctx *ctx, u64 hash, u32 i)
{
	u32 step = (lb_hash_tag(hash) * 0x5bd1e995) | 1;

	return ((u32)hash + i * step) & lb_conn_set_mask(ctx);
}

/* The way at which the search in each of its sets begins. */
static LB_INLINE u32 lb_conn_way(u64 hash)
{
	return ((u32)hash >> 29) % LB_WAYS;
}

/* Index of the i-th place at which an entry with this hash may stand, 0 <= i < LB_SETS * LB_WAYS. */
static LB_INLINE u32 lb_conn_place(struct lb_ctx *ctx, u64 hash, u32 i)
{
	return lb_conn_set(ctx, hash, i / LB_WAYS) * LB_WAYS + (lb_conn_way(hash) + i) % LB_WAYS;
}

/* Have the first place of this hash on its way from memory; eBPF knows no other prefetch than a load. */
static LB_INLINE void lb_conn_expect(struct lb_ctx *ctx, u64 hash)
{
	const struct lb_conn *conn = lb_conn_at(ctx, lb_conn_place(ctx, hash, 0));

	if (conn)
		(void)*(const volatile u64 *)&conn->control;
}

static LB_INLINE int lb_conn_has_key(const struct lb_conn *conn, const struct lb_key *key)
{
	return conn->cport == key->sport && conn->vport == key->dport && conn->protocol == key->protocol &&
	       lb_conn_family(conn) == key->family && lb_addr_equal(&conn->caddr, &key->source) &&
	       lb_addr_equal(&conn->vaddr, &key->destination);
}

/* A found entry: `control` as it was when the key was compared. */
struct lb_found {
	struct lb_conn *conn;
	u64 control;
	u32 index;
};

/* The live flow that a REPLY or FRAGMENT entry speaks of. 1 when it is still the same flow. */
static LB_INLINE int lb_conn_flow_at(struct lb_ctx *ctx, u32 now, u32 index, struct lb_found *flow)
{
	struct lb_conn *conn = lb_conn_at(ctx, index);
	u64 control;

	if (!conn)
		return 0;
	control = lb_conn_control(conn);
	if (lb_control_kind(control) != LB_CONN_FLOW || !lb_conn_alive(conn, control, now))
		return 0;
	*flow = (struct lb_found){.conn = conn, .control = control, .index = index};
	return 1;
}

static LB_INLINE int lb_conn_flow_of_reply(struct lb_ctx *ctx, u32 now, const struct lb_found *reply,
					   struct lb_found *flow)
{
	return lb_conn_flow_at(ctx, now, reply->conn->peer, flow) && flow->conn->peer == reply->index;
}

/* Whether an entry counts in a search. A flow that has expired may leave its REPLY standing until it is swept. */
static LB_INLINE int lb_conn_counts(struct lb_ctx *ctx, u32 now, struct lb_found *found)
{
	struct lb_found flow;

	return lb_conn_alive(found->conn, found->control, now) &&
	       (lb_control_kind(found->control) != LB_CONN_REPLY || lb_conn_flow_of_reply(ctx, now, found, &flow));
}

/* Search for the live entry with this key: its index, and its control word as it was when the key was compared. */
LB_SUBPROGRAM u32 lb_conn_search(struct lb_ctx *ctx, u32 now, const struct lb_key *key, u64 hash, u64 *control)
{
	if (!key || !control)
		return LB_CONN_NOBODY;
	for (u32 i = 0; i < LB_SETS * LB_WAYS; i++) {
		struct lb_found place = {.index = lb_conn_place(ctx, hash, i)};

		place.conn = lb_conn_at(ctx, place.index);
		if (!place.conn)
			break;
		place.control = lb_conn_control(place.conn);
		if (place.control == 0)
			break;
		if (lb_control_tag(place.control) != lb_hash_tag(hash) || !lb_conn_has_key(place.conn, key) ||
		    !lb_conn_counts(ctx, now, &place))
			continue;
		*control = place.control;
		if (lb_conn_control(place.conn) == place.control)
			return place.index;
	}
	return LB_CONN_NOBODY;
}

/* Whether this is the live flow with this key: what most searches end with at the first place. */
static LB_INLINE int lb_conn_is(const struct lb_conn *conn, u64 control, u32 now, const struct lb_key *key, u64 hash)
{
	return lb_control_tag(control) == lb_hash_tag(hash) && lb_control_kind(control) == LB_CONN_FLOW &&
	       !lb_expired(conn->expires, now) && lb_conn_has_key(conn, key);
}

/* Find the live entry with this key, of which this is the hash; FLOW keys find REPLY entries too. 1 when found. */
static LB_INLINE int lb_conn_find(struct lb_ctx *ctx, u32 now, const struct lb_key *key, u64 hash,
				  struct lb_found *found)
{
	u32 index = lb_conn_place(ctx, hash, 0);
	struct lb_conn *conn = lb_conn_at(ctx, index);
	u64 control = conn ? lb_conn_control(conn) : 0;

	if (control == 0)
		return 0;
	if (conn && lb_conn_is(conn, control, now, key, hash) && lb_conn_control(conn) == control) {
		*found = (struct lb_found){.conn = conn, .control = control, .index = index};
		return 1;
	}
	index = lb_conn_search(ctx, now, key, hash, &control);
	conn = lb_conn_at(ctx, index);
	if (index == LB_CONN_NOBODY || !conn)
		return 0;
	*found = (struct lb_found){.conn = conn, .control = control, .index = index};
	return 1;
}

static LB_INLINE void lb_count_state(struct lb_ctx *ctx, u32 dest, u8 state, s32 by)
{
	struct lb_dest_state *counts = lb_dest_state(ctx, dest);

	if (counts)
		__sync_fetch_and_add(lb_state_active(state) ? &counts->active : &counts->inactive, by);
}

/* Let go of what the entry held; the caller has won it by compare-and-swap. A flow takes its REPLY with it. */
static LB_INLINE void lb_conn_release(struct lb_ctx *ctx, u32 now, const struct lb_found *found)
{
	struct lb_conn *conn = found->conn;
	struct lb_conn *reply;
	u64 control;

	if (lb_control_kind(found->control) != LB_CONN_FLOW)
		return;
	lb_count_state(ctx, conn->dest, lb_control_state(found->control), -1);
	reply = conn->peer ? lb_conn_at(ctx, conn->peer) : 0;
	if (!reply || reply->peer != found->index)
		return;
	control = lb_conn_control(reply);
	if (lb_control_kind(control) != LB_CONN_REPLY)
		return;
	reply->expires = now;
	lb_conn_swap(reply, control, (control & ~0xffULL) | LB_CONN_DEAD);
}

/* End an entry now. The one whose compare-and-swap wins takes back its counts. */
static LB_INLINE void lb_conn_kill(struct lb_ctx *ctx, u32 now, const struct lb_found *found)
{
	u64 bare = found->control & ~0xffULL;

	if (!lb_conn_swap(found->conn, found->control, bare | LB_CONN_BUSY))
		return;
	lb_conn_release(ctx, now, found);
	found->conn->expires = now;
	lb_store(&found->conn->control, bare | LB_CONN_DEAD);
}

/* Whether a place can be claimed: nobody's, or an entry whose time is over. A REPLY ends with its flow only. */
static LB_INLINE int lb_conn_claimable(const struct lb_conn *conn, u64 control, u32 now)
{
	u8 kind = lb_control_kind(control);

	return kind <= LB_CONN_DEAD || (kind > LB_CONN_BUSY && !lb_conn_alive(conn, control, now));
}

/* Take a place from whoever has it. 0 when another was quicker. */
static LB_INLINE int lb_conn_take(struct lb_ctx *ctx, u32 now, struct lb_found *found, u64 hash)
{
	u64 busy = lb_control(lb_hash_tag(hash), lb_control_version(found->control) + 1, 0, LB_CONN_BUSY);

	if (!lb_conn_swap(found->conn, found->control, busy))
		return 0;
	lb_conn_release(ctx, now, found);
	found->control = busy;
	return 1;
}

/*
 * How readily an entry gives way when no place is free. Anybody can have half-open and UDP flows without an answer, and
 * any number of entries for fragments from a single flow: those go first, and take the place of none but each other.
 */
enum lb_conn_yield {
	LB_YIELD_NEVER,
	LB_YIELD_TO_FLOW,
	LB_YIELD_TO_ALL,
};

static LB_INLINE enum lb_conn_yield lb_conn_yields(u64 control)
{
	u8 state = lb_control_state(control);

	if (lb_control_kind(control) == LB_CONN_FRAGMENT)
		return LB_YIELD_TO_ALL;
	if (lb_control_kind(control) == LB_CONN_FLOW && (state == LB_S_SYN_RECV || state == LB_S_UDP))
		return LB_YIELD_TO_FLOW;
	return LB_YIELD_NEVER;
}

/*
 * Who gives way first among those that do: fragments, then by the ms that they have been idle, which are less than none
 * when timeouts were shortened meanwhile.
 */
static LB_INLINE s32 lb_conn_turn(struct lb_ctx *ctx, u32 now, const struct lb_conn *conn, u64 control)
{
	s32 idle = (s32)(now + lb_timeout_ms(ctx, lb_image(ctx), 0, lb_control_state(control)) - conn->expires);

	return lb_conn_yields(control) == LB_YIELD_TO_ALL ? idle + LB_FRAGMENTS_FIRST : idle;
}

/* Where a search for a place is: who would give way to what `asks` for one, and its turn. */
struct lb_yielding {
	enum lb_conn_yield asks;
	u32 victim;
	s32 turn;
};

/* Take this place if nobody is in it; else remember it if its entry gives way, and before others. */
static LB_INLINE int lb_conn_try(struct lb_ctx *ctx, u32 now, u64 hash, struct lb_found *place,
				 struct lb_yielding *yielding)
{
	s32 turn;

	place->control = lb_conn_control(place->conn);
	if (lb_conn_claimable(place->conn, place->control, now) && lb_conn_take(ctx, now, place, hash))
		return 1;
	if (lb_conn_yields(place->control) < yielding->asks)
		return 0;
	turn = lb_conn_turn(ctx, now, place->conn, place->control);
	if (yielding->victim == LB_CONN_NOBODY || turn > yielding->turn) {
		yielding->victim = place->index;
		yielding->turn = turn;
	}
	return 0;
}

/* Write down that places are scarce (crowd.h); not at each occasion, since every CPU reads it. */
static LB_INLINE void lb_crowd(struct lb_ctx *ctx, u32 now)
{
	u32 *until = lb_crowded_until(ctx);

	if (until && (*until == 0 || (s32)(*until - now) < LB_CROWDED_MS - LB_CROWDED_STEP_MS))
		*until = (now + LB_CROWDED_MS) | 1; /* 0 means never */
}

/*
 * Claim a place for what `asks` for it: its index, and its control word while it is claimed. LB_CONN_NOBODY when there
 * is none.
 */
LB_SUBPROGRAM u32 lb_conn_reserve(struct lb_ctx *ctx, u32 now, u64 hash, u64 *control, u32 asks)
{
	struct lb_yielding yielding = {.asks = asks, .victim = LB_CONN_NOBODY};
	struct lb_found place;

	if (!control)
		return LB_CONN_NOBODY;
	for (u32 i = 0; i < LB_SETS * LB_WAYS; i++) {
		place.index = lb_conn_place(ctx, hash, i);
		place.conn = lb_conn_at(ctx, place.index);
		if (place.conn && lb_conn_try(ctx, now, hash, &place, &yielding)) {
			*control = place.control;
			return place.index;
		}
	}
	if (asks == LB_YIELD_TO_FLOW && yielding.turn < LB_FRAGMENTS_FIRST / 2) /* no mere fragment gives way */
		lb_crowd(ctx, now);
	place.index = yielding.victim;
	place.conn = lb_conn_at(ctx, yielding.victim);
	if (yielding.victim == LB_CONN_NOBODY || !place.conn)
		return LB_CONN_NOBODY;
	place.control = lb_conn_control(place.conn);
	if (lb_conn_yields(place.control) < yielding.asks || !lb_conn_take(ctx, now, &place, hash))
		return LB_CONN_NOBODY;
	*control = place.control;
	return place.index;
}

/*
 * Claim a place for a key with this hash. When none is free, another entry may give way to what `asks`: a flood then
 * fights for places with itself, not with established connections. 0 when there is none of those.
 */
static LB_INLINE int lb_conn_claim(struct lb_ctx *ctx, u32 now, u64 hash, enum lb_conn_yield asks,
				   struct lb_found *found)
{
	u32 index = lb_conn_place(ctx, hash, 0);
	struct lb_conn *conn = lb_conn_at(ctx, index);
	u64 control = conn ? lb_conn_control(conn) : LB_CONN_BUSY;

	*found = (struct lb_found){.conn = conn, .control = control, .index = index};
	if (conn && lb_control_kind(control) <= LB_CONN_DEAD && lb_conn_take(ctx, now, found, hash))
		return 1;
	index = lb_conn_reserve(ctx, now, hash, &control, asks);
	conn = lb_conn_at(ctx, index);
	if (index == LB_CONN_NOBODY || !conn)
		return 0;
	*found = (struct lb_found){.conn = conn, .control = control, .index = index};
	return 1;
}

/* Write the key into a claimed entry; the caller fills in the rest, then publishes it. */
static LB_INLINE void lb_conn_write_key(struct lb_conn *conn, const struct lb_key *key)
{
	conn->caddr = key->source;
	conn->vaddr = key->destination;
	conn->cport = key->sport;
	conn->vport = key->dport;
	conn->protocol = key->protocol;
	conn->kin = key->family;
	conn->client = 0;
	conn->packets = 0;
	conn->peer = 0;
}

static LB_INLINE void lb_conn_publish(struct lb_found *found, u8 state, enum lb_conn_kind kind)
{
	u64 control = lb_control(lb_control_tag(found->control), lb_control_version(found->control), state, kind);

	lb_store(&found->conn->control, control);
	found->control = control;
}

/* Move an entry to a state, once, and the counts with it. Gives up if the entry died meanwhile. */
static LB_INLINE void lb_conn_set_state(struct lb_ctx *ctx, struct lb_found *found, u8 state)
{
	u8 old = lb_control_state(found->control);
	u64 next = (found->control & ~0xff00ULL) | (u64)state << 8;

	if (old == state || !lb_conn_swap(found->conn, found->control, next))
		return;
	found->control = next;
	if (lb_state_active(old) != lb_state_active(state)) {
		lb_count_state(ctx, found->conn->dest, old, -1);
		lb_count_state(ctx, found->conn->dest, state, 1);
	}
}

static LB_INLINE int lb_conn_flow_of_fragment(struct lb_ctx *ctx, u32 now, const struct lb_found *piece,
					      struct lb_found *flow)
{
	return lb_conn_flow_at(ctx, now, piece->conn->peer, flow) &&
	       lb_control_tag(flow->control) == piece->conn->dest &&
	       lb_control_version(flow->control) == piece->conn->packets;
}

#endif
