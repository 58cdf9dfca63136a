/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How later fragments follow their first: an entry of the connection table says which flow the first belonged to.
 *
 * Fragments are forwarded as they come, of either family. Kernel IPVS puts a packet together before it looks at it.
 */
#ifndef LB_FRAGMENT_H
#define LB_FRAGMENT_H

#include "claim.h"
#include "lookup.h"

/*
 * The key of a packet's later fragments: RFC 791 tells them by addresses, protocol and identification, RFC 8200 §4.5
 * without the protocol.
 */
static LB_INLINE struct lb_key lb_fragment_key(const struct lb_packet *packet)
{
	struct lb_key key = packet->key;

	key.kind = LB_KEY_FRAGMENT;
	key.sport = (u16)packet->id;
	key.dport = packet->id >> 16;
	if (lb_is_ipv6(packet))
		key.protocol = LB_IPPROTO_FRAGMENT;
	return key;
}

/* Search for the entry of this later fragment: its index, and its control word. */
LB_SUBPROGRAM u32 lb_find_fragment(struct lb_ctx *ctx, const struct lb_packet *packet, u64 *control)
{
	struct lb_key key;

	if (!packet || !control)
		return LB_CONN_NOBODY;
	key = lb_fragment_key(packet);
	return lb_conn_search(ctx, packet->now, &key, lb_key_hash(ctx, &key), control);
}

/* Which entry is a fragment's, and which flow's: the control words as they were when these were found or claimed. */
struct lb_led {
	u64 piece_control;
	u64 flow_control;
	u64 hash; /* of the fragment's key */
	u32 piece;
	u32 flow;
	u32 now;
	u32 unused;
};

/* Write the entry of a first fragment. Apart from the search, which goes deep: all calls together have 512 bytes of stack. */
LB_SUBPROGRAM int lb_fill_fragment(struct lb_ctx *ctx, const struct lb_key *key, const struct lb_led *led)
{
	struct lb_found piece = {0};

	if (!key || !led)
		return 0;
	piece.index = led->piece;
	piece.control = led->piece_control;
	piece.conn = lb_conn_at(ctx, piece.index);
	if (!piece.conn ||
	    (lb_control_kind(piece.control) != LB_CONN_BUSY && !lb_conn_take(ctx, led->now, &piece, led->hash)))
		return 0;
	lb_conn_write_key(piece.conn, key);
	piece.conn->peer = led->flow;
	piece.conn->dest = lb_control_tag(led->flow_control);
	piece.conn->packets = lb_control_version(led->flow_control);
	if (led->flow == LB_CONN_NOBODY)
		piece.conn->kin |= lb_control_kind(led->flow_control) << 4;
	piece.conn->expires = led->now + lb_timeout_ms(ctx, lb_image(ctx), 0, LB_TIMEOUT_FRAGMENT);
	lb_conn_publish(&piece, 0, LB_CONN_FRAGMENT);
	return 1;
}

/*
 * Enter where this first fragment's later ones go: to the flow of this index and control word. Without a flow (index
 * LB_CONN_NOBODY) the word has the destination's id where a flow's tag is, and the method where its kind is. 0 when the
 * table is full, or another enters it.
 */
LB_SUBPROGRAM int lb_enter_fragment(struct lb_ctx *ctx, const struct lb_packet *packet, u32 index, u64 control)
{
	struct lb_led led = {.flow = index, .flow_control = control};
	struct lb_key key;

	if (!packet)
		return 0;
	key = lb_fragment_key(packet);
	led.hash = lb_key_hash(ctx, &key);
	led.now = packet->now;
	led.piece = lb_conn_search(ctx, led.now, &key, led.hash, &led.piece_control);
	if (led.piece == LB_CONN_NOBODY) {
		led.piece = lb_conn_reserve(ctx, led.now, &key, led.hash, &led.piece_control);
		if (led.piece == LB_CONN_NOBODY || led.piece == LB_CONN_MET)
			return 0;
	}
	return lb_fill_fragment(ctx, &key, &led);
}

/* Let the later fragments of this first one find the flow. Without a place for that they are left to the stack. */
static LB_INLINE void lb_lead_fragments(struct lb_ctx *ctx, const struct lb_packet *packet, const struct lb_found *flow)
{
	if (packet->fragment & LB_IP_MF)
		lb_enter_fragment(ctx, packet, flow->index, flow->control);
}

#endif
