/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistence templates told to other directors, and entered because others told of them. Part of sync.c.
 *
 * Kernel IPVS tells of a template with each packet of each connection under it, and a backup's copy has its time from
 * that: no connection holds it there. A walk tells when its end has moved, and of one that is held before half of its
 * time is over. One that has ended serves nobody, and is not told of.
 */
#ifndef LB_SYNC_TEMPLATE_H
#define LB_SYNC_TEMPLATE_H

#include "host_user.h"
#include "sync.h"

/* What was last told of the entry in a place. */
struct lb_told {
	u64 name; /* tag and version, retries, state; 0: nothing */
	union {
		u32 packets;
		u32 at; /* TEMPLATE: ms, when it was told of */
	};
	u32 expires;
};

static inline u64 lb_told_name(u64 control, u8 retries)
{
	return (control & ~0xffffULL) | (u64)retries << 8 | lb_control_state(control);
}

static inline int lb_is_told(const struct lb_told *told, u64 control)
{
	return (told->name ^ control) >> 16 == 0;
}

static inline u8 lb_told_state(const struct lb_told *told)
{
	return (u8)told->name;
}

enum { LB_LEAST_REFRESH = 10000 }; /* ms; as the kernel's */

/* How far the end of what has this time must have moved, in ms. */
static inline u32 lb_least_move(const struct lb_sync_rule *rule, u32 timeout)
{
	u32 least = timeout / 2 < LB_LEAST_REFRESH ? LB_LEAST_REFRESH : timeout / 2;

	return rule->refresh < least ? rule->refresh : least;
}

static inline int lb_template_due(const struct lb_sync_rule *rule, const struct lb_told *told,
				  const struct lb_conn *conn, u32 now)
{
	u32 least = rule->refresh ? lb_least_move(rule, conn->peer) : 1;

	if (lb_template_ended(conn->control))
		return 0;
	if (!lb_is_told(told, conn->control))
		return 1;
	if (!rule->period && !rule->refresh)
		return 0;
	return lb_told_state(told) != lb_control_state(conn->control) ||
	       (s32)(conn->expires - told->expires) >= (s32)least ||
	       (lb_template_holds(conn) && now - told->at >= conn->peer / 2);
}

static inline void lb_note_template(struct lb_told *told, const struct lb_conn *conn, u32 now)
{
	told->name = lb_told_name(conn->control, 0);
	told->at = now;
	told->expires = conn->expires;
}

static inline void lb_write_template(struct lb_sync_flow *out, const struct lb_conn *conn)
{
	*out = (struct lb_sync_flow){
	    .caddr = conn->caddr,
	    .vaddr = conn->vaddr,
	    .vport = lb_ntohs(conn->vport),
	    .protocol = conn->protocol,
	    .family = lb_conn_family(conn),
	    .state = lb_control_state(conn->control) & LB_TEMPLATE_ASSURED,
	    .template = 1,
	    .dest = conn->dest,
	    .timeout = conn->peer,
	};
}

/* Open a template in a place that was won. No flow is under it yet. */
static inline void lb_sync_open_template(struct lb_ctx *ctx, const struct lb_key *key, const struct lb_sync_flow *flow,
					 struct lb_found *found)
{
	struct lb_conn *conn = found->conn;

	lb_conn_write_key(conn, key);
	conn->dest = flow->dest;
	conn->peer = flow->timeout;
	conn->expires = ctx->now + flow->timeout;
	lb_count_template(ctx, flow->dest, 1);
	lb_conn_publish(found, flow->state & LB_TEMPLATE_ASSURED, LB_CONN_TEMPLATE);
}

/* Wind up a template that stands here, as its own director did. It is held meanwhile, so that its place stays its own. */
static inline int lb_sync_wind_template(struct lb_ctx *ctx, const struct lb_sync_flow *flow, struct lb_found *found)
{
	if (!lb_template_hold(found->conn, found->control))
		return LB_SYNC_STALE;
	found->conn->peer = flow->timeout;
	found->conn->expires = ctx->now + flow->timeout;
	if (flow->state & LB_TEMPLATE_ASSURED)
		lb_template_set(found->conn, LB_TEMPLATE_ASSURED);
	found->control = lb_conn_control(found->conn);
	lb_template_leave(ctx, ctx->now, found->index);
	return LB_SYNC_UPDATED;
}

/* End a template: at once, or with the last of its flows. */
static inline void lb_sync_end_template(struct lb_ctx *ctx, struct lb_found *found)
{
	u64 ended = found->control | (u64)LB_TEMPLATE_ENDED << 8;

	if (!lb_conn_swap(found->conn, found->control, ended))
		return;
	found->control = ended;
	lb_conn_kill(ctx, ctx->now, found);
}

/* What is told of a client is newer than what is known of it: a template to another server gives way. */
static inline int lb_sync_find_template(struct lb_ctx *ctx, const struct lb_key *key, u64 hash,
					const struct lb_sync_flow *flow, struct lb_found *found)
{
	u64 control = 0;
	u32 index = lb_conn_search(ctx, ctx->now, key, hash, &control);

	if (!lb_found_again(ctx, index, control, found) || lb_control_kind(control) != LB_CONN_TEMPLATE)
		return LB_SYNC_ENTERED;
	if (found->dest == flow->dest)
		return LB_SYNC_UPDATED;
	lb_sync_end_template(ctx, found);
	return LB_SYNC_ENTERED;
}

/* `found` becomes the template that was entered or updated. */
static inline int lb_sync_enter_template(struct lb_ctx *ctx, struct lb_key *key, const struct lb_sync_flow *flow,
					 struct lb_found *found)
{
	int result;
	u64 hash, claim;

	key->kind = LB_KEY_TEMPLATE;
	hash = lb_key_hash(ctx, key);
	result = lb_sync_find_template(ctx, key, hash, flow, found);
	if (result == LB_SYNC_UPDATED)
		return lb_sync_wind_template(ctx, flow, found);
	claim = lb_conn_claim(ctx, ctx->now, key, hash, &found->control);
	if (claim >> 32 == LB_CLAIM_NONE)
		return LB_SYNC_FULL;
	if (claim >> 32 == LB_CLAIM_MET)
		return LB_SYNC_STALE;
	found->index = (u32)claim;
	found->conn = &ctx->datapath->conns[found->index];
	lb_sync_open_template(ctx, key, flow, found);
	return LB_SYNC_ENTERED;
}

#endif
