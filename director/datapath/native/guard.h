/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the guard's map, one layout for the eBPF programs that look them up and for Python that sets them.
 *
 * A key names one end of a packet. With protocol and port it is a service (TO) or a translated server (FROM), with port 0
 * one of every port; with both 0 it is only the address of one, which is all that a later fragment and an address of the
 * host itself (LOCAL) have. Rules pick out what has the mark of a service, in up to two lists, while one replaces the
 * other: in each the first that fits decides. They stand in two banks, of which one is in force.
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
	LB_GUARD_TOKEN = 0x6c6f6361, /* metadata: the XDP program leaves this frame to the stack, its server */
	LB_GUARD_KEEP = 0x40000,     /* what a socket filter returns for "the whole frame" */
	LB_GUARD_BANK = 2 * 1024,    /* rules */
};

/* A key's value. */
enum lb_guard_value {
	LB_GUARD_PLAIN = 1,
	LB_GUARD_FTP_DATA, /* a service that has the ports of FTP's data connections too */
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

struct lb_guard_rule {
	u8 network[16];
	u8 mask[16];
	u16 first_port;
	u16 last_port;
	u8 protocol; /* 0: any that is balanced */
	u8 family;
	u8 list;
	u8 served; /* the mark is a service's */
};
_Static_assert(sizeof(struct lb_guard_rule) == 40, "a rule has no padding");

/* What is asked of beyond keys in full; all 0 in most configurations. */
struct lb_guard_wide {
	u16 keys;  /* there are keys of port 0, or with FTP's data */
	u16 first; /* rule: the bank in force */
	u16 count;
	u16 unused;
};
_Static_assert(sizeof(struct lb_guard_wide) == 8, "read and written at once");

#endif
