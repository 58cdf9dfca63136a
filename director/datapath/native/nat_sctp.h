/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT of SCTP, by either family: the ports, and the checksum, in which there is no pseudo-header.
 */
#ifndef LB_NAT_SCTP_H
#define LB_NAT_SCTP_H

#include "crc.h"
#include "lookup.h"

enum { LB_END_SOURCE = 1 << 16 }; /* beside a port: rewrite the source, not the destination */

/* The port that is rewritten, of the two that every transport header begins with. */
static LB_INLINE be16 *lb_end_port(be16 *ports, u32 end)
{
	be16 *port = &ports[1];

	if (end & LB_END_SOURCE) {
		port = &ports[0];
		LB_APART(port);
	}
	return port;
}

/*
 * Rewrite a port; `end`: the new one, and maybe LB_END_SOURCE. 0, or the negative of the reason why not: how the checksum
 * of a fragment changes can't be told, since that depends on the whole packet's length.
 */
LB_SUBPROGRAM int lb_nat_sctp(struct lb_ctx *ctx, const struct lb_packet *packet, u32 end)
{
	struct lb_sctp *sctp;
	u32 from, to = end & 0xffff;

	if (!packet)
		return -LB_REASON_NO_ROOM;
	sctp = lb_at(ctx, packet->l4, sizeof(*sctp));
	if (!sctp || packet->l4 + sizeof(*sctp) > LB_L3 + (u32)packet->length)
		return -LB_REASON_TRUNCATED;
	from = end & LB_END_SOURCE ? packet->key.sport : packet->key.dport;
	if (from == to)
		return 0;
	if (lb_any_fragment(packet))
		return -LB_REASON_SCTP_FRAGMENT;
	*lb_end_port(&sctp->source, end) = to;
	from ^= to;
	if (!lb_crc_undone(ctx, sctp->checksum))
		sctp->checksum ^=
		    lb_crc_change(end & LB_END_SOURCE ? from : from << 16, packet->length - (packet->l4 - LB_L3));
	return 0;
}

#endif
