/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the director itself answers: ICMP errors and TCP resets, back where the packet came from.
 *
 * The answer is made in the frame that it answers, by its family (answer.h, answer_ipv6.h).
 */
#ifndef LB_REPLY_H
#define LB_REPLY_H

#include "answer_ipv6.h"

/* Answer the packet with an ICMP error from this source (0: none is known), or drop it where none may be sent. */
static LB_INLINE struct lb_result lb_icmp_answer(struct lb_ctx *ctx, const struct lb_packet *packet,
						 const struct lb_icmp_error *error, const struct lb_addr *source)
{
	int reason = error->silent;

	if (source)
		reason = lb_is_ipv6(packet) ? lb_answer_icmpv6(ctx, packet, error, source)
					    : lb_answer_icmp(ctx, packet, error, source->word[0]);
	return reason == error->sent ? lb_transmit(reason, lb_ingress(ctx), 0) : lb_drop(reason);
}

static LB_INLINE struct lb_result lb_port_unreachable(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_icmp_error error = {.type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_PORT_UNREACHABLE,
				      .type6 = LB_ICMPV6_UNREACHABLE,
				      .code6 = LB_ICMPV6_PORT_UNREACHABLE,
				      .sent = LB_REASON_NO_DEST,
				      .silent = LB_REASON_BAD_SOURCE}; /* what may be scheduled may be answered */

	return lb_icmp_answer(ctx, packet, &error, &packet->key.destination);
}

/* The same to a NAT server. */
static LB_INLINE struct lb_result lb_server_unreachable(struct lb_ctx *ctx, const struct lb_packet *packet,
							const struct lb_addr *source)
{
	struct lb_icmp_error error = {.type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_PORT_UNREACHABLE,
				      .type6 = LB_ICMPV6_UNREACHABLE,
				      .code6 = LB_ICMPV6_PORT_UNREACHABLE,
				      .sent = LB_REASON_NO_CONNECTION,
				      .silent = LB_REASON_DEST_UNRESOLVED}; /* no address of ours is known then */

	return lb_icmp_answer(ctx, packet, &error, source);
}

/* What a host without SCTP answers to an SCTP packet. */
static LB_INLINE struct lb_result lb_protocol_unreachable(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	struct lb_icmp_error error = {.type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_PROTOCOL_UNREACHABLE,
				      .type6 = LB_ICMPV6_PARAMETER_PROBLEM,
				      .code6 = LB_ICMPV6_UNKNOWN_HEADER,
				      .pointer6 = offsetof(struct lb_ipv6, next_header),
				      .sent = LB_REASON_NO_ASSOCIATION,
				      .silent = LB_REASON_BAD_SOURCE};

	return lb_icmp_answer(ctx, packet, &error, &packet->key.destination);
}

/* To a client the VIP says it, to a NAT server the director's own address on that side. */
static LB_INLINE struct lb_result lb_time_exceeded(struct lb_ctx *ctx, const struct lb_packet *packet,
						   const struct lb_addr *source)
{
	struct lb_icmp_error error = {.type = LB_ICMP_TIME_EXCEEDED,
				      .type6 = LB_ICMPV6_TIME_EXCEEDED,
				      .sent = LB_REASON_TTL_EXPIRED,
				      .silent = LB_REASON_TTL_EXPIRED_SILENT};

	return lb_icmp_answer(ctx, packet, &error, source);
}

static LB_INLINE struct lb_result lb_frag_needed(struct lb_ctx *ctx, const struct lb_packet *packet, u16 mtu,
						 const struct lb_addr *source)
{
	struct lb_icmp_error error = {.type = LB_ICMP_UNREACHABLE,
				      .code = LB_ICMP_FRAG_NEEDED,
				      .type6 = LB_ICMPV6_TOO_BIG,
				      .mtu = mtu,
				      .sent = LB_REASON_TOO_BIG,
				      .silent = LB_REASON_TOO_BIG_SILENT};

	if (mtu == 0)
		return lb_drop(LB_REASON_TOO_BIG_SILENT);
	return lb_icmp_answer(ctx, packet, &error, source);
}

/* Answer a segment that belongs to no connection as the host's own stack would. */
static LB_INLINE struct lb_result lb_tcp_reset(struct lb_ctx *ctx, const struct lb_packet *packet)
{
	int reason = lb_is_ipv6(packet) ? lb_answer_reset_ipv6(ctx, packet) : lb_answer_reset(ctx, packet);

	return reason == LB_REASON_RST_SENT ? lb_transmit(reason, lb_ingress(ctx), 0) : lb_drop(reason);
}

#endif
