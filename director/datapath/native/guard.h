/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the guard's map, one layout for the eBPF programs that look them up and for Python that sets them.
 *
 * A key names one end of a packet. With protocol and port it is a service (TO) or a translated server (FROM); with both
 * 0 it is only the address of one, which is all that a later fragment and an address of the host itself (LOCAL) have.
 */
#ifndef LB_GUARD_H
#define LB_GUARD_H

#include "wire.h"

enum lb_guard_side {
	LB_GUARD_TO = 1,
	LB_GUARD_FROM,
	LB_GUARD_LOCAL,
};

enum {
	LB_GUARD_KEYS = 524288,
	LB_GUARD_KEEP = 0x40000, /* what a socket filter returns for "the whole frame" */
};

struct lb_guard_key {
	u8 address[16]; /* an IPv4 address stands in the first four bytes */
	be16 port;
	u8 protocol;
	u8 family;
	u8 side;
	u8 unused[3];
};
_Static_assert(sizeof(struct lb_guard_key) == 24, "a key has no padding that could differ");

#endif
