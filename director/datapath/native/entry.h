/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the connection table: 64 bytes, and the word that locks and names it.
 *
 * `control` holds hash tag, version, state and kind. It changes by compare-and-swap alone:
 *   EMPTY, DEAD, expired, giving way -> BUSY    claimed, under a new version; the winner alone may write the entry
 *   BUSY -> FLOW, REPLY, FRAGMENT, CACHE, TEMPLATE  published, with release order after the rest was written
 *   state -> state                              one winner, who moves the active and inactive counts
 *   FLOW, REPLY, FRAGMENT, CACHE -> BUSY -> DEAD  one winner, who takes the counts back
 *   TEMPLATE -> BUSY -> DEAD                    the same; TEMPLATE again if a flow came under it meanwhile
 *   DEAD -> EMPTY                               by the sweeper alone
 * A reader takes what it needs of an entry and then looks at control again (lb_conn_stands): if tag and version are what
 * they were, all of it was this entry's. `expires` and `packets` are written plainly by who has just seen that.
 * docs/decisions/0003-connection-table.md says why this is enough.
 */
#ifndef LB_ENTRY_H
#define LB_ENTRY_H

#include "table.h"
#include "tcp.h"

enum {
	LB_WAYS = 8,
	LB_SETS = 4, /* that an entry can stand in: with two, one in 7,000 found no place in a half-full table */
	LB_CROWDED_MS = 10000, /* for how long the table counts as crowded after the last sign of it */
	LB_CROWDED_STEP_MS = 1000,
	LB_FRAGMENTS_FIRST = 1 << 30, /* ms, longer than anything is idle */
};

/* Place 0 is nobody's: peer 0 means none. It is BUSY from the start, since an empty place ends searches. */
enum { LB_CONN_NOBODY = 0 };

enum lb_conn_kind {
	LB_CONN_EMPTY,
	LB_CONN_DEAD,
	LB_CONN_BUSY,
	LB_CONN_FLOW,	  /* client to VIP */
	LB_CONN_REPLY,	  /* NAT: server to client; its flow is `peer` */
	LB_CONN_FRAGMENT, /* later fragments of a packet; their flow is `peer` */
	LB_CONN_CACHE,	  /* whom a scheduler has an address meet (local.h) */
	LB_CONN_TEMPLATE, /* persistence: where a client's next connection goes (persist.h) */
};

/* What a TEMPLATE has for a state. */
enum lb_template_state {
	LB_TEMPLATE_ASSURED = 1, /* a connection under it was established: no forged address has that */
	LB_TEMPLATE_ENDED = 2,	 /* it serves no new ones, and lives on for its time and its connections */
};

/* What `kin` tells of a flow above its method. */
enum lb_kin {
	LB_KIN_METHOD = 3, /* mask */
	LB_KIN_HELD = 4,   /* it is under a template */
};

struct lb_conn {
	u64 control;
	u32 expires; /* ms on the data path's clock, which wraps. DEAD: when it died */
	u32 dest;    /* FLOW, TEMPLATE: stable id. REPLY: interface the client is behind. FRAGMENT: tag of its flow */
	struct lb_addr caddr;
	struct lb_addr vaddr;
	be16 cport;
	be16 vport;
	u8 protocol;
	u8 kin; /* family in the lower four bits; FLOW: enum lb_method above it, as it was when it began, and LB_KIN_HELD */
	union {
		struct {
			u16 client;  /* FLOW with NAT: a digest of what its REPLY knows of the client's whereabouts */
			u32 packets; /* FLOW: packets in. FRAGMENT: version of its flow. TEMPLATE: flows under it */
		} LB_WIRE;
		u8 client_mac[LB_ETH_ALEN]; /* REPLY */
	};
	u32 peer; /* FLOW: its REPLY, with NAT; else its TEMPLATE. REPLY, FRAGMENT: the flow. TEMPLATE: its timeout, ms */
};
_Static_assert(sizeof(struct lb_conn) == LB_LINE, "one cache line");

/* Where a client is: behind this interface, with this MAC or that of the router before it. */
struct lb_client {
	u32 ifindex;
	u8 mac[LB_ETH_ALEN];
};

static LB_INLINE u64 lb_control(u32 tag, u16 version, u8 state, enum lb_conn_kind kind)
{
	return (u64)tag << 32 | (u64)version << 16 | (u64)state << 8 | kind;
}

static LB_INLINE u32 lb_control_tag(u64 control)
{
	return (u32)(control >> 32);
}

static LB_INLINE u16 lb_control_version(u64 control)
{
	return (u16)(control >> 16);
}

static LB_INLINE u8 lb_control_state(u64 control)
{
	return (u8)(control >> 8);
}

static LB_INLINE u8 lb_control_kind(u64 control)
{
	return (u8)control;
}

/*
 * The data path's clock: a time in ns as ms, which wrap. A division would cost a packet several times as much. It loses a
 * second in four centuries.
 */
static LB_INLINE u32 lb_ms(u64 ns)
{
	return (u32)((ns >> 20) * 4503599627ULL >> 32); /* 2^20 / 10^6 in 1 / 2^32 */
}

static LB_INLINE int lb_expired(u32 expires, u32 now)
{
	return (s32)(expires - now) <= 0;
}

static LB_INLINE u8 lb_conn_family(const struct lb_conn *conn)
{
	return conn->kin & 0xf;
}

/* Whether flows are under a template. It can be one less than none for a moment: see lb_template_hold. */
static LB_INLINE int lb_template_holds(const struct lb_conn *conn)
{
	return *(const volatile s32 *)&conn->packets > 0;
}

/*
 * Whether an entry is in force. A REPLY has no time of its own: it lives as long as its flow, and its `expires` is the
 * place of that flow's template. A TEMPLATE outlives its time while flows are under it.
 */
static LB_INLINE int lb_conn_alive(const struct lb_conn *conn, u64 control, u32 now)
{
	u8 kind = lb_control_kind(control);

	return kind == LB_CONN_REPLY || (kind > LB_CONN_BUSY && !lb_expired(conn->expires, now)) ||
	       (kind == LB_CONN_TEMPLATE && lb_template_holds(conn));
}

static LB_INLINE int lb_template_ended(u64 control)
{
	return lb_control_kind(control) == LB_CONN_TEMPLATE && (lb_control_state(control) & LB_TEMPLATE_ENDED);
}

#endif
