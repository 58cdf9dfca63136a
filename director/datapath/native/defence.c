// SPDX-License-Identifier: Apache-2.0
/*
 * drop_entry: each second a 32nd of the connection table is looked through, at places that chance picks. Connections
 * that are half open end; of established ones, and of UDP's, those with few packets that have been idle for a minute, the
 * fewer packets the sooner.
 */
#include "defence.h"

#include "host_user.h"

enum {
	LB_DEFEND_PART = 32,
	LB_DEFEND_IDLE_MS = 60000,
};

#define LB_EMBRYONIC (1 << LB_S_SYN_RECV | 1 << LB_S_SYNACK | 1 << LB_S_SCTP_INIT1 | 1 << LB_S_SCTP_INIT)
#define LB_SETTLED_DOWN (1 << LB_S_ESTABLISHED | 1 << LB_S_SCTP_ESTABLISHED | 1 << LB_S_UDP)

/* Of connections with one packet each is taken, of those with two every second, and so on; with none, or many, none. */
static int lb_drop_turn(struct lb_datapath *datapath, u32 packets)
{
	if (packets == 0 || packets >= LB_DROP_PACKETS)
		return 0;
	return datapath->drop_turn[packets]++ % packets == 0;
}

static int lb_is_dropped(struct lb_ctx *ctx, const struct lb_conn *conn, u64 control)
{
	u8 state = lb_control_state(control);
	const struct lb_image_header *image = lb_image(ctx);
	const struct lb_dest *dest;
	s32 left = (s32)(conn->expires - ctx->now);

	if (lb_state_in(state, LB_EMBRYONIC))
		return 1;
	if (!lb_state_in(state, LB_SETTLED_DOWN))
		return 0;
	dest = lb_dest_or_empty(ctx, image, conn->dest);
	if ((s32)lb_timeout_ms(ctx, image, dest->timeouts, state) - left < LB_DEFEND_IDLE_MS)
		return 0;
	return lb_drop_turn(ctx->datapath, conn->packets);
}

static u32 lb_drop_set(struct lb_ctx *ctx, u32 set)
{
	u32 ended = 0;

	for (u32 way = 0; way < LB_WAYS; way++) {
		struct lb_found found = {.index = set * LB_WAYS + way};

		found.conn = &ctx->datapath->conns[found.index];
		found.control = lb_conn_control(found.conn);
		if (lb_control_kind(found.control) != LB_CONN_FLOW ||
		    !lb_conn_alive(found.conn, found.control, ctx->now) ||
		    !lb_is_dropped(ctx, found.conn, found.control))
			continue;
		lb_conn_kill(ctx, ctx->now, &found);
		ended++;
	}
	return ended;
}

u32 lb_datapath_defend(struct lb_datapath *datapath, u32 rate, int drop_entries, u32 now, u64 chance)
{
	struct lb_ctx ctx = {.datapath = datapath, .now = now, .image = lb_begin(datapath, LB_VISITOR)};
	const struct lb_options *options = lb_options(&ctx, lb_image(&ctx));
	u32 ended = 0;

	__atomic_store_n(&datapath->defence->rate, rate, __ATOMIC_RELAXED);
	if (rate && options && options->drop_packet < LB_DEFEND_ALWAYS)
		__atomic_store_n(&datapath->defence->turn, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; drop_entries && i <= datapath->sets / LB_DEFEND_PART; i++) {
		chance = lb_mix(chance, i);
		ended += lb_drop_set(&ctx, (u32)chance & (datapath->sets - 1));
	}
	lb_end(datapath, LB_VISITOR);
	return ended;
}
