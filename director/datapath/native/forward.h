/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a packet, from its arrival to its verdict. Read this file first; every host calls lb_forward() and
 * nothing else.
 *
 *   lb_forward          parse; ICMP, later fragments, and what has a connection, go their own ways
 *     lb_forward_icmp     errors about a flow follow the flow, or open it          (icmp.h, icmp_open.h)
 *     lb_forward_later    later fragments follow their first
 *     lb_forward_reply    a NAT server's answer goes back to the client as the VIP's
 *     lb_forward_hit      a known flow: its destination still there? its state steps; out           (flow.h, xmit.h)
 *     lb_forward_new      a service's first packet: schedule, open a connection, out                (sched.h, flow.h)
 *       lb_refuse         or nobody takes it: what the stack would answer                          (refuse.h)
 *     lb_forward_crowded  the same while places are scarce, and what was forgotten                  (crowd.h)
 *     lb_forward_stranger what a NAT server sent outside any connection                          (stranger.h)
 *
 * Pieces that are large or loop are LB_SUBPROGRAMs: they take pointers and return a number, so that a host can have
 * them verified apart. A host defines that word, `struct lb_ctx` (one frame and the tables) and, before it includes
 * this file, the seam:
 *   lb_at, lb_frame_length                  bytes at an offset below 256, or 0 where the frame ends before; its length
 *   lb_grow, lb_trim                        room at the front; cut to a length. 0 or negative; pointers are stale after
 *   lb_plain                                forget partial checksum and super-frame: the bytes are whole as they are.
 *                                           1: the host can't, the checksum is completed at its place when they leave
 *   lb_range_sum                            checksum words over a range that is inside the frame, else 0
 *   lb_l4_replace                           adapt TCP's or UDP's checksum, partial or not, to a changed word
 *   lb_crc_undone                           whether an SCTP checksum is partial: it is left as it is then
 *   lb_push_outer                           put an outer IP header before the packet (now or when it leaves)
 *   lb_partial, lb_gso_size                 the frame's offload facts
 *   lb_image_line, lb_conn_at, lb_conn_set_mask, lb_conn_seed           tables
 *   lb_dest_state, lb_service_state, lb_dest_counters, lb_service_counters   state, by stable id
 *   lb_crowded_until, lb_defence            shared words
 *   lb_load, lb_store, lb_order_loads       a shared word, with acquire and release order; loads before loads
 *   lb_pause                                a moment for another CPU or thread to get on
 *   lb_now, lb_ingress, lb_ip_id, lb_random, lb_icmp_allow              time, interface, chance, limits
 */
#ifndef LB_FORWARD_H
#define LB_FORWARD_H

#include "crowd.h"
#include "fragment.h"
#include "icmp.h"
#include "refuse.h"
#include "stranger.h"

/* Not verdicts yet. */
enum {
	LB_MET = 0xfe,	    /* another CPU opened the packet's flow */
	LB_UNPLACED = 0xff, /* there is no place for it */
};

/* Whether this is how a client begins a connection: a SYN, an INIT. */
static LB_INLINE int lb_begins(const struct lb_packet *packet)
{
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return packet->tcp_flags & LB_TCP_SYN;
	return packet->key.protocol == LB_IPPROTO_SCTP && packet->sctp_event == LB_SCTP_INIT;
}

/* Whether a packet of no connection may open one (sloppy_tcp, sloppy_sctp). */
static LB_INLINE int lb_opens(struct lb_ctx *ctx, const struct lb_image_header *image, const struct lb_packet *packet)
{
	const struct lb_options *options;

	if (packet->key.protocol == LB_IPPROTO_UDP)
		return 1;
	if (packet->key.protocol == LB_IPPROTO_TCP)
		return !(packet->tcp_flags & LB_TCP_RST) && (lb_begins(packet) || (image->switches & LB_SLOPPY_TCP));
	options = lb_options(ctx, image);
	return lb_sctp_opens(packet, options && options->sloppy_sctp);
}

static LB_INLINE int lb_present(const struct lb_dest *dest)
{
	return dest && (dest->flags & LB_DEST_PRESENT);
}

/* Whether a SYN or INIT on a known flow opens a new one (conn_reuse_mode). One under a template goes on. */
static LB_INLINE int lb_reuses(const struct lb_image_header *image, const struct lb_found *flow)
{
	u8 state = lb_control_state(flow->control);

	if (image->conn_reuse_mode == 0 || (flow->kin & LB_KIN_HELD << 4))
		return 0;
	return state == LB_S_TIME_WAIT || state == LB_S_CLOSE || state == LB_S_SCTP_CLOSED ||
	       ((image->conn_reuse_mode & 2) && state == LB_S_FIN_WAIT && lb_found_method(flow) != LB_NAT);
}

/* Whether expire_nodest_conn ends the flow: its destination was deleted, or is quiesced and this is a SYN. */
static LB_INLINE int lb_expires(const struct lb_image_header *image, const struct lb_dest *dest, int syn)
{
	return image->expire_nodest_conn && (!lb_present(dest) || (syn && dest->weight == 0));
}

/* Whether a packet of a known flow may go on with it; if not, the packet is a new one, and ends the flow. */
static LB_INLINE int lb_flow_holds(const struct lb_image_header *image, const struct lb_packet *packet,
				   const struct lb_found *flow, const struct lb_dest *dest)
{
	int syn = lb_begins(packet);

	return !lb_expires(image, dest, syn) && !(syn && lb_reuses(image, flow));
}

/* End the flow at this place, whose control word is this. */
LB_SUBPROGRAM int lb_flow_end(struct lb_ctx *ctx, u32 now, u32 index, u64 control)
{
	struct lb_found flow = {.conn = lb_conn_at(ctx, index), .control = control, .index = index};

	if (flow.conn)
		lb_conn_kill(ctx, now, &flow);
	return 0;
}

/* End the flow that a packet belongs to no more, if it was of one. */
static LB_INLINE void lb_end_former(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_found *former)
{
	if (LB_UNLIKELY(former->conn))
		lb_flow_end(ctx, packet->now, former->index, former->control);
}

/* As lb_pick(). The flow that the new one takes the place of counts until the choice is made, as with kernel IPVS. */
static LB_INLINE u64 lb_pick_after(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet,
				   int crowded, const struct lb_found *former)
{
	u64 choice = lb_pick(ctx, service, packet, crowded);

	lb_end_former(ctx, packet, former);
	return choice;
}

/* A packet of a known flow, whose destination is `dest`. */
static LB_INLINE struct lb_result lb_forward_hit(struct lb_ctx *ctx, const struct lb_image_header *image,
						 const struct lb_packet *packet, struct lb_found *flow,
						 const struct lb_dest *dest)
{
	if (!lb_present(dest))
		return lb_drop(LB_REASON_DEST_REMOVED);
	lb_flow_step(ctx, image, packet, flow, dest, lb_direction_in(lb_found_method(flow)));
	if (lb_conn_stands(flow->conn, flow->control))
		flow->conn->packets++;
	lb_follow_client(ctx, flow);
	lb_count_in(ctx, flow->dest, dest->service, packet->length);
	lb_lead_fragments(ctx, packet, flow);
	return lb_xmit(ctx, packet, dest, flow->dest, lb_found_method(flow), LB_REASON_HIT);
}

/* Send a datagram as it was chosen for it; it counts as a connection, and all that is remembered is where its fragments go. */
static LB_INLINE struct lb_result lb_forward_once(struct lb_ctx *ctx, const struct lb_packet *packet,
						  const struct lb_dest *dest, u64 choice)
{
	u32 id = lb_choice_dest(choice);

	lb_unchoose(ctx, packet, choice);
	lb_count_passing(ctx, id);
	lb_count_connection(ctx, id, dest->service);
	lb_count_in(ctx, id, dest->service, packet->length);
	if (packet->fragment & LB_IP_MF)
		lb_enter_fragment(ctx, packet, LB_CONN_NOBODY, (u64)id << 32 | dest->method);
	return lb_xmit(ctx, packet, dest, id, dest->method, LB_REASON_ONCE);
}

/* Send a packet to its service's choice for it, and remember nothing. NAT would not know its replies. */
static LB_INLINE struct lb_result lb_forward_stateless(struct lb_ctx *ctx, const struct lb_packet *packet,
						       const struct lb_dest *dest, u32 id)
{
	if (dest->method == LB_NAT)
		return lb_drop(LB_REASON_TABLE_FULL);
	lb_count_in(ctx, id, dest->service, packet->length);
	return lb_xmit(ctx, packet, dest, id, dest->method, LB_REASON_STATELESS);
}

/*
 * A packet of no known flow while places are scarce. A segment whose flow was forgotten opens one again, which is
 * half-open until the next segment: a flood of ACKs must not get what a flood of SYNs does not.
 */
static LB_INLINE struct lb_result lb_forward_crowded(struct lb_ctx *ctx, const struct lb_image_header *image,
						     const struct lb_service *service, const struct lb_packet *packet,
						     struct lb_found *flow)
{
	u64 choice = lb_pick_after(ctx, service, packet, 1, flow);
	const struct lb_dest *dest = lb_choice_dest(choice) ? lb_dest_at(ctx, image, lb_choice_dest(choice)) : 0;
	enum lb_claim claim = LB_CLAIM_NONE;
	u8 state = lb_half_open(packet->key.protocol);

	if (!dest)
		return lb_unserved(ctx, service, packet);
	if (!lb_forgotten(packet) || !lb_ends(packet))
		claim = lb_flow_open(ctx, packet, choice, dest, state, lb_timeout_ms(ctx, image, dest->timeouts, state),
				     flow);
	if (claim != LB_CLAIM_WON)
		lb_unchoose(ctx, packet, choice);
	if (claim == LB_CLAIM_MET)
		return (struct lb_result){.verdict = LB_MET};
	if (claim == LB_CLAIM_NONE)
		return lb_forward_stateless(ctx, packet, dest, lb_choice_dest(choice));
	lb_count_in(ctx, lb_choice_dest(choice), dest->service, packet->length);
	lb_lead_fragments(ctx, packet, flow);
	return lb_xmit(ctx, packet, dest, lb_choice_dest(choice), dest->method, LB_REASON_NEW_STATELESS);
}

/* A service's first packet of a connection, as its scheduler says. */
static LB_INLINE struct lb_result lb_forward_scheduled(struct lb_ctx *ctx, const struct lb_image_header *image,
						       const struct lb_service *service, const struct lb_packet *packet,
						       struct lb_found *flow)
{
	u64 choice = lb_pick_after(ctx, service, packet, 0, flow);
	const struct lb_dest *dest = lb_choice_dest(choice) ? lb_dest_at(ctx, image, lb_choice_dest(choice)) : 0;
	enum lb_claim claim;
	u8 state;

	if (!dest)
		return lb_unserved(ctx, service, packet);
	if (LB_UNLIKELY(lb_is_once(service, packet)))
		return lb_forward_once(ctx, packet, dest, choice);
	state = lb_next_state(ctx, image, packet, lb_first_state(packet->key.protocol), lb_direction_in(dest->method));
	claim = lb_flow_open(ctx, packet, choice, dest, state, lb_timeout_ms(ctx, image, dest->timeouts, state), flow);
	if (claim != LB_CLAIM_WON)
		lb_unchoose(ctx, packet, choice);
	if (claim != LB_CLAIM_WON)
		return (struct lb_result){.verdict = claim == LB_CLAIM_MET ? LB_MET : LB_UNPLACED};
	lb_count_in(ctx, lb_choice_dest(choice), dest->service, packet->length);
	lb_lead_fragments(ctx, packet, flow);
	return lb_xmit(ctx, packet, dest, lb_choice_dest(choice), dest->method, LB_REASON_NEW);
}

/*
 * A packet of no known flow: a service's new connection, or none of our business. LB_MET: another CPU was quicker to open
 * it, and it is known now.
 */
static LB_INLINE struct lb_result lb_forward_new(struct lb_ctx *ctx, const struct lb_image_header *image,
						 const struct lb_packet *packet, struct lb_found *flow)
{
	u32 stranger = LB_UNLIKELY(image->switches & LB_NAT_ICMP_SEND) ? lb_stranger(ctx, image, packet) : 0;
	const struct lb_service *service = lb_service_find(ctx, image, &packet->key);
	struct lb_result result;

	if (LB_UNLIKELY(flow->conn) &&
	    (stranger || !service || (service->flags & LB_SERVICE_GONE) || !lb_opens(ctx, image, packet)))
		lb_end_former(ctx, packet, flow);
	if (stranger)
		return lb_forward_stranger(ctx, image, service, packet, stranger);
	if (!service)
		return lb_pass(LB_REASON_NO_SERVICE);
	if (lb_martian(packet))
		return lb_drop(LB_REASON_BAD_SOURCE);
	if (LB_UNLIKELY(service->flags & LB_SERVICE_GONE))
		return lb_unheard(ctx, packet);
	if (lb_is_ftp_data(packet))
		return lb_unscheduled(ctx, packet);
	if (lb_is_once(service, packet) || !lb_crowded(ctx, packet->now)) {
		if (!lb_opens(ctx, image, packet))
			return lb_refuse(ctx, packet);
		if (LB_UNLIKELY(image->switches & LB_DROP_PACKET) && lb_defended(ctx)) {
			lb_end_former(ctx, packet, flow);
			return lb_drop(LB_REASON_DEFENCE);
		}
		result = lb_forward_scheduled(ctx, image, service, packet, flow);
		if (result.verdict != LB_UNPLACED)
			return result;
	}
	return lb_forward_crowded(ctx, image, service, packet, flow);
}

/* A NAT server's answer on a known flow. A destination that was deleted counts no more; its flows go on. */
static LB_INLINE struct lb_result lb_forward_reply(struct lb_ctx *ctx, const struct lb_image_header *image,
						   const struct lb_packet *packet, const struct lb_found *reply,
						   enum lb_reason reason)
{
	const struct lb_dest *dest;
	const struct lb_link *link;
	struct lb_way_back back;

	if (!lb_read_way_back(ctx, packet->now, reply, &back))
		return lb_pass(LB_REASON_NO_SERVICE);
	dest = lb_dest_or_empty(ctx, image, back.flow.dest);
	/* It ends on the way to where kernel IPVS would see it, so it neither counts nor steps the flow. */
	if (packet->ttl <= 1)
		return lb_time_exceeded(ctx, packet, lb_source_to(ctx, image, back.flow.dest));
	link = lb_link_find(ctx, image, back.client.ifindex);
	if (link && lb_too_big(ctx, packet, link->mtu, LB_NAT))
		return lb_frag_needed(ctx, packet, link->mtu, lb_source_to(ctx, image, back.flow.dest));
	if (!lb_later_fragment(packet)) {
		lb_flow_step(ctx, image, packet, &back.flow, dest, LB_OUTPUT);
		lb_lead_fragments(ctx, packet, &back.flow);
	}
	if (lb_present(dest))
		lb_count_out(ctx, back.flow.dest, dest->service, packet->length);
	return lb_xmit_reply(ctx, image, packet, &back, reason);
}

/* A later fragment of a datagram that was scheduled for itself. */
static LB_INLINE struct lb_result lb_forward_later_once(struct lb_ctx *ctx, const struct lb_image_header *image,
							const struct lb_packet *packet, const struct lb_found *piece)
{
	const struct lb_dest *dest = lb_dest_at(ctx, image, piece->dest);

	if (!lb_conn_stands(piece->conn, piece->control) || !lb_present(dest))
		return lb_drop(LB_REASON_DEST_REMOVED);
	lb_count_in(ctx, piece->dest, dest->service, packet->length);
	return lb_xmit(ctx, packet, dest, piece->dest, lb_found_method(piece), LB_REASON_FRAGMENT);
}

/* A later fragment: it has no ports, and goes where its first fragment went. */
static LB_INLINE struct lb_result lb_forward_later(struct lb_ctx *ctx, const struct lb_image_header *image,
						   const struct lb_packet *packet)
{
	struct lb_found piece, flow, reply;
	const struct lb_dest *dest;
	u64 control = 0;
	u32 index = lb_find_fragment(ctx, packet, &control);

	if (!lb_found_again(ctx, index, control, &piece))
		return lb_pass(LB_REASON_FRAGMENT_UNKNOWN);
	if (LB_UNLIKELY(piece.conn->peer == LB_CONN_NOBODY))
		return lb_forward_later_once(ctx, image, packet, &piece);
	if (!lb_conn_flow_of_fragment(ctx, packet->now, &piece, &flow))
		return lb_pass(LB_REASON_FRAGMENT_UNKNOWN);
	if (lb_addr_equal(&packet->key.destination, &flow.conn->caddr)) {
		reply.index = flow.conn->peer;
		reply.conn = lb_conn_at(ctx, reply.index);
		if (!reply.conn)
			return lb_pass(LB_REASON_FRAGMENT_UNKNOWN);
		reply.control = lb_conn_control(reply.conn);
		return lb_forward_reply(ctx, image, packet, &reply, LB_REASON_FRAGMENT);
	}
	dest = lb_dest_at(ctx, image, flow.dest);
	if (!lb_present(dest))
		return lb_drop(LB_REASON_DEST_REMOVED);
	lb_count_in(ctx, flow.dest, dest->service, packet->length);
	return lb_xmit(ctx, packet, dest, flow.dest, lb_found_method(&flow), LB_REASON_FRAGMENT);
}

/* Parse the frame. Memory is asked for the flow's place as soon as its key is known, and checks go on meanwhile. */
static LB_INLINE int lb_read(struct lb_ctx *ctx, struct lb_packet *packet)
{
	int fault = lb_parse(ctx, packet);

	if (fault == LB_PARSED) {
		packet->hash = lb_key_hash(ctx, &packet->key);
		lb_conn_expect(ctx, packet->hash);
	}
	if (packet->key.family == LB_FAMILY_IPV4 && !lb_ipv4_valid(ctx, packet))
		return LB_REASON_BAD_CHECKSUM;
	packet->now = lb_now(ctx);
	return fault;
}

/* `image`: the header of the table image in force (lb_image). */
static LB_INLINE struct lb_result lb_forward(struct lb_ctx *ctx, const struct lb_image_header *image)
{
	struct lb_packet packet = {0};
	const struct lb_dest *dest = 0;
	struct lb_found found = {0};
	struct lb_result result;
	int known, fault = lb_read(ctx, &packet);

	if (fault != LB_PARSED)
		return lb_unparsed(fault);
	/* Ethernet pads short packets; the padding is no part of the packet. */
	if (lb_trim(ctx, LB_L3 + packet.length))
		return lb_drop(LB_REASON_NO_ROOM);
	if (packet.key.protocol == LB_IPPROTO_ICMP)
		return lb_forward_icmp(ctx, image, &packet);
	if (lb_later_fragment(&packet))
		return lb_forward_later(ctx, image, &packet);
	known = lb_conn_find(ctx, packet.now, &packet.key, packet.hash, &found);
	if (known && lb_control_kind(found.control) == LB_CONN_REPLY)
		return lb_forward_reply(ctx, image, &packet, &found, LB_REASON_REPLY);
	if (known) {
		dest = lb_dest_at(ctx, image, found.dest);
		known = lb_flow_holds(image, &packet, &found, dest);
	}
	if (!known) {
		result = lb_forward_new(ctx, image, &packet, &found);
		if (result.verdict != LB_MET)
			return result;
		if (!found.conn) /* never, with LB_MET */
			return lb_drop(LB_REASON_TABLE_FULL);
		dest = lb_dest_at(ctx, image, found.dest);
	}
	return lb_forward_hit(ctx, image, &packet, &found, dest);
}

#endif
