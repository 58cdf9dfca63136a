/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet does to its flow: open it, step its state, count it, and lead its later fragments.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "conn.h"
#include "lookup.h"
#include "sched.h"

static LB_INLINE void lb_count_in(struct lb_ctx *ctx, u32 dest, u32 service, u16 length)
{
	struct lb_counters *counters = lb_dest_counters(ctx, dest);

	if (counters) {
		counters->packets_in++;
		counters->bytes_in += length;
	}
	counters = lb_service_counters(ctx, service);
	if (counters) {
		counters->packets_in++;
		counters->bytes_in += length;
	}
}

static LB_INLINE void lb_count_out(struct lb_ctx *ctx, u32 dest, u32 service, u16 length)
{
	struct lb_counters *counters = lb_dest_counters(ctx, dest);

	if (counters) {
		counters->packets_out++;
		counters->bytes_out += length;
	}
	counters = lb_service_counters(ctx, service);
	if (counters) {
		counters->packets_out++;
		counters->bytes_out += length;
	}
}

static LB_INLINE void lb_count_connection(struct lb_ctx *ctx, u32 dest, u32 service)
{
	struct lb_counters *counters = lb_dest_counters(ctx, dest);

	if (counters)
		counters->connections++;
	counters = lb_service_counters(ctx, service);
	if (counters)
		counters->connections++;
}

/* Which table of tcp.h applies: with DR and TUN the server's half is never seen. */
static LB_INLINE enum lb_direction lb_direction_in(u16 method)
{
	return method == LB_NAT ? LB_INPUT : LB_INPUT_ONLY;
}

static LB_INLINE u8 lb_next_state(const struct lb_packet *packet, u8 state, enum lb_direction direction)
{
	return packet->key.protocol == LB_IPPROTO_TCP ? lb_tcp_step(state, direction, packet->tcp_flags) : LB_S_UDP;
}

/* Step the flow by this packet, and wind up its timer. */
static LB_INLINE void lb_flow_step(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_found *flow,
				   const struct lb_dest *dest, enum lb_direction direction)
{
	u8 state = lb_next_state(packet, lb_control_state(flow->control), direction);
	u32 expires = lb_now(ctx) + lb_timeout_ms(ctx, dest->timeouts, state);

	lb_conn_set_state(ctx, flow, state);
	if (flow->conn->expires != expires)
		flow->conn->expires = expires;
}

/* NAT: the key by which the server's replies are found. */
static LB_INLINE struct lb_key lb_reply_key(const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_key key = packet->key;

	key.source = dest->addr;
	key.sport = dest->port;
	key.destination = packet->key.source;
	key.dport = packet->key.sport;
	return key;
}

/* NAT: write down which way the client is: behind the interface and the MAC that its packet came from. */
static LB_INLINE void lb_write_client(struct lb_ctx *ctx, struct lb_conn *reply)
{
	const struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));

	if (!eth)
		return;
	reply->dest = lb_ingress(ctx);
	__builtin_memcpy(reply->client_mac, eth->src, LB_ETH_ALEN);
}

static LB_INLINE int lb_client_moved(struct lb_ctx *ctx, const struct lb_conn *reply)
{
	const struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));

	return eth && (reply->dest != lb_ingress(ctx) || !lb_mac_equal(reply->client_mac, eth->src));
}

/* Whether the flow that was found still stands in its place: it may have given way to another meanwhile. */
static LB_INLINE int lb_flow_stands(const struct lb_found *flow)
{
	return lb_conn_control(flow->conn) == flow->control;
}

/*
 * NAT: let replies follow a client that moved. The REPLY is locked for it, and must be this flow's under the lock: its
 * place, or the flow's, may be another's by now, and what is a MAC here are other fields there.
 */
static LB_INLINE void lb_follow_client(struct lb_ctx *ctx, const struct lb_found *flow)
{
	struct lb_conn *reply = flow->conn->peer ? lb_conn_at(ctx, flow->conn->peer) : 0;
	u64 control;

	if (!reply)
		return;
	control = lb_conn_control(reply);
	if (lb_control_kind(control) != LB_CONN_REPLY || reply->peer != flow->index || !lb_client_moved(ctx, reply) ||
	    !lb_conn_swap(reply, control, (control & ~0xffULL) | LB_CONN_BUSY))
		return;
	if (reply->peer == flow->index && lb_flow_stands(flow))
		lb_write_client(ctx, reply);
	lb_store(&reply->control, control);
}

/* NAT: claim and fill in the reply direction of a flow that is claimed itself. 0 when the table is full. */
static LB_INLINE int lb_open_reply(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_found *flow,
				   const struct lb_dest *dest, struct lb_found *reply)
{
	struct lb_key key = lb_reply_key(packet, dest);

	if (!lb_conn_claim(ctx, &key, reply))
		return 0;
	lb_conn_write_key(reply->conn, &key);
	lb_write_client(ctx, reply->conn);
	reply->conn->peer = flow->index;
	flow->conn->peer = reply->index;
	return 1;
}

/* Enter a new flow to destination `id`. 0 when the table is full. */
static LB_INLINE int lb_flow_open(struct lb_ctx *ctx, const struct lb_packet *packet, u32 id,
				  const struct lb_dest *dest, struct lb_found *flow)
{
	u8 state = lb_next_state(packet, LB_S_NONE, lb_direction_in(dest->method));
	struct lb_found reply = {0};

	if (!lb_conn_claim(ctx, &packet->key, flow))
		return 0;
	lb_conn_write_key(flow->conn, &packet->key);
	flow->conn->dest = id;
	flow->conn->method = dest->method;
	flow->conn->expires = lb_now(ctx) + lb_timeout_ms(ctx, dest->timeouts, state);
	if (dest->method == LB_NAT && !lb_open_reply(ctx, packet, flow, dest, &reply)) {
		flow->conn->expires = lb_now(ctx);
		lb_conn_publish(flow, 0, LB_CONN_DEAD);
		return 0;
	}
	flow->conn->packets = 1;
	lb_count_state(ctx, id, state, 1);
	lb_count_connection(ctx, id, dest->service);
	lb_conn_publish(flow, state, LB_CONN_FLOW);
	if (reply.conn) /* after its flow: a REPLY without one is swept */
		lb_conn_publish(&reply, 0, LB_CONN_REPLY);
	return 1;
}

/* The key of a packet's later fragments: RFC 791 tells them by addresses, protocol and identification. */
static LB_INLINE struct lb_key lb_fragment_key(const struct lb_packet *packet)
{
	struct lb_key key = packet->key;

	key.kind = 1;
	key.sport = packet->id;
	key.dport = 0;
	return key;
}

/* Let the later fragments of this first one find the flow. Without a place for that they are left to the stack. */
static LB_INLINE void lb_lead_fragments(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_found *flow)
{
	struct lb_key key = lb_fragment_key(packet);
	struct lb_found piece;

	if (!(packet->fragment & LB_IP_MF))
		return;
	if (!lb_conn_find(ctx, &key, &piece) && !lb_conn_claim(ctx, &key, &piece))
		return;
	lb_conn_write_key(piece.conn, &key);
	piece.conn->peer = flow->index;
	piece.conn->dest = lb_control_tag(flow->control);
	piece.conn->packets = lb_control_version(flow->control);
	piece.conn->expires = lb_now(ctx) + lb_timeout_ms(ctx, 0, LB_TIMEOUT_FRAGMENT);
	lb_conn_publish(&piece, 0, LB_CONN_FRAGMENT);
}

#endif
