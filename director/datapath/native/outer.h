/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tunnel puts before a packet: built by tunnel.h, and put there by the host, now or when the frame leaves.
 *
 * An outer IP header, and of GRE and GUE a tail behind it. A host that keeps it for each segment of a super-frame must be
 * told what it is before: where the packet's own transport header begins, and of which protocol that is.
 */
#ifndef LB_OUTER_H
#define LB_OUTER_H

#include "wire.h"

enum lb_tail {
	LB_TAIL_NONE, /* IP in IP */
	LB_TAIL_GRE,
	LB_TAIL_UDP,
	LB_TAIL_WORDS = 5,   /* of 32 bits: UDP, GUE and its option */
	LB_TAIL_GRE_SUM = 1, /* which word has the checksum */
	LB_TAIL_UDP_SUM = 1, /* in its upper half; the length is in the lower */
};

struct lb_outer {
	union {
		struct lb_ipv4 ipv4;
		struct lb_ipv6 ipv6;
	} ip;
	be32 tail[LB_TAIL_WORDS];
	u16 length;	   /* of all that is put before the packet */
	u16 inner_headers; /* of the packet's own IP header, with options or extensions */
	u8 family;	   /* of the outer header */
	u8 inner_family;
	u8 inner_protocol; /* of the packet's transport header */
	u8 kind;	   /* enum lb_tail */
	u8 summed;	   /* the tail has a checksum, over itself and all behind it */
	u8 unused[3];
};

/* The length of the outer IP header. */
static LB_INLINE u16 lb_outer_ip_length(const struct lb_outer *outer)
{
	return outer->family == LB_FAMILY_IPV6 ? sizeof(struct lb_ipv6) : sizeof(struct lb_ipv4);
}

/* The length of what is between the two IP headers. */
static LB_INLINE u16 lb_tail_length(const struct lb_outer *outer)
{
	return outer->length - lb_outer_ip_length(outer);
}

#endif
