/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet does to its flow: open it, step its state, count it. Its later fragments: fragment.h.
 */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "claim.h"
#include "defend.h"
#include "lookup.h"
#include "persist.h"
#include "sched.h"
#include "sctp.h"

static LB_INLINE void lb_count_in(struct lb_ctx *ctx, u32 dest, u32 service, u16 length)
{
	u32 worker = lb_worker(ctx);
	struct lb_counters *counters = lb_dest_counters(ctx, worker, dest);

	if (counters) {
		counters->packets_in++;
		counters->bytes_in += length;
	}
	counters = lb_service_counters(ctx, worker, service);
	if (counters) {
		counters->packets_in++;
		counters->bytes_in += length;
	}
}

static LB_INLINE void lb_count_out(struct lb_ctx *ctx, u32 dest, u32 service, u16 length)
{
	u32 worker = lb_worker(ctx);
	struct lb_counters *counters = lb_dest_counters(ctx, worker, dest);

	if (counters) {
		counters->packets_out++;
		counters->bytes_out += length;
	}
	counters = lb_service_counters(ctx, worker, service);
	if (counters) {
		counters->packets_out++;
		counters->bytes_out += length;
	}
}

static LB_INLINE void lb_count_connection(struct lb_ctx *ctx, u32 dest, u32 service)
{
	u32 worker = lb_worker(ctx);
	struct lb_counters *counters = lb_dest_counters(ctx, worker, dest);

	if (counters)
		counters->connections++;
	counters = lb_service_counters(ctx, worker, service);
	if (counters)
		counters->connections++;
}

/* Which table of tcp.h applies: with DR and TUN the server's half is never seen. */
static LB_INLINE enum lb_direction lb_direction_in(u16 method)
{
	return method == LB_NAT ? LB_INPUT : LB_INPUT_ONLY;
}

/* The state of a connection that no packet has stepped yet. */
static LB_INLINE u8 lb_first_state(u8 protocol)
{
	if (protocol == LB_IPPROTO_UDP)
		return LB_S_UDP;
	return protocol == LB_IPPROTO_TCP ? LB_S_NONE : LB_S_SCTP_NONE;
}

/* Whether this comes from where FTP servers open data connections to clients: kernel IPVS schedules none of these. */
static LB_INLINE int lb_is_ftp_data(const struct lb_packet *packet)
{
	return packet->key.sport == lb_htons(LB_FTP_DATA_PORT);
}

/* Whether it is for FTP's service, but not its own port: if nobody may take it, kernel IPVS leaves it to the host. */
static LB_INLINE int lb_is_beside_ftp(const struct lb_service *service, const struct lb_packet *packet)
{
	return service->port == lb_htons(LB_FTP_PORT) && packet->key.dport != service->port;
}

/* Whether a packet is scheduled for itself (one-packet scheduling): a datagram to a service that wants it so. */
static LB_INLINE int lb_is_once(const struct lb_service *service, const struct lb_packet *packet)
{
	return (service->flags & LB_SERVICE_ONE_PACKET) && packet->key.protocol == LB_IPPROTO_UDP;
}

static LB_INLINE u8 lb_next_state(struct lb_ctx *ctx, const struct lb_image_header *image,
				  const struct lb_packet *packet, u8 state, enum lb_direction direction)
{
	if (packet->key.protocol == LB_IPPROTO_TCP && LB_UNLIKELY(image->switches & LB_SECURE_TCP))
		return lb_secure_step(ctx, state, direction, packet->tcp_flags);
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return lb_tcp_step(state, direction, packet->tcp_flags);
	return packet->key.protocol == LB_IPPROTO_UDP ? LB_S_UDP : lb_sctp_step(state, direction, packet->sctp_event);
}

enum { LB_STEP_TRIES = 3 }; /* others may step the same flow */

/* Step the flow by this packet, and wind up its timer. */
static LB_INLINE void lb_flow_step(struct lb_ctx *ctx, const struct lb_image_header *image,
				   const struct lb_packet *packet, struct lb_found *flow, const struct lb_dest *dest,
				   enum lb_direction direction)
{
	u64 found = flow->control;
	u32 expires;
	u8 state;

	for (u32 i = 0; i < LB_STEP_TRIES; i++) {
		state = lb_next_state(ctx, image, packet, lb_control_state(flow->control), direction);
		if (lb_conn_set_state(ctx, flow, state))
			break;
		if ((flow->control ^ found) >> 16 || lb_control_kind(flow->control) != LB_CONN_FLOW)
			return;
	}
	if (LB_UNLIKELY(flow->kin & LB_KIN_HELD << 4) && lb_assures(lb_control_state(found), state, direction))
		lb_template_assure(ctx, lb_template_of(ctx, flow->conn, flow->index));
	expires = packet->now + lb_timeout_ms(ctx, image, dest->timeouts, state);
	if (flow->conn->expires != expires)
		flow->conn->expires = expires;
}

/* NAT: the key by which the server's replies are found. */
static LB_INLINE struct lb_key lb_reply_key(const struct lb_packet *packet, const struct lb_dest *dest)
{
	struct lb_key key = packet->key;

	key.source = dest->addr;
	key.sport = lb_nat_port(dest, packet->key.dport);
	key.destination = packet->key.source;
	key.dport = packet->key.sport;
	return key;
}

enum { LB_CLIENT_CHECK = 256 }; /* packets of a flow, of which one is compared with the REPLY itself */

/* NAT: a digest of a way to a client. */
static LB_INLINE u16 lb_digest(u32 ifindex, const u8 *mac)
{
	const u16 *word = (const u16 *)mac;

	return lb_mix(ifindex, (u64)word[0] << 32 | (u32)word[1] << 16 | word[2]) >> 48;
}

/* NAT: that of the way which the client's packet came. */
static LB_INLINE u16 lb_client_digest(struct lb_ctx *ctx)
{
	const struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));

	return eth ? lb_digest(lb_ingress(ctx), eth->src) : 0;
}

/* NAT: write down which way the client is. */
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

/*
 * NAT: let replies follow a client that moved. Its way is in the REPLY, a cache line that a packet need not touch: the
 * flow has a digest of it, and the few moves that this does not tell are seen by a later packet. The REPLY is locked,
 * and must be this flow's under the lock: its place, or the flow's, may be another's by now, and what is a MAC here are
 * other fields there.
 */
static LB_INLINE void lb_follow_client(struct lb_ctx *ctx, const struct lb_found *flow)
{
	struct lb_conn *reply;
	u16 client;
	u64 control;

	if (lb_found_method(flow) != LB_NAT)
		return;
	client = lb_client_digest(ctx);
	if (flow->conn->client == client && flow->conn->packets % LB_CLIENT_CHECK)
		return;
	reply = lb_conn_at(ctx, flow->conn->peer);
	if (!reply)
		return;
	control = lb_conn_control(reply);
	if (lb_control_kind(control) != LB_CONN_REPLY || reply->peer != flow->index || !lb_client_moved(ctx, reply) ||
	    !lb_conn_swap(reply, control, (control & ~0xffULL) | LB_CONN_BUSY))
		return;
	if (reply->peer == flow->index && lb_conn_stands(flow->conn, flow->control)) {
		lb_write_client(ctx, reply);
		flow->conn->client = client;
	}
	lb_store(&reply->control, control);
}

/* NAT: claim and fill in the reply direction of the flow at this index, which is claimed itself: its own index. */
LB_SUBPROGRAM u32 lb_enter_reply(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_dest *dest,
				 u32 flow, u64 *control)
{
	struct lb_conn *reply;
	struct lb_key key;
	u32 index;

	if (!packet || !dest || !control)
		return LB_CONN_NOBODY;
	key = lb_reply_key(packet, dest);
	index = lb_conn_reserve(ctx, packet->now, 0, lb_key_hash(ctx, &key), control);
	reply = lb_conn_at(ctx, index);
	if (index == LB_CONN_NOBODY || !reply)
		return LB_CONN_NOBODY;
	key = lb_reply_key(packet, dest); /* anew: less is kept on a stack that is short */
	lb_conn_write_key(reply, &key);
	lb_write_client(ctx, reply);
	reply->peer = flow;
	return index;
}

/* NAT: open the reply direction of a flow that is claimed. 0 when the table is full. */
static LB_INLINE int lb_open_reply(struct lb_ctx *ctx, const struct lb_packet *packet, struct lb_found *flow,
				   const struct lb_dest *dest, struct lb_found *reply)
{
	u64 control = 0;
	u32 index = lb_enter_reply(ctx, packet, dest, flow->index, &control);

	if (index == LB_CONN_NOBODY)
		return 0;
	*reply = (struct lb_found){.conn = lb_conn_at(ctx, index), .control = control, .index = index};
	flow->conn->peer = index;
	flow->conn->client = lb_client_digest(ctx);
	return reply->conn != 0;
}

/* Claim a place for a packet's flow. An empty one where the search begins, which most new flows find, is taken at once. */
static LB_INLINE enum lb_claim lb_flow_reserve(struct lb_ctx *ctx, const struct lb_packet *packet,
					       struct lb_found *flow)
{
	u32 index = lb_conn_place(ctx, packet->hash, 0);
	struct lb_conn *conn = lb_conn_at(ctx, index);
	u64 control = conn ? lb_conn_control(conn) : LB_CONN_BUSY;
	u64 claim;

	*flow = (struct lb_found){.conn = conn, .control = control, .index = index};
	if (conn && lb_control_kind(control) <= LB_CONN_DEAD && lb_conn_settled(conn, control, packet->now) &&
	    lb_conn_take(ctx, packet->now, flow, packet->hash))
		return LB_CLAIM_WON;
	claim = lb_conn_claim(ctx, packet->now, &packet->key, packet->hash, &control);
	conn = lb_conn_at(ctx, claim);
	if (claim == LB_CLAIM_NONE || !conn)
		return LB_CLAIM_NONE;
	*flow = lb_found_at(conn, claim, control);
	return claim >> 32;
}

/* Bring a flow that is claimed, and with NAT its REPLY, under the template that chose its destination. */
static LB_INLINE void lb_flow_hold(struct lb_ctx *ctx, const struct lb_found *flow, const struct lb_found *reply,
				   u32 template, u8 state)
{
	flow->conn->kin |= LB_KIN_HELD << 4;
	if (reply->conn)
		reply->conn->expires = template;
	else
		flow->conn->peer = template;
	if (lb_assures(LB_S_NONE, state, LB_INPUT))
		lb_template_assure(ctx, template);
}

/*
 * Enter a new flow as it was chosen, in this state, to end after so many ms. LB_CLAIM_MET: another has opened it, and it
 * has been found.
 */
static LB_INLINE enum lb_claim lb_flow_open(struct lb_ctx *ctx, const struct lb_packet *packet, u64 choice,
					    const struct lb_dest *dest, u8 state, u32 timeout, struct lb_found *flow)
{
	enum lb_claim claim = lb_flow_reserve(ctx, packet, flow);
	struct lb_found reply = {0};
	u32 id = lb_choice_dest(choice);

	if (claim != LB_CLAIM_WON)
		return claim;
	lb_conn_write_key(flow->conn, &packet->key);
	flow->conn->dest = id;
	flow->conn->kin |= dest->method << 4;
	flow->conn->expires = packet->now + timeout;
	if (dest->method == LB_NAT && !lb_open_reply(ctx, packet, flow, dest, &reply)) {
		lb_conn_give_back(flow->conn, flow->control, packet->now);
		return LB_CLAIM_NONE;
	}
	if (LB_UNLIKELY(lb_choice_template(choice)))
		lb_flow_hold(ctx, flow, &reply, lb_choice_template(choice), state);
	flow->conn->packets = 1;
	lb_bind(ctx, id, state);
	lb_count_connection(ctx, id, dest->service);
	lb_conn_publish(flow, state, LB_CONN_FLOW);
	if (reply.conn) /* after its flow: a REPLY without one is swept */
		lb_conn_publish(&reply, 0, LB_CONN_REPLY);
	return LB_CLAIM_WON;
}

/* What a translated flow tells of the way back to the client, read whole. */
struct lb_way_back {
	struct lb_found flow;
	struct lb_client client;
	struct lb_addr address; /* the VIP's, which the server's becomes again */
	be16 port;
};

/*
 * Whether a REPLY says what its flow has the digest of. If not, the client is moving, or the REPLY took the place of a
 * flow of which somebody was still counting a packet (0003-connection-table.md); its next packet says where it is.
 */
static LB_INLINE int lb_knows_client(const struct lb_conn *reply, struct lb_conn *flow)
{
	u16 digest = lb_digest(reply->dest, reply->client_mac);

	if (flow->client == digest)
		return 1;
	flow->client = ~digest;
	return 0;
}

/* Read the way back from a REPLY and its flow. 0 when one of them is no more. */
static LB_INLINE int lb_read_way_back(struct lb_ctx *ctx, u32 now, const struct lb_found *reply,
				      struct lb_way_back *back)
{
	struct lb_found *flow = &back->flow;

	if (!lb_conn_flow_of_reply(ctx, now, reply, flow))
		return 0;
	back->address = flow->conn->vaddr;
	back->port = flow->conn->vport;
	back->client.ifindex = lb_knows_client(reply->conn, flow->conn) ? reply->conn->dest : 0;
	__builtin_memcpy(back->client.mac, reply->conn->client_mac, LB_ETH_ALEN);
	return lb_conn_stands(reply->conn, reply->control) && lb_conn_stands(flow->conn, flow->control);
}

#endif
