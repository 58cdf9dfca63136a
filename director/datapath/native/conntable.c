// SPDX-License-Identifier: Apache-2.0
/*
 * Sweeping and listing the connection table.
 *
 * The sweeper alone makes dead places empty. It may do so when no search for a live entry passes the place: none in
 * the set itself, and none that overflowed from this set into a later one (a search goes there only past a set
 * without an empty place). It learns the overflows in one round and uses them in the next. A place must have been dead
 * since before that round began: then it was free to be claimed all the time, and nothing can have overflowed since.
 *
 * Where eBPF programs write, a place that is BUSY in two rounds is nobody's: a program comes to its end, but another
 * director that swept here may have been killed in between. `packet` workers can be stopped for as long as one likes, but
 * their memory goes with them.
 */
#include "conntable.h"

#include <stdlib.h>

#include "host_user.h"

enum { LB_STUCK = 16 }; /* places that are watched in a round; who is busy is so for nanoseconds */

/* Places that were found BUSY in a round. */
struct lb_stuck {
	u32 count;
	u32 index[LB_STUCK];
	u64 control[LB_STUCK];
};

struct lb_sweeper {
	struct lb_datapath *datapath;
	u32 next;		       /* set */
	u32 began;		       /* this round, ms */
	u32 known_since;	       /* when the round of `overflowed` began */
	int known;		       /* a whole round is in `overflowed` */
	u8 *overflowed;		       /* by set: the search for a live entry passes it to reach a later set */
	u8 *overflowing;	       /* the same, of the round that is under way */
	struct lb_stuck before, stuck; /* in the round before this, and in this one */
};

struct lb_sweeper *lb_sweeper_new(struct lb_datapath *datapath)
{
	struct lb_sweeper *sweeper = calloc(1, sizeof(*sweeper));

	if (!sweeper)
		return NULL;
	sweeper->datapath = datapath;
	sweeper->overflowed = calloc(datapath->sets, 1);
	sweeper->overflowing = calloc(datapath->sets, 1);
	if (!sweeper->overflowed || !sweeper->overflowing) {
		lb_sweeper_free(sweeper);
		return NULL;
	}
	return sweeper;
}

void lb_sweeper_free(struct lb_sweeper *sweeper)
{
	if (!sweeper)
		return;
	free(sweeper->overflowed);
	free(sweeper->overflowing);
	free(sweeper);
}

static u8 lb_key_kind_of(u64 control)
{
	switch (lb_control_kind(control)) {
	case LB_CONN_FRAGMENT:
		return LB_KEY_FRAGMENT;
	case LB_CONN_TEMPLATE:
		return LB_KEY_TEMPLATE;
	case LB_CONN_CACHE:
		return LB_KEY_CACHE;
	default:
		return LB_KEY_FLOW;
	}
}

static struct lb_key lb_key_of(const struct lb_conn *conn, u64 control)
{
	return (struct lb_key){
	    .source = conn->caddr,
	    .destination = conn->vaddr,
	    .sport = conn->cport,
	    .dport = conn->vport,
	    .protocol = conn->protocol,
	    .family = lb_conn_family(conn),
	    .kind = lb_key_kind_of(control),
	};
}

/* End what has expired, and a REPLY or FRAGMENT whose flow is gone. 1 when it ended. */
static u32 lb_sweep_entry(struct lb_ctx *ctx, struct lb_found *found)
{
	u8 kind = lb_control_kind(found->control);

	if (kind <= LB_CONN_BUSY)
		return 0;
	if (lb_conn_alive(found->conn, found->control, ctx->now) &&
	    (kind != LB_CONN_REPLY || lb_conn_reply_belongs(ctx, found)))
		return 0;
	lb_conn_kill(ctx, ctx->now, found);
	return kind == LB_CONN_FLOW;
}

/* The ways of one set, as the sweeper sees them. */
struct lb_set_view {
	struct lb_found place[LB_WAYS];
	u8 start[LB_WAYS]; /* where the search for a live entry begins */
	int empty;	   /* there is an empty place */
	int busy;	   /* somebody is writing: leave the set alone */
};

/* Note the sets that the search for an entry of this hash passes before it comes to the set where it stands. */
static void lb_mark_passed(struct lb_sweeper *sweeper, struct lb_ctx *ctx, u64 hash, u32 set)
{
	for (u32 i = 0; i < LB_SETS && lb_conn_set(ctx, hash, i) != set; i++)
		sweeper->overflowing[lb_conn_set(ctx, hash, i)] = 1;
}

static int lb_was_stuck(const struct lb_stuck *before, const struct lb_found *found)
{
	for (u32 i = 0; i < before->count; i++)
		if (before->index[i] == found->index && before->control[i] == found->control)
			return 1;
	return 0;
}

/* Watch a BUSY place, and let go of one that was so a round ago. */
static void lb_sweep_busy(struct lb_sweeper *sweeper, struct lb_found *found, u32 now)
{
	struct lb_stuck *stuck = &sweeper->stuck;

	if (!sweeper->datapath->borrowed)
		return;
	if (lb_was_stuck(&sweeper->before, found)) {
		found->conn->expires = now;
		lb_conn_swap(found->conn, found->control, (found->control & ~0xffULL) | LB_CONN_DEAD);
	} else if (stuck->count < LB_STUCK) {
		stuck->index[stuck->count] = found->index;
		stuck->control[stuck->count++] = found->control;
	}
}

static void lb_view_place(struct lb_sweeper *sweeper, struct lb_ctx *ctx, struct lb_set_view *view, u32 set, u32 way)
{
	struct lb_found *found = &view->place[way];
	struct lb_key key;
	u64 hash;

	found->control = lb_conn_control(found->conn);
	view->empty |= found->control == 0;
	if (lb_control_kind(found->control) == LB_CONN_BUSY && found->index != LB_CONN_NOBODY) {
		view->busy = 1;
		lb_sweep_busy(sweeper, found, ctx->now);
	}
	if (lb_control_kind(found->control) <= LB_CONN_BUSY)
		return;
	key = lb_key_of(found->conn, found->control);
	hash = lb_key_hash(ctx, &key);
	view->start[way] = lb_conn_way(hash);
	lb_mark_passed(sweeper, ctx, hash, set);
}

/* Whether the search for some live entry of the set passes this way. */
static int lb_way_needed(const struct lb_set_view *view, u32 way)
{
	for (u32 i = 0; i < LB_WAYS; i++) {
		u32 from = view->start[i];

		if (lb_control_kind(view->place[i].control) > LB_CONN_BUSY && i != way &&
		    (way - from) % LB_WAYS < (i - from) % LB_WAYS)
			return 1;
	}
	return 0;
}

static void lb_sweep_dead(struct lb_sweeper *sweeper, struct lb_set_view *view, u32 set)
{
	if (view->busy || !sweeper->known || (!view->empty && sweeper->overflowed[set]))
		return;
	for (u32 way = 0; way < LB_WAYS; way++) {
		struct lb_found *found = &view->place[way];

		if (lb_control_kind(found->control) == LB_CONN_DEAD && found->control != 0 &&
		    (s32)(found->conn->expires - sweeper->known_since) < 0 && !lb_way_needed(view, way))
			lb_conn_swap(found->conn, found->control, 0);
	}
}

static u32 lb_sweep_set(struct lb_sweeper *sweeper, struct lb_ctx *ctx, u32 set)
{
	struct lb_set_view view = {0};
	u32 ended = 0, used = 0;

	for (u32 way = 0; way < LB_WAYS; way++) {
		struct lb_found *found = &view.place[way];

		found->index = set * LB_WAYS + way;
		found->conn = &sweeper->datapath->conns[found->index];
		found->control = lb_conn_control(found->conn);
		used |= found->control != 0;
		ended += lb_sweep_entry(ctx, found);
	}
	if (!used)
		return 0;
	for (u32 way = 0; way < LB_WAYS; way++)
		lb_view_place(sweeper, ctx, &view, set, way);
	lb_sweep_dead(sweeper, &view, set);
	return ended;
}

static void lb_sweep_round(struct lb_sweeper *sweeper, u32 now)
{
	u8 *spare = sweeper->overflowed;

	sweeper->overflowed = sweeper->overflowing;
	sweeper->overflowing = spare;
	memset(spare, 0, sweeper->datapath->sets);
	sweeper->known = 1;
	sweeper->known_since = sweeper->began;
	sweeper->began = now;
	sweeper->next = 0;
	sweeper->before = sweeper->stuck;
	sweeper->stuck.count = 0;
}

u32 lb_sweep(struct lb_sweeper *sweeper, u32 sets, u32 now)
{
	struct lb_ctx ctx = {.datapath = sweeper->datapath, .now = now};
	u32 ended = 0;

	if (sweeper->next == 0)
		sweeper->began = now;
	for (; sets > 0 && sweeper->next < sweeper->datapath->sets; sets--)
		ended += lb_sweep_set(sweeper, &ctx, sweeper->next++);
	if (sweeper->next == sweeper->datapath->sets)
		lb_sweep_round(sweeper, now);
	return ended;
}

u32 lb_datapath_sweep(struct lb_datapath *datapath, u64 now_ms)
{
	struct lb_sweeper *sweeper = lb_sweeper_new(datapath);
	u32 ended = sweeper ? lb_sweep(sweeper, datapath->sets, (u32)now_ms) : 0;

	lb_sweeper_free(sweeper);
	return ended;
}

u8 lb_conn_state_of(const struct lb_conn *conn)
{
	u8 state = lb_control_state(conn->control);

	if (!lb_conn_template_of(conn))
		return state;
	return state & LB_TEMPLATE_ASSURED ? LB_SHOWN_ASSURED : LB_S_NONE;
}

int lb_conn_template_of(const struct lb_conn *conn)
{
	return lb_control_kind(conn->control) == LB_CONN_TEMPLATE;
}

int lb_conn_ended_of(const struct lb_conn *conn)
{
	return lb_template_ended(conn->control);
}

int lb_conn_held_of(const struct lb_conn *conn)
{
	return !lb_conn_template_of(conn) && (conn->kin & LB_KIN_HELD << 4);
}

u8 lb_conn_family_of(const struct lb_conn *conn)
{
	return lb_conn_family(conn);
}

u32 lb_conn_packets_of(const struct lb_conn *conn)
{
	return lb_conn_template_of(conn) ? 0 : conn->packets;
}

static int lb_client_matches(const struct lb_conn_query *query, const struct lb_conn *conn)
{
	if (query->client_family == 0)
		return 1;
	if (lb_conn_family(conn) != query->client_family)
		return 0;
	for (int i = 0; i < 4; i++)
		if ((conn->caddr.word[i] & query->client_mask.word[i]) != query->client.word[i])
			return 0;
	return 1;
}

static int lb_conn_matches(const struct lb_conn_query *query, const struct lb_conn *conn)
{
	if ((query->flows_only && lb_conn_template_of(conn)) || (query->protocol && conn->protocol != query->protocol))
		return 0;
	if (query->family && (lb_conn_family(conn) != query->family || conn->vport != query->vport ||
			      !lb_addr_equal(&conn->vaddr, &query->vaddr)))
		return 0;
	if (query->states && !lb_state_in(lb_conn_state_of(conn), query->states))
		return 0;
	if (query->dests && (conn->dest >= query->dests || !query->dest_wanted[conn->dest]))
		return 0;
	return lb_client_matches(query, conn);
}

/* Copy the live flow or template at this place; 0 when there is none, or it changed while it was copied. */
static int lb_conn_copy(const struct lb_datapath *datapath, u32 index, u32 now, struct lb_conn *copy)
{
	const struct lb_conn *conn = &datapath->conns[index];
	u64 control = lb_conn_control(conn);

	if ((lb_control_kind(control) != LB_CONN_FLOW && lb_control_kind(control) != LB_CONN_TEMPLATE) ||
	    !lb_conn_alive(conn, control, now))
		return 0;
	*copy = *conn;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	copy->control = control;
	if (lb_conn_template_of(copy))
		lb_template_rewind(copy, now);
	return lb_control_version(lb_conn_control(conn)) == lb_control_version(control);
}

u32 lb_conns_select(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now, u32 *cursor,
		    struct lb_conn *out, u32 max)
{
	u32 places = datapath->sets * LB_WAYS, copied = 0, index = *cursor;

	for (; index < places && copied < max; index++)
		if (lb_conn_copy(datapath, index, now, &out[copied]) && lb_conn_matches(query, &out[copied]))
			copied++;
	*cursor = index < places ? index : 0;
	return copied;
}

u64 lb_conns_count(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now)
{
	u32 places = datapath->sets * LB_WAYS;
	struct lb_conn copy;
	u64 count = 0;

	for (u32 index = 0; index < places; index++)
		count += lb_conn_copy(datapath, index, now, &copy) && lb_conn_matches(query, &copy);
	return count;
}

u64 lb_conns_places(const struct lb_datapath *datapath, u32 kind)
{
	u32 places = datapath->sets * LB_WAYS;
	u64 count = 0;

	for (u32 index = 0; index < places; index++)
		count += lb_control_kind(lb_conn_control(&datapath->conns[index])) == kind;
	return count;
}

void lb_conns_census(struct lb_datapath *datapath, u32 now, u8 *seen, u32 length)
{
	u32 places = datapath->sets * LB_WAYS;
	struct lb_conn copy;

	for (u32 index = 0; index < places; index++)
		if (lb_conn_copy(datapath, index, now, &copy) && copy.dest < length) /* a flow's or a template's */
			seen[copy.dest] = 1;
}

/* End one kind of entries that match. A template that has flows ends with the last of them, and serves no more until then. */
static u64 lb_conns_end_kind(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now, u8 kind)
{
	struct lb_ctx ctx = {.datapath = datapath, .now = now};
	u32 places = datapath->sets * LB_WAYS;
	struct lb_conn copy;
	u64 ended = 0;

	for (u32 index = 0; index < places; index++) {
		struct lb_found found = {.conn = &datapath->conns[index], .index = index};

		if (!lb_conn_copy(datapath, index, now, &copy) || lb_control_kind(copy.control) != kind ||
		    !lb_conn_matches(query, &copy))
			continue;
		found.control = copy.control;
		lb_conn_kill(&ctx, now, &found);
		if (kind == LB_CONN_TEMPLATE)
			lb_template_set(found.conn, LB_TEMPLATE_ENDED);
		ended++;
	}
	return ended;
}

u64 lb_conns_end(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now)
{
	u64 flows = lb_conns_end_kind(datapath, query, now, LB_CONN_FLOW);

	return flows + lb_conns_end_kind(datapath, query, now, LB_CONN_TEMPLATE);
}
