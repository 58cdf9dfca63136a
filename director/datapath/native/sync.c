// SPDX-License-Identifier: Apache-2.0
/*
 * Which flows are told of, and how one that was told of gets into the table.
 *
 * Kernel IPVS decides with each packet: at the threshold, at each period after it, and when a connection closes. A walk
 * sees a flow some time later, so what counts is whether one of these was passed since the flow was last told of.
 */
#include "sync.h"

#include <stdlib.h>

#include "host_user.h"
#include "sync_template.h"

struct lb_teller {
	u32 next; /* place */
	u32 rounds;
	struct lb_told *told;
};

struct lb_teller *lb_teller_new(const struct lb_datapath *datapath)
{
	struct lb_teller *teller = calloc(1, sizeof(*teller));

	if (!teller)
		return NULL;
	teller->told = calloc((size_t)datapath->sets * LB_WAYS, sizeof(*teller->told));
	if (!teller->told) {
		free(teller);
		return NULL;
	}
	return teller;
}

void lb_teller_free(struct lb_teller *teller)
{
	if (!teller)
		return;
	free(teller->told);
	free(teller);
}

u32 lb_teller_rounds(const struct lb_teller *teller)
{
	return teller->rounds;
}

static u8 lb_told_retries(const struct lb_told *told)
{
	return (u8)(told->name >> 8);
}

/* Kernel IPVS tells of these alone: what is half-open is soon over or soon open. */
static int lb_state_told(u8 protocol, u8 state)
{
	if (protocol == LB_IPPROTO_TCP)
		return state == LB_S_ESTABLISHED || state == LB_S_FIN_WAIT || state == LB_S_CLOSE ||
		       state == LB_S_CLOSE_WAIT || state == LB_S_TIME_WAIT;
	if (protocol == LB_IPPROTO_SCTP)
		return state == LB_S_SCTP_ESTABLISHED || state == LB_S_SCTP_SHUTDOWN_SENT ||
		       state == LB_S_SCTP_SHUTDOWN_RECEIVED || state == LB_S_SCTP_SHUTDOWN_ACK_SENT ||
		       state == LB_S_SCTP_CLOSED;
	return 1;
}

/* Whether a connection in this state closes: UDP's never do. */
static int lb_state_closes(u8 state)
{
	return state != LB_S_ESTABLISHED && state != LB_S_SCTP_ESTABLISHED && state != LB_S_UDP;
}

/* How many thresholds a flow has passed by its packets: 0 before the first. */
static u32 lb_steps(const struct lb_sync_rule *rule, u32 packets)
{
	if (rule->period == 0 && rule->refresh)
		return 1;
	if (packets < rule->threshold)
		return 0;
	return rule->period ? 1 + (packets - rule->threshold) / rule->period : 1;
}

/* Whether its end has moved far enough, or what was told may have been lost. `retries` becomes what to note. */
static int lb_refresh_due(const struct lb_sync_rule *rule, const struct lb_told *told, const struct lb_conn *conn,
			  u32 now, u8 *retries)
{
	u32 timeout = rule->timeouts[lb_told_state(told) % LB_TIMEOUTS];
	u32 moved = conn->expires - told->expires;

	if (moved >= lb_least_move(rule, timeout) && moved < 1U << 31)
		return 1;
	*retries = lb_told_retries(told) + 1;
	return *retries <= rule->retries && conn->packets != told->packets &&
	       (s32)(now - (told->expires - timeout + rule->refresh / 8)) >= 0;
}

static int lb_flow_due(const struct lb_sync_rule *rule, const struct lb_told *told, const struct lb_conn *conn, u32 now,
		       u8 *retries)
{
	u8 state = lb_control_state(conn->control);
	int known = lb_is_told(told, conn->control);
	u32 steps;

	*retries = 0;
	if (!lb_state_told(conn->protocol, state))
		return 0;
	if (lb_state_closes(state) && !(known && lb_told_state(told) == state))
		return 1;
	steps = lb_steps(rule, conn->packets);
	if (!known || steps == 0)
		return steps > 0;
	if (lb_told_state(told) != state)
		return 1;
	if (rule->period && steps == lb_steps(rule, told->packets))
		return 0;
	return rule->refresh ? lb_refresh_due(rule, told, conn, now, retries) : rule->period != 0;
}

static void lb_note(struct lb_told *told, const struct lb_conn *conn, u8 retries)
{
	told->name = lb_told_name(conn->control, retries);
	told->packets = conn->packets;
	told->expires = conn->expires;
}

static void lb_write_flow(struct lb_sync_flow *out, const struct lb_conn *conn, u32 now)
{
	*out = (struct lb_sync_flow){
	    .caddr = conn->caddr,
	    .vaddr = conn->vaddr,
	    .cport = lb_ntohs(conn->cport),
	    .vport = lb_ntohs(conn->vport),
	    .protocol = conn->protocol,
	    .family = lb_conn_family(conn),
	    .state = lb_control_state(conn->control),
	    .method = (conn->kin >> 4) & LB_KIN_METHOD,
	    .dest = conn->dest,
	    .timeout = conn->expires - now,
	    .packets = conn->packets,
	};
}

/* Copy the flow or template in this place, whole; 0 when there is none. */
static int lb_copy_flow(const struct lb_conn *conn, u32 now, struct lb_conn *copy)
{
	u64 control = lb_conn_control(conn);
	u8 kind = lb_control_kind(control);

	if ((kind != LB_CONN_FLOW && kind != LB_CONN_TEMPLATE) || !lb_conn_alive(conn, control, now))
		return 0;
	*copy = *conn;
	copy->control = control;
	if (kind == LB_CONN_TEMPLATE)
		lb_template_rewind(copy, now);
	return lb_conn_stands(conn, control);
}

/* Write down what is due of this entry, and that it was told; 0 when nothing is. */
static int lb_tell(const struct lb_sync_rule *rule, struct lb_told *told, const struct lb_conn *conn, u32 now,
		   struct lb_sync_flow *out)
{
	u8 retries;

	if (lb_control_kind(conn->control) == LB_CONN_TEMPLATE) {
		if (!lb_template_due(rule, told, conn, now))
			return 0;
		lb_note_template(told, conn, now);
		lb_write_template(out, conn);
		return 1;
	}
	if (!lb_flow_due(rule, told, conn, now, &retries))
		return 0;
	lb_note(told, conn, retries);
	lb_write_flow(out, conn, now);
	return 1;
}

u32 lb_teller_collect(struct lb_teller *teller, struct lb_datapath *datapath, const struct lb_sync_rule *rule, u32 now,
		      u32 places, struct lb_sync_flow *out, u32 max)
{
	u32 end = datapath->sets * LB_WAYS, found = 0;
	struct lb_conn copy;

	for (; places > 0 && found < max && teller->next < end; places--, teller->next++) {
		if (lb_copy_flow(&datapath->conns[teller->next], now, &copy))
			found += lb_tell(rule, &teller->told[teller->next], &copy, now, &out[found]);
	}
	if (teller->next == end) {
		teller->next = 0;
		teller->rounds++;
	}
	return found;
}

/* A context to work on the table from outside the packet path: the frame is but a header that says where the client is. */
static struct lb_ctx lb_outside(struct lb_datapath *datapath, struct lb_eth *eth, const struct lb_client *client,
				u32 now)
{
	struct lb_ctx ctx = {.datapath = datapath, .image = datapath->image, .now = now, .ifindex = client->ifindex};

	memcpy(eth->src, client->mac, sizeof(eth->src));
	if (client->ifindex) {
		ctx.data = (u8 *)eth;
		ctx.end = ctx.data + sizeof(*eth);
	}
	return ctx;
}

static struct lb_packet lb_packet_of(struct lb_ctx *ctx, const struct lb_sync_flow *flow)
{
	struct lb_packet packet = {
	    .now = ctx->now,
	    .key =
		{
		    .source = flow->caddr,
		    .destination = flow->vaddr,
		    .sport = lb_htons(flow->cport),
		    .dport = lb_htons(flow->vport),
		    .protocol = flow->protocol,
		    .family = flow->family,
		},
	};

	packet.hash = lb_key_hash(ctx, &packet.key);
	return packet;
}

static u32 lb_end_of(struct lb_ctx *ctx, const struct lb_sync_flow *flow, const struct lb_dest *dest)
{
	u32 own = lb_timeout_ms(ctx, lb_image(ctx), dest->timeouts, flow->state);

	return ctx->now + (flow->timeout ? flow->timeout : own);
}

static void lb_take_for_told(struct lb_teller *teller, const struct lb_found *found, u32 now)
{
	struct lb_conn copy = *found->conn;

	copy.control = found->control;
	if (!teller)
		return;
	if (lb_control_kind(copy.control) == LB_CONN_TEMPLATE)
		lb_note_template(&teller->told[found->index], &copy, now);
	else
		lb_note(&teller->told[found->index], &copy, 0);
}

/* Open a flow in a place that was won. It is not counted as a connection that was scheduled here. */
static int lb_sync_open(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_sync_flow *flow,
			const struct lb_dest *dest, struct lb_found *found)
{
	struct lb_found reply = {0};

	lb_conn_write_key(found->conn, &packet->key);
	found->conn->dest = flow->dest;
	found->conn->kin |= dest->method << 4;
	found->conn->expires = lb_end_of(ctx, flow, dest);
	if (dest->method == LB_NAT) {
		if (!lb_open_reply(ctx, packet, found, dest, &reply)) {
			lb_conn_give_back(found->conn, found->control, packet->now);
			return LB_SYNC_FULL;
		}
		reply.conn->dest = ctx->ifindex;
	}
	found->conn->packets = flow->packets;
	lb_bind(ctx, flow->dest, flow->state);
	lb_conn_publish(found, flow->state, LB_CONN_FLOW);
	if (reply.conn)
		lb_conn_publish(&reply, 0, LB_CONN_REPLY);
	return LB_SYNC_ENTERED;
}

static int lb_sync_update(struct lb_ctx *ctx, const struct lb_sync_flow *flow, const struct lb_dest *dest,
			  struct lb_found *found)
{
	for (u32 i = 0; i < LB_STEP_TRIES && !lb_conn_set_state(ctx, found, flow->state); i++)
		if (lb_control_kind(found->control) != LB_CONN_FLOW)
			return LB_SYNC_STALE;
	found->conn->packets = flow->packets;
	found->conn->expires = lb_end_of(ctx, flow, dest);
	return LB_SYNC_UPDATED;
}

/* Find the flow with this key, which must go to the same destination. One that goes elsewhere is ended for a live one. */
static int lb_sync_find(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_sync_flow *flow,
			struct lb_found *found)
{
	if (!lb_conn_find(ctx, packet->now, &packet->key, packet->hash, found) ||
	    lb_control_kind(found->control) != LB_CONN_FLOW)
		return LB_SYNC_ENTERED;
	if (found->dest == flow->dest)
		return LB_SYNC_UPDATED;
	if (!lb_state_active(flow->state))
		return LB_SYNC_STALE;
	lb_conn_kill(ctx, packet->now, found);
	return LB_SYNC_ENTERED;
}

/* `found` becomes the flow that was entered or updated. */
static int lb_sync_enter_flow(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_sync_flow *flow,
			      const struct lb_dest *dest, struct lb_found *found)
{
	int result = lb_sync_find(ctx, packet, flow, found);

	if (result == LB_SYNC_ENTERED) {
		enum lb_claim claim = lb_flow_reserve(ctx, packet, found);

		if (claim == LB_CLAIM_NONE)
			return LB_SYNC_FULL;
		if (claim == LB_CLAIM_WON)
			return lb_sync_open(ctx, packet, flow, dest, found);
		result = found->dest == flow->dest ? LB_SYNC_UPDATED : LB_SYNC_STALE;
	}
	return result == LB_SYNC_UPDATED ? lb_sync_update(ctx, flow, dest, found) : result;
}

int lb_sync_enter(struct lb_datapath *datapath, struct lb_teller *teller, const struct lb_sync_flow *flow,
		  const struct lb_client *client, u32 now)
{
	struct lb_eth eth = {0};
	struct lb_ctx ctx = lb_outside(datapath, &eth, client, now);
	const struct lb_dest *dest = lb_dest_at(&ctx, lb_image(&ctx), flow->dest);
	struct lb_packet packet = lb_packet_of(&ctx, flow);
	struct lb_found found = {0};
	int result;

	if (!dest || !(dest->flags & LB_DEST_PRESENT))
		return LB_SYNC_UNKNOWN;
	if (flow->template)
		result = lb_sync_enter_template(&ctx, &packet.key, flow, &found);
	else
		result = lb_sync_enter_flow(&ctx, &packet, flow, dest, &found);
	if (result == LB_SYNC_ENTERED || result == LB_SYNC_UPDATED)
		lb_take_for_told(teller, &found, now);
	return result;
}

int lb_sync_lead(struct lb_datapath *datapath, const struct lb_sync_flow *flow, const struct lb_client *client, u32 now)
{
	struct lb_eth eth = {0};
	struct lb_ctx ctx = lb_outside(datapath, &eth, client, now);
	struct lb_packet packet = lb_packet_of(&ctx, flow);
	const struct lb_conn *reply;
	struct lb_found found;

	if (!lb_conn_find(&ctx, now, &packet.key, packet.hash, &found) ||
	    lb_control_kind(found.control) != LB_CONN_FLOW || !found.conn->peer)
		return 0;
	reply = lb_conn_at(&ctx, found.conn->peer);
	if (!reply || reply->dest != 0)
		return 0;
	lb_follow_client(&ctx, &found);
	return reply->dest != 0;
}
