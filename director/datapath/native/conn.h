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

#include "load.h"
#include "lookup.h"
#include "parse.h"
#include "state.h"

enum { LB_PLACES = LB_SETS * LB_WAYS }; /* at which an entry can stand */

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

/* Index of the i-th place at which an entry with this hash may stand, 0 <= i < LB_PLACES. */
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

/* A found entry: `control` as it was when the key was compared, `dest` and `kin` what the entry said then. */
struct lb_found {
	struct lb_conn *conn;
	u64 control;
	u32 index;
	u32 dest;
	u8 kin;
};

/*
 * Whether what was read from an entry since its control word was such is this entry's: its state may have changed, or it
 * may have ended, but nobody has written over it, since who claims a place gives it another version first.
 */
static LB_INLINE int lb_conn_stands(const struct lb_conn *conn, u64 control)
{
	lb_order_loads();
	return (lb_conn_control(conn) ^ control) >> 16 == 0;
}

static LB_INLINE struct lb_found lb_found_at(struct lb_conn *conn, u32 index, u64 control)
{
	return (struct lb_found){
	    .conn = conn, .control = control, .index = index, .dest = conn->dest, .kin = conn->kin};
}

/* By which method a found flow's packets are sent. */
static LB_INLINE u8 lb_found_method(const struct lb_found *flow)
{
	return (flow->kin >> 4) & LB_KIN_METHOD;
}

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
	*flow = lb_found_at(conn, index, control);
	return lb_conn_stands(conn, control);
}

static LB_INLINE int lb_conn_flow_of_reply(struct lb_ctx *ctx, u32 now, const struct lb_found *reply,
					   struct lb_found *flow)
{
	return lb_conn_flow_at(ctx, now, reply->conn->peer, flow) && flow->conn->peer == reply->index;
}

/* Whether the flow of a REPLY stands, if only because nobody has ended it yet; only with it does the REPLY's template go. */
static LB_INLINE int lb_conn_reply_belongs(struct lb_ctx *ctx, const struct lb_found *reply)
{
	const struct lb_conn *flow = lb_conn_at(ctx, reply->conn->peer);

	return flow && lb_control_kind(lb_conn_control(flow)) == LB_CONN_FLOW && flow->peer == reply->index;
}

/* Whether an entry counts in a search. A flow that has expired may leave its REPLY standing until it is swept. */
static LB_INLINE int lb_conn_counts(struct lb_ctx *ctx, u32 now, struct lb_found *found)
{
	struct lb_found flow;

	return lb_conn_alive(found->conn, found->control, now) && !lb_template_ended(found->control) &&
	       (lb_control_kind(found->control) != LB_CONN_REPLY || lb_conn_flow_of_reply(ctx, now, found, &flow));
}

enum { LB_TEMPLATE_AGAIN = 60000 }; /* ms, for which a template lives on that has flows when its time is over */

/* Wind up a template whose time is over, and which lives on for its flows: from then on it has a minute at a time. */
static LB_INLINE void lb_template_rewind(struct lb_conn *conn, u32 now)
{
	u32 over = now - conn->expires;

	if (!lb_expired(conn->expires, now))
		return;
	conn->peer = LB_TEMPLATE_AGAIN;
	conn->expires = now + LB_TEMPLATE_AGAIN - over % LB_TEMPLATE_AGAIN;
}

/* A flow under the template at this place ends. */
static LB_INLINE void lb_template_leave(struct lb_ctx *ctx, u32 now, u32 index)
{
	struct lb_conn *conn = lb_conn_at(ctx, index);

	if (!conn || lb_control_kind(lb_conn_control(conn)) < LB_CONN_BUSY)
		return;
	lb_template_rewind(conn, now);
	__sync_fetch_and_add(&conn->packets, -1);
}

/* The place of the template that a flow is under, which this one is; with NAT it is written in the flow's REPLY. */
static LB_INLINE u32 lb_template_of(struct lb_ctx *ctx, const struct lb_conn *conn, u32 index)
{
	const struct lb_conn *reply;

	if (((conn->kin >> 4) & LB_KIN_METHOD) != LB_NAT)
		return conn->peer;
	reply = lb_conn_at(ctx, conn->peer);
	return reply && reply->peer == index ? reply->expires : (u32)LB_CONN_NOBODY;
}

/* Let go of what the entry held; the caller has won it by compare-and-swap. A flow takes its REPLY with it. */
static LB_INLINE void lb_conn_release(struct lb_ctx *ctx, u32 now, const struct lb_found *found)
{
	struct lb_conn *conn = found->conn;
	struct lb_conn *reply;
	u64 control;

	if (lb_control_kind(found->control) == LB_CONN_TEMPLATE)
		lb_count_template(ctx, conn->dest, -1);
	if (lb_control_kind(found->control) != LB_CONN_FLOW)
		return;
	if (LB_UNLIKELY(conn->kin & LB_KIN_HELD << 4))
		lb_template_leave(ctx, now, lb_template_of(ctx, conn, found->index));
	lb_unbind(ctx, conn->dest, lb_control_state(found->control));
	reply = conn->peer ? lb_conn_at(ctx, conn->peer) : 0;
	if (!reply)
		return;
	control = lb_conn_control(reply);
	if (lb_control_kind(control) != LB_CONN_REPLY || reply->peer != found->index ||
	    !lb_conn_swap(reply, control, (control & ~0xffULL) | LB_CONN_BUSY))
		return;
	reply->expires = now;
	lb_store(&reply->control, (control & ~0xffULL) | LB_CONN_DEAD);
}

/*
 * Whether an entry that was just made BUSY may end. A template under which a flow came in this very moment is one again:
 * both looked after their atomic operation (lb_template_hold), so one at least has seen the other.
 */
static LB_INLINE int lb_conn_may_end(struct lb_conn *conn, u64 control)
{
	if (lb_control_kind(control) != LB_CONN_TEMPLATE || !lb_template_holds(conn))
		return 1;
	lb_store(&conn->control, control);
	return 0;
}

/* End an entry now. The one whose compare-and-swap wins takes back its counts. A template with flows is not ended. */
static LB_INLINE void lb_conn_kill(struct lb_ctx *ctx, u32 now, const struct lb_found *found)
{
	u64 bare = found->control & ~0xffULL;

	if (!lb_conn_swap(found->conn, found->control, bare | LB_CONN_BUSY) ||
	    !lb_conn_may_end(found->conn, found->control))
		return;
	lb_conn_release(ctx, now, found);
	found->conn->expires = now;
	lb_store(&found->conn->control, bare | LB_CONN_DEAD);
}

/*
 * Search for the live entry with this key: its index, and its control word as it was when the key was compared. One that
 * has expired is ended on the way: else a packet that found it just before could wind up its timer again, beside the
 * new flow that this packet opens.
 */
LB_SUBPROGRAM u32 lb_conn_search(struct lb_ctx *ctx, u32 now, const struct lb_key *key, u64 hash, u64 *control)
{
	if (!key || !control)
		return LB_CONN_NOBODY;
	for (u32 i = 0; i < LB_PLACES; i++) {
		struct lb_found place = {.index = lb_conn_place(ctx, hash, i)};

		place.conn = lb_conn_at(ctx, place.index);
		if (!place.conn)
			break;
		place.control = lb_conn_control(place.conn);
		if (place.control == 0)
			break;
		if (lb_control_tag(place.control) != lb_hash_tag(hash) || !lb_conn_has_key(place.conn, key))
			continue;
		*control = place.control;
		if (lb_conn_counts(ctx, now, &place) && lb_conn_stands(place.conn, place.control))
			return place.index;
		if (lb_control_kind(place.control) == LB_CONN_FLOW ||
		    (lb_control_kind(place.control) == LB_CONN_TEMPLATE && !lb_template_ended(place.control)))
			lb_conn_kill(ctx, now, &place);
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
	if (!conn || !lb_conn_is(conn, control, now, key, hash)) {
		index = lb_conn_search(ctx, now, key, hash, &control);
		conn = lb_conn_at(ctx, index);
		if (index == LB_CONN_NOBODY || !conn)
			return 0;
	}
	*found = lb_found_at(conn, index, control);
	return lb_conn_stands(conn, control);
}

/* What a search found: the entry at this index, as long as its control word is such. */
static LB_INLINE int lb_found_again(struct lb_ctx *ctx, u32 index, u64 control, struct lb_found *found)
{
	struct lb_conn *conn = lb_conn_at(ctx, index);

	if (index == LB_CONN_NOBODY || !conn)
		return 0;
	*found = lb_found_at(conn, index, control);
	return lb_conn_stands(conn, control);
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

/*
 * Move an entry to a state, once, and the counts with it. 0 when another was quicker; then `control` is what that one
 * made of it.
 */
static LB_INLINE int lb_conn_set_state(struct lb_ctx *ctx, struct lb_found *found, u8 state)
{
	u8 old = lb_control_state(found->control);
	u64 next = (found->control & ~0xff00ULL) | (u64)state << 8;

	if (old == state)
		return 1;
	if (!lb_conn_swap(found->conn, found->control, next)) {
		found->control = lb_conn_control(found->conn);
		return 0;
	}
	found->control = next;
	if (lb_state_active(old) != lb_state_active(state)) {
		lb_count_state(ctx, found->dest, old, -1);
		lb_count_state(ctx, found->dest, state, 1);
	}
	return 1;
}

static LB_INLINE int lb_conn_flow_of_fragment(struct lb_ctx *ctx, u32 now, const struct lb_found *piece,
					      struct lb_found *flow)
{
	return lb_conn_flow_at(ctx, now, piece->conn->peer, flow) && lb_control_tag(flow->control) == piece->dest &&
	       lb_control_version(flow->control) == piece->conn->packets && lb_conn_stands(piece->conn, piece->control);
}

#endif
