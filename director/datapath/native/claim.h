/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claiming a place of the connection table, also while other CPUs do.
 *
 * Two that open the same flow at once, and both have searched for it in vain, must not both enter it: its packets would
 * find the one, and the other would count as a connection until it expires. Whoever looks for a place goes through them
 * in the order of the search, and takes the first that is free. So both usually want the same place, and the one that
 * does not get it sees its key's tag there: it waits, and then has the flow. Only where the first of them was free since
 * a moment ago may another have passed by before; then it is looked for behind (lb_hunt_rival).
 * docs/decisions/0003-connection-table.md has the whole argument.
 */
#ifndef LB_CLAIM_H
#define LB_CLAIM_H

#include "conn.h"

enum {
	LB_CONN_MET = 0xffffffff, /* no place's index: another has the flow */
	LB_PATIENCE = 1024,	  /* looks at an entry that another writes: time enough for it to be interrupted */
	LB_SETTLED = 1000,	  /* ms, much longer than a packet is on its way through here */
};

enum lb_claim {
	LB_CLAIM_NONE, /* no place */
	LB_CLAIM_WON,
	LB_CLAIM_MET, /* another was quicker */
};

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

	if (!lb_conn_swap(found->conn, found->control, busy) || !lb_conn_may_end(found->conn, found->control))
		return 0;
	lb_conn_release(ctx, now, found);
	found->control = busy;
	return 1;
}

/*
 * How readily an entry gives way when no place is free. Anybody can have half-open and UDP flows without an answer, the
 * templates that those leave, and any number of entries for fragments from a single flow: these last go first, and take
 * the place of none but each other. So does what a scheduler remembers of an address, which it can do without.
 */
enum lb_conn_yield {
	LB_YIELD_NEVER,
	LB_YIELD_TO_FLOW,
	LB_YIELD_TO_ALL,
};

static LB_INLINE enum lb_conn_yield lb_conn_yields(const struct lb_conn *conn, u64 control)
{
	u8 state = lb_control_state(control);

	if (lb_control_kind(control) == LB_CONN_TEMPLATE && !(state & LB_TEMPLATE_ASSURED) && !lb_template_holds(conn))
		return LB_YIELD_TO_FLOW;
	if (lb_control_kind(control) == LB_CONN_FRAGMENT || lb_control_kind(control) == LB_CONN_CACHE)
		return LB_YIELD_TO_ALL;
	if (lb_control_kind(control) == LB_CONN_FLOW && lb_state_in(state, LB_HALF_OPEN_STATES))
		return LB_YIELD_TO_FLOW;
	return LB_YIELD_NEVER;
}

enum { LB_CACHE_TURN = 4 }; /* the longest timer, divided by it, is no more than LB_FRAGMENTS_FIRST / 2 */

/*
 * Who gives way first among those that do: fragments, then by the ms that they have been idle, which are less than none
 * when timeouts were shortened meanwhile.
 */
static LB_INLINE s32 lb_conn_turn(struct lb_ctx *ctx, u32 now, const struct lb_conn *conn, u64 control)
{
	u32 timeout;
	s32 idle;

	if (lb_control_kind(control) == LB_CONN_CACHE) /* behind most fragments, before all flows */
		return LB_FRAGMENTS_FIRST - (s32)((conn->expires - now) / LB_CACHE_TURN);

	if (lb_control_kind(control) == LB_CONN_TEMPLATE)
		timeout = conn->peer;
	else
		timeout = lb_timeout_ms(ctx, lb_image(ctx), 0, lb_control_state(control));
	idle = (s32)(now + timeout - conn->expires);
	return lb_conn_yields(conn, control) == LB_YIELD_TO_ALL ? idle + LB_FRAGMENTS_FIRST : idle;
}

/* Whether an entry is this key's, or may become so: with its tag, somebody is writing it. */
static LB_INLINE int lb_conn_meets(const struct lb_conn *conn, u64 control, const struct lb_key *key, u64 hash)
{
	u8 kind = lb_control_kind(control);

	return lb_control_tag(control) == lb_hash_tag(hash) && !lb_template_ended(control) &&
	       (kind == LB_CONN_BUSY || (kind > LB_CONN_BUSY && lb_conn_has_key(conn, key)));
}

/*
 * Whether a place has been there for the taking for so long that nobody who looks for one now passed it by when it was
 * not. An EMPTY one has: see the sweeper.
 */
static LB_INLINE int lb_conn_settled(const struct lb_conn *conn, u64 control, u32 now)
{
	return control == 0 || (s32)(now - conn->expires) > LB_SETTLED;
}

/* Wait until nobody writes the entry any more, though not for ever, and return its control word. */
static LB_INLINE u64 lb_conn_await(const struct lb_conn *conn, u64 control)
{
	for (u32 i = 0; i < LB_PATIENCE; i++) {
		control = lb_conn_control(conn);
		if (lb_control_kind(control) != LB_CONN_BUSY)
			break;
		lb_pause();
	}
	return control;
}

/* Give a claimed place back; searches go on past it. */
static LB_INLINE void lb_conn_give_back(struct lb_conn *conn, u64 control, u32 now)
{
	conn->expires = now;
	lb_store(&conn->control, (control & ~0xffULL) | LB_CONN_DEAD);
}

/* The search for a place, number by number in the order of lb_conn_place(). */
struct lb_hunt {
	u64 hash;
	u64 control; /* of the place that was taken */
	u32 now;
	u32 index;  /* of the place that was taken, or of the other's */
	u32 victim; /* the number of the place whose entry gives way first, LB_PLACES for none */
	s32 turn;   /* of that one */
	u8 settled; /* the place that was taken had been */
	u8 asks;    /* enum lb_conn_yield: who gives way to this */
	u8 evicts;  /* an entry that gives way is taken for free */
	u8 unused[5];
};

static LB_INLINE int lb_hunt_take(struct lb_ctx *ctx, struct lb_hunt *hunt, struct lb_found *place)
{
	if (!lb_conn_take(ctx, hunt->now, place, hunt->hash))
		return 0;
	hunt->index = place->index;
	hunt->control = place->control;
	return 1;
}

/* Take the i-th place if nobody is in it; else remember it if its entry gives way, and before others. */
LB_SUBPROGRAM int lb_hunt_at(struct lb_ctx *ctx, const struct lb_key *key, struct lb_hunt *hunt, u32 i)
{
	struct lb_found place;
	s32 turn;

	if (!hunt)
		return LB_CLAIM_NONE;
	place.index = lb_conn_place(ctx, hunt->hash, i);
	place.conn = lb_conn_at(ctx, place.index);
	if (!place.conn)
		return LB_CLAIM_NONE;
	place.control = lb_conn_control(place.conn);
	hunt->settled = !hunt->evicts && lb_conn_settled(place.conn, place.control, hunt->now);
	if (lb_conn_claimable(place.conn, place.control, hunt->now) ||
	    (hunt->evicts && lb_conn_yields(place.conn, place.control) >= hunt->asks)) {
		if (lb_hunt_take(ctx, hunt, &place))
			return LB_CLAIM_WON;
		place.control = lb_conn_control(place.conn);
	}
	if (key && lb_conn_meets(place.conn, place.control, key, hunt->hash)) {
		hunt->index = place.index;
		return LB_CLAIM_MET;
	}
	if (lb_conn_yields(place.conn, place.control) < hunt->asks)
		return LB_CLAIM_NONE;
	turn = lb_conn_turn(ctx, hunt->now, place.conn, place.control);
	if (hunt->victim == LB_PLACES || turn > hunt->turn) {
		hunt->victim = i;
		hunt->turn = turn;
	}
	return LB_CLAIM_NONE;
}

/* Write down that places are scarce (crowd.h); not at each occasion, since every CPU reads it. */
static LB_INLINE void lb_crowd(struct lb_ctx *ctx, u32 now)
{
	u32 *until = lb_crowded_until(ctx);

	if (until && (*until == 0 || (s32)(*until - now) < LB_CROWDED_MS - LB_CROWDED_STEP_MS))
		*until = (now + LB_CROWDED_MS) | 1; /* 0 means never */
}

/*
 * The place `mine` was claimed for this key; does another open its flow at the i-th, or has it been opened there?
 * LB_CLAIM_MET: so it is, and `mine` has to be given back. LB_CLAIM_WON: the search ends here. Of two that open a flow in
 * two places, each has claimed its own before it looks, so one at least sees the other. The one whose place comes later
 * gives way at once; the other waits for that.
 */
LB_SUBPROGRAM int lb_hunt_rival(struct lb_ctx *ctx, const struct lb_key *key, const struct lb_hunt *hunt, u32 mine,
				u32 i)
{
	const struct lb_conn *conn;
	u64 control;
	u32 index;

	if (!key || !hunt)
		return LB_CLAIM_WON;
	index = lb_conn_place(ctx, hunt->hash, i);
	conn = lb_conn_at(ctx, index);
	control = conn ? lb_conn_control(conn) : 0;
	if (control == 0)
		return LB_CLAIM_WON;
	if (index == hunt->index || !lb_conn_meets(conn, control, key, hunt->hash))
		return LB_CLAIM_NONE;
	return i < mine || lb_conn_meets(conn, lb_conn_await(conn, control), key, hunt->hash) ? LB_CLAIM_MET
											      : LB_CLAIM_NONE;
}

/* Look for a rival at every place of the search: the number of its place, or LB_PLACES. */
static LB_INLINE u32 lb_hunt_rivals(struct lb_ctx *ctx, const struct lb_key *key, const struct lb_hunt *hunt, u32 mine)
{
	for (u32 i = 0; i < LB_PLACES; i++) {
		int claim = lb_hunt_rival(ctx, key, hunt, mine, i);

		if (claim == LB_CLAIM_MET)
			return i;
		if (claim == LB_CLAIM_WON)
			break;
	}
	return LB_PLACES;
}

/* Take the first place that is free, or else the one whose entry gives way. `mine`: its number. */
static LB_INLINE int lb_hunt_any(struct lb_ctx *ctx, const struct lb_key *key, struct lb_hunt *hunt, u32 *mine)
{
	for (u32 i = 0; i < LB_PLACES; i++) {
		int claim = lb_hunt_at(ctx, key, hunt, i);

		*mine = i;
		if (claim != LB_CLAIM_NONE)
			return claim;
	}
	if (hunt->asks == LB_YIELD_TO_FLOW && hunt->turn < LB_FRAGMENTS_FIRST / 2) /* no mere fragment gives way */
		lb_crowd(ctx, hunt->now);
	if (hunt->victim == LB_PLACES)
		return LB_CLAIM_NONE;
	*mine = hunt->victim;
	hunt->evicts = 1;
	return lb_hunt_at(ctx, key, hunt, hunt->victim);
}

/*
 * Claim a place: its index, and its control word while it is claimed. When none is free, another entry may give way: a
 * flood then fights for places with itself, not with established connections. LB_CONN_NOBODY when there is none of those.
 * LB_CONN_MET when another opens this key's flow, or has opened it since it was searched for; then `control` is the index
 * of its place. Without a key, which then is none of fragments, nobody is met.
 */
LB_SUBPROGRAM u32 lb_conn_reserve(struct lb_ctx *ctx, u32 now, const struct lb_key *key, u64 hash, u64 *control)
{
	struct lb_hunt hunt = {.hash = hash, .now = now, .asks = LB_YIELD_TO_FLOW, .victim = LB_PLACES};
	u32 mine = 0, rival = LB_PLACES;
	struct lb_conn *conn;
	int claim;

	if (!control)
		return LB_CONN_NOBODY;
	if (key && key->kind == LB_KEY_FRAGMENT)
		hunt.asks = LB_YIELD_TO_ALL;
	claim = lb_hunt_any(ctx, key, &hunt, &mine);
	if (claim == LB_CLAIM_NONE)
		return LB_CONN_NOBODY;
	*control = claim == LB_CLAIM_MET ? hunt.index : hunt.control;
	if (claim == LB_CLAIM_MET)
		return LB_CONN_MET;
	if (key && !hunt.settled)
		rival = lb_hunt_rivals(ctx, key, &hunt, mine);
	if (rival == LB_PLACES)
		return hunt.index;
	conn = lb_conn_at(ctx, hunt.index);
	if (conn)
		lb_conn_give_back(conn, hunt.control, hunt.now);
	*control = lb_conn_place(ctx, hunt.hash, rival);
	return LB_CONN_MET;
}

enum { LB_CLAIM_TRIES = 2 };

/*
 * Claim a place for a key of a flow or a template: its index and control word, and above the index an enum lb_claim. If
 * another is quicker to open it, wait until it has, and find it. It may come to no end: it had no place for the reply
 * direction, or is a thread that does not run now.
 */
LB_SUBPROGRAM u64 lb_conn_claim(struct lb_ctx *ctx, u32 now, const struct lb_key *key, u64 hash, u64 *control)
{
	struct lb_conn *conn;
	u32 index;

	if (!key || !control)
		return LB_CLAIM_NONE;
	for (u32 i = 0; i < LB_CLAIM_TRIES; i++) {
		index = lb_conn_reserve(ctx, now, key, hash, control);
		if (index == LB_CONN_NOBODY)
			break;
		if (index != LB_CONN_MET)
			return (u64)LB_CLAIM_WON << 32 | index;
		conn = lb_conn_at(ctx, *control);
		if (conn)
			lb_conn_await(conn, lb_conn_control(conn));
		index = lb_conn_search(ctx, now, key, hash, control);
		if (index != LB_CONN_NOBODY &&
		    lb_control_kind(*control) == (key->kind == LB_KEY_TEMPLATE ? LB_CONN_TEMPLATE : LB_CONN_FLOW))
			return (u64)LB_CLAIM_MET << 32 | index;
	}
	return LB_CLAIM_NONE;
}

#endif
