/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections told to other directors, and entered because others told of them.
 *
 * A teller walks the table, a slice at a time, and finds what others should hear of: it remembers for each place what it
 * told last, 16 bytes that are touched only where there is a flow. All of this is called by one thread, that which swaps
 * images; workers go on meanwhile.
 */
#ifndef LB_SYNC_H
#define LB_SYNC_H

#include "datapath.h"
#include "entry.h"

/* A connection or template as one director tells it to another: ports in the host's order, an IPv4 address in the first word. */
struct lb_sync_flow {
	struct lb_addr caddr;
	struct lb_addr vaddr;
	u16 cport;
	u16 vport;
	u8 protocol;
	u8 family;
	u8 state; /* enum lb_conn_state; of a template LB_TEMPLATE_ASSURED or 0 */
	u8 method;
	u8 template; /* it is a persistence template, without a port of the client */
	u8 unused[3];
	u32 dest;    /* stable id */
	u32 timeout; /* ms until it expires, of a template its whole time; of a flow that is entered 0: its state's */
	u32 packets; /* the client's */
};
_Static_assert(sizeof(struct lb_sync_flow) == 56, "as synchronising.py reads it");

/* When a flow is told of; under the kernel's names, times in ms. */
struct lb_sync_rule {
	u32 threshold; /* packets before it is told of at first */
	u32 period;    /* and again after each so many, 0: not */
	u32 refresh;   /* at least so much its end must have moved, 0: does not matter */
	u32 retries;
	u32 timeouts[LB_TIMEOUTS]; /* by state */
};

struct lb_teller;

/* NULL: no memory. */
struct lb_teller *lb_teller_new(const struct lb_datapath *datapath);
void lb_teller_free(struct lb_teller *teller);

/*
 * Go on through the next `places` places: copies at most `max` flows that are due, and returns how many. It may look at
 * fewer places where it finds that many. `rounds` counts the times that it came to the table's end.
 */
u32 lb_teller_collect(struct lb_teller *teller, struct lb_datapath *datapath, const struct lb_sync_rule *rule, u32 now,
		      u32 places, struct lb_sync_flow *out, u32 max);
u32 lb_teller_rounds(const struct lb_teller *teller);

enum lb_sync_result {
	LB_SYNC_ENTERED,
	LB_SYNC_UPDATED,
	LB_SYNC_STALE,	 /* it tells the end of a flow that another has replaced here */
	LB_SYNC_UNKNOWN, /* there is no such destination */
	LB_SYNC_FULL,
};

/*
 * Enter a flow that another director told of, or update it. `client`: where its client is, for a NAT server's replies; its
 * ifindex is 0 as long as that is not known. `teller` may be NULL; else it takes the flow for told, so that two
 * directors do not tell each other the same for ever.
 */
int lb_sync_enter(struct lb_datapath *datapath, struct lb_teller *teller, const struct lb_sync_flow *flow,
		  const struct lb_client *client, u32 now);

/* Let a NAT server's replies on this flow find the client, unless a packet of its own has told where it is. */
int lb_sync_lead(struct lb_datapath *datapath, const struct lb_sync_flow *flow, const struct lb_client *client,
		 u32 now);

#endif
