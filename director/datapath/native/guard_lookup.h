/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's maps, and whether a service or a translated server has one end of a packet. For guard.bpf.c alone.
 *
 * The key in full is asked first. Only where there are services of every port, or marks, is anything else.
 */
#ifndef LB_GUARD_LOOKUP_H
#define LB_GUARD_LOOKUP_H

#include <bpf/bpf_helpers.h>

#include "guard.h"

enum {
	FTP_PORT = 21,
	FTP_DATA_PORT = 20,
	FIRST_FREE_PORT = 1024,
	RULE_STRIDE = 32,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_GUARD_KEYS);
	__type(key, struct lb_guard_key);
	__type(value, u8);
} guard_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * LB_GUARD_BANK);
	__type(key, u32);
	__type(value, struct lb_guard_rule);
} guard_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct lb_guard_wide);
} guard_wide SEC(".maps");

/* The value of a key, 0 where there is none. */
static LB_INLINE u8 value_of(enum lb_guard_side side, u8 family, const struct lb_addr *address, u8 protocol, be16 port)
{
	struct lb_guard_key key = {.port = port, .protocol = protocol, .family = family, .side = side};
	const u8 *value;

	__builtin_memcpy(key.address, address, sizeof(key.address));
	value = bpf_map_lookup_elem(&guard_keys, &key);
	return value ? *value : 0;
}

/* An end of a packet that no key names in full, and a walk over the rules with it. */
struct asked {
	struct lb_addr address;
	u8 protocol;
	u8 family;
	be16 port;
	u16 bare;    /* no port: it fits every range, and may have any mark of its address */
	u16 decided; /* bits: lists that say no */
	u32 at;
	u32 end;
};

static LB_INLINE int rule_fits(const struct lb_guard_rule *rule, const struct asked *asked)
{
	const u32 *network = (const u32 *)rule->network, *mask = (const u32 *)rule->mask;
	u16 port = lb_ntohs(asked->port);
	u32 differ = 0;

	for (u32 i = 0; i < 4; i++)
		differ |= (asked->address.word[i] & mask[i]) ^ network[i];
	return !differ && rule->family == asked->family && (!rule->protocol || rule->protocol == asked->protocol) &&
	       (asked->bare || (port >= rule->first_port && port <= rule->last_port));
}

enum {
	WALK_ON,
	WALK_FOUND,
	WALK_ENDS,
};

/* A stride over the rules. Verified once, as the packet path's walks are (walk.h). */
__attribute__((noinline, weak)) int rules_stride(struct asked *asked)
{
	if (!asked)
		return WALK_ENDS;
	for (u32 n = 0; n < RULE_STRIDE; n++, asked->at++) {
		u32 at = asked->at;
		const struct lb_guard_rule *rule;

		if (at >= asked->end)
			return WALK_ENDS;
		rule = bpf_map_lookup_elem(&guard_rules, &at);
		if (!rule)
			return WALK_ENDS;
		if (!rule_fits(rule, asked) || (asked->decided >> (rule->list & 1) & 1))
			continue;
		if (rule->served)
			return WALK_FOUND;
		if (!asked->bare)
			asked->decided |= 1 << (rule->list & 1);
	}
	return WALK_ON;
}

static LB_INLINE int marked(struct asked *asked, const struct lb_guard_wide *wide)
{
	int turn = WALK_ON;

	asked->at = wide->first;
	asked->end = wide->first + wide->count;
	for (u32 n = 0; n <= LB_GUARD_BANK / RULE_STRIDE && turn == WALK_ON; n++)
		turn = rules_stride(asked);
	return turn == WALK_FOUND;
}

static LB_INLINE const struct lb_guard_wide *what_is_wide(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&guard_wide, &zero);
}

/*
 * Whether a service has this end without a key in full: every port of its address, those of FTP's data, or by a mark. In
 * the packet path's order (lookup.h), where a service of FTP that isn't persistent keeps its data from one of port 0.
 */
__attribute__((noinline, weak)) int widely_served(struct asked *asked)
{
	const struct lb_guard_wide *wide = what_is_wide();
	u16 port;
	u8 ftp;

	if (!asked || !wide)
		return 0;
	if (wide->count && marked(asked, wide))
		return 1;
	if (!wide->keys || asked->bare)
		return 0;
	port = lb_ntohs(asked->port);
	if (asked->protocol == LB_IPPROTO_TCP && (port == FTP_DATA_PORT || port >= FIRST_FREE_PORT)) {
		ftp = value_of(LB_GUARD_TO, asked->family, &asked->address, asked->protocol, lb_htons(FTP_PORT));
		if (ftp)
			return ftp == LB_GUARD_FTP_DATA;
	}
	return value_of(LB_GUARD_TO, asked->family, &asked->address, asked->protocol, 0) != 0;
}

static LB_INLINE int is_wide(void)
{
	const struct lb_guard_wide *wide = what_is_wide();

	return wide && (wide->keys || wide->count);
}

static LB_INLINE int has_rules(void)
{
	const struct lb_guard_wide *wide = what_is_wide();

	return wide && wide->count;
}

/* Whether a service has this end. */
static LB_INLINE int served(u8 family, const struct lb_addr *address, u8 protocol, be16 port)
{
	struct asked asked = {.address = *address, .protocol = protocol, .family = family, .port = port};

	return value_of(LB_GUARD_TO, family, address, protocol, port) || (is_wide() && widely_served(&asked));
}

/* Whether a translated server sends from this end. */
static LB_INLINE int translated(u8 family, const struct lb_addr *address, u8 protocol, be16 port)
{
	return value_of(LB_GUARD_FROM, family, address, protocol, port) ||
	       (is_wide() && value_of(LB_GUARD_FROM, family, address, protocol, 0));
}

#endif
