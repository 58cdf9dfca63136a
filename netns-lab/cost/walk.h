/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a measured program does between two packets: it makes the frame anew, for the next of many flows.
 *
 * A test run hands one frame to a program many times and leaves it as the program left it. So the frame is cut to its
 * length and written again before each packet, for a client that has been silent for longest. The reference programs do
 * just that, and what they cost is subtracted. Include this after the host's header; walk.py knows the layout.
 */
#ifndef COST_WALK_H
#define COST_WALK_H

enum {
	COST_FRAME = 64,
	COST_WORDS = COST_FRAME / 8,
	COST_TUNNEL = 20,	   /* bytes that a tunnel puts before the packet */
	COST_NETWORK = 0xc6120000, /* of the clients: 198.18.0.0/15, which is for measurements (RFC 2544) */
	COST_NETWORK_BITS = 17,
	COST_PORT = 1024, /* the clients' first */
};

/* All flows are met in turn, `step` apart, which has no factor in common with `flows`. */
struct cost_walk {
	u64 frame[COST_WORDS]; /* with the client's address, its port and both checksums 0 */
	u32 flows;
	u32 step;
	u32 at;
	u32 to_client; /* 0: the client is the frame's source, else its destination */
	u32 ip_sum;    /* of the words that a checksum covers, as they are in `frame` */
	u32 udp_sum;
};

struct cost_walk cost_walk __attribute__((section(".data.walk")));

/* Take back what a tunnel put before the packet. */
static LB_INLINE int cost_shrink(struct lb_ctx *ctx);

static LB_INLINE u32 cost_next(void)
{
	u32 at = cost_walk.at + cost_walk.step;

	if (at >= cost_walk.flows)
		at -= cost_walk.flows;
	cost_walk.at = at;
	return at;
}

static LB_INLINE u16 cost_checksum(u32 rest, be32 address, be16 port)
{
	return ~lb_csum_fold((u64)rest + (u16)address + (u16)(address >> 16) + port);
}

static LB_INLINE void cost_restore(struct lb_ctx *ctx)
{
	u32 flow = cost_next();
	be32 address = lb_htonl(COST_NETWORK | (flow & ((1 << COST_NETWORK_BITS) - 1)));
	be16 port = lb_htons(COST_PORT + (flow >> COST_NETWORK_BITS));
	struct lb_ipv4 *ip;
	struct lb_udp *udp;
	u64 *words;

	if (lb_frame_length(ctx) != COST_FRAME && cost_shrink(ctx))
		return;
	words = lb_at(ctx, 0, COST_FRAME);
	if (!words)
		return;
	for (int i = 0; i < COST_WORDS; i++)
		words[i] = cost_walk.frame[i];
	ip = (struct lb_ipv4 *)((u8 *)words + LB_ETH_HLEN);
	udp = (struct lb_udp *)(ip + 1);
	if (cost_walk.to_client) {
		ip->destination = address;
		udp->destination = port;
	} else {
		ip->source = address;
		udp->source = port;
	}
	ip->checksum = cost_checksum(cost_walk.ip_sum, address, 0);
	udp->checksum = cost_checksum(cost_walk.udp_sum, address, port);
}

#endif
