/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tunnel puts before a packet: built by tunnel.h, and put there by the host, now or when the frame leaves.
 *
 * A host that keeps it for each segment of a super-frame must be told what it is before: where the packet's own
 * transport header begins, and of which protocol that is.
 */
#ifndef LB_OUTER_H
#define LB_OUTER_H

#include "wire.h"

struct lb_outer {
	union {
		struct lb_ipv4 ipv4;
		struct lb_ipv6 ipv6;
	} ip;
	u16 length;	   /* of all that is put before the packet */
	u16 inner_headers; /* of the packet's own IP header, with options or extensions */
	u8 family;	   /* of the outer header */
	u8 inner_family;
	u8 inner_protocol; /* of the packet's transport header */
	u8 unused;
};

#endif
