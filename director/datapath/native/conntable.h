/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection table seen from outside the packet path: sweep, list, count. None of it stops a packet.
 */
#ifndef LB_CONNTABLE_H
#define LB_CONNTABLE_H

#include "datapath.h"
#include "entry.h"

/* Which entries to list; a zeroed query means every flow and template. */
struct lb_conn_query {
	u8 protocol; /* 0: any */
	u8 family;   /* of vaddr; 0: any service */
	be16 vport;
	struct lb_addr vaddr;
	struct lb_addr client; /* masked; compared after client_mask */
	struct lb_addr client_mask;
	u8 client_family; /* 0: any */
	u8 flows_only;	  /* no templates */
	u8 unused[2];
	u32 states;	       /* a set, by enum lb_conn_state; 0: any */
	u32 dests;	       /* length of dest_wanted, 0: any destination */
	const u8 *dest_wanted; /* by stable id, not 0: wanted */
};

/*
 * List flows from place *cursor on, in table order: copies up to `max` of them, moves *cursor behind the last one
 * looked at (0 at the table's end), and returns how many were copied. O(table); a consistent copy per entry.
 */
u32 lb_conns_select(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now, u32 *cursor,
		    struct lb_conn *out, u32 max);

/* Count the flows that match. O(table). */
u64 lb_conns_count(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now);

/* Count the places of one enum lb_conn_kind, whatever their time. O(table). */
u64 lb_conns_places(const struct lb_datapath *datapath, u32 kind);

/* Set seen[id] for each destination id below `length` that a live flow refers to. O(table). */
void lb_conns_census(struct lb_datapath *datapath, u32 now, u8 *seen, u32 length);

/* End every flow that matches; returns how many. */
u64 lb_conns_end(struct lb_datapath *datapath, const struct lb_conn_query *query, u32 now);

enum { LB_SHOWN_ASSURED = 31 }; /* no flow's state */

/*
 * Of a copied entry: its enum lb_conn_state, for a template LB_S_NONE or LB_SHOWN_ASSURED; its family; the packets that the
 * client sent on it; whether it is a template, and one that serves no more; whether it is a flow under a template.
 */
u8 lb_conn_state_of(const struct lb_conn *conn);
int lb_conn_template_of(const struct lb_conn *conn);
int lb_conn_ended_of(const struct lb_conn *conn);
int lb_conn_held_of(const struct lb_conn *conn);
u8 lb_conn_family_of(const struct lb_conn *conn);
u32 lb_conn_packets_of(const struct lb_conn *conn);

struct lb_sweeper;

struct lb_sweeper *lb_sweeper_new(struct lb_datapath *datapath);
void lb_sweeper_free(struct lb_sweeper *sweeper);

/*
 * Sweep the next `sets` sets: end what has expired, and make places that have been dead for a whole round empty again,
 * where no search needs them. Returns how many entries it ended.
 */
u32 lb_sweep(struct lb_sweeper *sweeper, u32 sets, u32 now);

/* One whole round at this time. */
u32 lb_datapath_sweep(struct lb_datapath *datapath, u64 now_ms);

#endif
