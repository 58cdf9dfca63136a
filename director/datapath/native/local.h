/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lblc and lblcr: who asks for the same address meets the same destination, or one of a set of them, as long as these
 * are not overloaded.
 *
 * What is remembered of an address lies in the connection table, in entries of a kind of their own (LB_CONN_CACHE) that
 * nobody lists or counts. An address has a head, whose key is the service's epoch and the address. For lblc it names the
 * destination. For lblcr it leads to the set's members, one entry for each, the latest first: the key of a member holds
 * its destination's id, and `peer` is where the next one stands.
 *
 * It is a memory that may be lost. Such an entry takes only a place that is free and gives way to all else, an epoch
 * ends with the service's scheduler, and where two CPUs write at once one of them may be forgotten. What is lost is
 * chosen anew.
 */
#ifndef LB_LOCAL_H
#define LB_LOCAL_H

#include "cache.h"
#include "walk.h"

/* A walk over a set: the place of the member that is next, and what was found. */
struct lb_set {
	u32 epoch;
	u32 at;
	u32 id; /* found: stable id, 0 for none */
	u32 expires;
	u64 load; /* of the one that was found, and the weight to divide it by */
	u64 load_weight;
	u32 before; /* lb_set_most: the place before the next member, and before the one that was found */
	u32 found_before;
};

/* Whether a destination from this index on has less than half its weight to do: 1 yes, 2 no, and the list ends here. */
LB_SUBPROGRAM int lb_idle_stride(struct lb_ctx *ctx, const struct lb_service *service, u32 from)
{
	if (!service)
		return 2;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, from + n);
		const struct lb_dest_state *state = item ? lb_dest_state(ctx, item->id) : 0;

		if (!item)
			return 2;
		if (state && item->weight > 0 && (u64)state->active * 2 < (u64)item->weight)
			return 1;
	}
	return 0;
}

/* Whether a destination that is remembered still serves: present, and not overloaded while another idles. */
static LB_INLINE int lb_still_serves(struct lb_ctx *ctx, const struct lb_service *service, u32 id)
{
	const struct lb_dest *dest = id ? lb_dest_at(ctx, lb_image(ctx), id) : 0;
	const struct lb_dest_state *state = lb_dest_state(ctx, id);

	if (!dest || !state || !(dest->flags & LB_DEST_PRESENT) || dest->weight <= 0)
		return 0;
	if (state->active <= (u32)dest->weight)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDES; n++) {
		int idles = lb_idle_stride(ctx, service, n * LB_SHORT_STRIDE);

		if (idles)
			return idles == 2;
	}
	return 1;
}

/* The member at a place, if it is one of this set. */
static LB_INLINE struct lb_conn *lb_member_at(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 index)
{
	struct lb_conn *conn = index == LB_CONN_NOBODY ? 0 : lb_conn_at(ctx, index);

	return conn && lb_is_cached(conn, lb_conn_control(conn), packet, epoch) && !lb_is_head(conn) ? conn : 0;
}

/* A stride of lb_set_least: it also winds the members' timers up. 1 at the end of the set. */
LB_SUBPROGRAM int lb_set_stride(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_set *set)
{
	if (!packet || !set)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++) {
		struct lb_conn *conn = lb_member_at(ctx, packet, set->epoch, set->at);
		const struct lb_dest_state *state = conn ? lb_dest_state(ctx, conn->dest) : 0;
		const struct lb_dest *dest = conn ? lb_dest_at(ctx, lb_image(ctx), conn->dest) : 0;
		u64 load;

		if (!conn)
			return 1;
		set->at = conn->peer;
		lb_wind_up(conn, set->expires);
		if (!dest || !state || !(dest->flags & LB_DEST_PRESENT) || dest->weight <= 0 ||
		    (state->flags & LB_DEST_OVERLOAD))
			continue;
		load = (u64)state->active * 256 + state->inactive;
		if (set->id && set->load * (u64)dest->weight <= load * set->load_weight)
			continue;
		set->id = conn->dest;
		set->load = load;
		set->load_weight = (u64)dest->weight;
	}
	return 0;
}

/*
 * A stride of the search for this destination in a set, from this place on: the place to go on at, or one of
 * LB_CONN_NOBODY (it is none) and LB_CONN_MET (it is a member).
 */
LB_SUBPROGRAM u32 lb_set_has(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 at, u32 id)
{
	if (!packet)
		return LB_CONN_NOBODY;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++) {
		const struct lb_conn *conn = lb_member_at(ctx, packet, epoch, at);

		if (!conn)
			return LB_CONN_NOBODY;
		if (conn->dest == id)
			return LB_CONN_MET;
		at = conn->peer;
	}
	return at;
}

/* A stride of the search for the member with the most load for its weight. 1 at the end of the set. */
LB_SUBPROGRAM int lb_set_most(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_set *set)
{
	if (!packet || !set)
		return 1;
	for (u32 n = 0; n < LB_SHORT_STRIDE; n++) {
		const struct lb_conn *conn = lb_member_at(ctx, packet, set->epoch, set->at);
		const struct lb_dest_state *state = conn ? lb_dest_state(ctx, conn->dest) : 0;
		const struct lb_dest *dest = conn ? lb_dest_at(ctx, lb_image(ctx), conn->dest) : 0;
		u32 before = set->before;
		u64 load;

		if (!conn)
			return 1;
		set->before = set->at;
		set->at = conn->peer;
		if (!dest || !state || dest->weight <= 0)
			continue;
		load = (u64)state->active * 256 + state->inactive;
		if (set->id && set->load * (u64)dest->weight >= load * set->load_weight)
			continue;
		set->id = conn->dest;
		set->load = load;
		set->load_weight = (u64)dest->weight;
		set->found_before = before;
	}
	return 0;
}

/* Take the member behind this place out of its set: lead past it. */
static LB_INLINE void lb_set_erase(struct lb_ctx *ctx, const struct lb_packet *packet, u32 epoch, u32 before)
{
	struct lb_conn *conn = lb_conn_at(ctx, before);
	struct lb_found member = {0};
	u64 control = conn ? lb_conn_control(conn) : 0;

	if (!conn || !lb_is_cached(conn, control, packet, epoch) || !lb_cache_lock(conn, control))
		return;
	member.conn = lb_member_at(ctx, packet, epoch, conn->peer);
	if (member.conn) {
		member.control = lb_conn_control(member.conn);
		conn->peer = member.conn->peer;
	}
	lb_store(&conn->control, control);
	if (member.conn)
		lb_conn_kill(ctx, packet->now, &member);
}

/* Let the most loaded member of the set at this head go, if there are two at least. */
LB_SUBPROGRAM int lb_set_shrink(struct lb_ctx *ctx, const struct lb_packet *packet, u32 head)
{
	struct lb_set set = {.before = head};
	struct lb_conn *conn = lb_conn_at(ctx, head);
	const struct lb_conn *first;

	if (!packet || !conn)
		return 0;
	set.epoch = conn->caddr.word[0];
	set.at = conn->peer;
	first = lb_member_at(ctx, packet, set.epoch, set.at);
	if (!first || !lb_member_at(ctx, packet, set.epoch, first->peer))
		return 0;
	for (u32 n = 0; n < LB_SHORT_STRIDES; n++)
		if (lb_set_most(ctx, packet, &set))
			break;
	if (!set.id)
		return 0;
	conn->packets = packet->now;
	lb_set_erase(ctx, packet, set.epoch, set.found_before);
	return 1;
}

/*
 * The destination that is remembered for the address that the client asked for: stable id, 0 for none that serves.
 * `idle` is the head of a set that has not changed for long.
 */
LB_SUBPROGRAM u32 lb_cached(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet,
			    u32 *idle)
{
	struct lb_set set = {0};
	struct lb_conn *conn;
	u64 control = 0;
	u32 head, ms;

	if (!service || !packet || !idle)
		return 0;
	set.epoch = lb_epoch(ctx, service);
	head = lb_cache_head(ctx, packet, set.epoch, &control);
	conn = lb_conn_at(ctx, head);
	if (head == LB_CONN_NOBODY || !conn)
		return 0;
	ms = lb_cache_ms(ctx, service);
	set.expires = packet->now + ms;
	set.id = conn->dest;
	set.at = conn->peer;
	if (packet->now - conn->packets > ms)
		*idle = head;
	if (!lb_conn_stands(conn, control))
		return 0;
	lb_wind_up(conn, set.expires);
	for (u32 n = 0; n < LB_SHORT_STRIDES; n++)
		if (lb_set_stride(ctx, packet, &set))
			break;
	return lb_still_serves(ctx, service, set.id) ? set.id : 0;
}

/* Add this destination to the set at this head, unless it is a member. */
LB_SUBPROGRAM int lb_set_insert(struct lb_ctx *ctx, const struct lb_packet *packet, u32 head, u32 id)
{
	struct lb_conn *conn = head == LB_CONN_NOBODY ? 0 : lb_conn_at(ctx, head);
	u64 control = conn ? lb_conn_control(conn) : 0;
	u32 epoch, at, index;

	if (!packet || !conn)
		return 0;
	epoch = conn->caddr.word[0];
	if (!lb_is_cached(conn, control, packet, epoch))
		return 0;
	at = conn->peer;
	for (u32 n = 0; at != LB_CONN_NOBODY && n < LB_SHORT_STRIDES; n++) {
		at = lb_set_has(ctx, packet, epoch, at, id);
		if (at == LB_CONN_MET)
			return 0;
	}
	index = lb_cache_enter(ctx, packet, epoch, id, id, conn->peer, conn->expires);
	if (index == LB_CONN_NOBODY || !lb_cache_lock(conn, control))
		return 0;
	conn->peer = index;
	conn->packets = packet->now;
	lb_store(&conn->control, control);
	return 1;
}

/* Remember this destination for the address that the client asked for. lblcr: the place of the head of its set. */
LB_SUBPROGRAM u32 lb_remember(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet,
			      u32 id)
{
	struct lb_conn *conn;
	u64 control = 0;
	u32 head, epoch;

	if (!service || !packet)
		return LB_CONN_NOBODY;
	if (service->scheduler == LB_LBLCR)
		id = 0;
	epoch = lb_epoch(ctx, service);
	head = lb_cache_head(ctx, packet, epoch, &control);
	if (head == LB_CONN_NOBODY)
		return lb_cache_enter(ctx, packet, epoch, 0, id, LB_CONN_NOBODY,
				      packet->now + lb_cache_ms(ctx, service));
	conn = lb_conn_at(ctx, head);
	if (id && conn && lb_cache_lock(conn, control)) {
		conn->dest = id;
		lb_store(&conn->control, control);
	}
	return head;
}

/* lblc and lblcr: who is remembered, or else the least loaded by weight, who then is. 0 for other schedulers. */
LB_SUBPROGRAM u32 lb_local(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	u32 id, head, idle = LB_CONN_NOBODY;

	if (!service || !packet || (service->scheduler != LB_LBLC && service->scheduler != LB_LBLCR))
		return 0;
	id = lb_cached(ctx, service, packet, &idle);
	if (idle != LB_CONN_NOBODY)
		lb_set_shrink(ctx, packet, idle);
	if (id)
		return id;
	id = lb_least_loaded(ctx, service);
	if (id == 0)
		return 0;
	head = lb_remember(ctx, service, packet, id);
	if (service->scheduler == LB_LBLCR)
		lb_set_insert(ctx, packet, head, id);
	return id;
}

#endif
