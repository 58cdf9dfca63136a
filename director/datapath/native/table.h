/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table image and the state region: all that the data path knows of the configuration.
 *
 * The image is one immutable blob of 64-byte lines, compiled by director/tables/ and swapped whole. Line 0 is its
 * header, which says at which line each part begins:
 *   options       a line that few packets ask for
 *   services      an open-addressing hash table, a power of two of slots, at most LB_SERVICE_PROBES from the home slot
 *   destinations  indexed by the destination's stable id; an absent one has flags 0
 *   lists         per service its destinations {id, weight} in kernel IPVS's list order (the reverse of adding)
 *   look-up       per sh, dh or mh service an array of destination ids, 0 for none; per other service a smaller one, by
 *                 which it chooses when there is no remembering (crowd.h), but none for fo and none
 *   links         the interfaces, LB_LINKS_PER_LINE to a line
 *   timeouts      sets of LB_TIMEOUTS milliseconds, by enum lb_timeout; set 0 is for all who have none of their own
 *   details       a line for each service that has any
 *   marks         which packets have which firewall mark, in the order in which rules are asked
 *   limits        which destinations take how many connections, in the order of their ids
 *   servers       with nat_icmp_send an open-addressing hash table of NAT's destinations, a power of two of slots, at
 *                 most LB_SERVER_PROBES from the home slot
 * The state region lives as long as the data path and is indexed by stable id, never by line, so that it outlives
 * images. Stable ids start at 1. Same bytes for every host; director/tables/layout.py is the twin of this file.
 */
#ifndef LB_TABLE_H
#define LB_TABLE_H

#include "wire.h"

enum {
	LB_LINE = 64,
	LB_IMAGE_MAGIC = 0x4c564449, /* "IDVL" in memory */
	LB_IMAGE_VERSION = 2,
	LB_SERVICE_PROBES = 8,
	LB_SERVER_PROBES = 32,
	LB_MAX_SERVICES = 4096,	     /* stable ids are below this */
	LB_MAX_DESTS = 131072,	     /* stable ids are below this */
	LB_MAX_SERVICE_DESTS = 1024, /* destinations of one service */
	LB_DESTS_PER_LINE = 8,
	LB_IDS_PER_LINE = 16,
	LB_LINKS_PER_LINE = 4,
	LB_MARKS_PER_LINE = 2,
	LB_LIMITS_PER_LINE = 4,
	LB_SERVERS_PER_LINE = 8,
	LB_MAX_LINKS = 256,
	LB_MAX_MARKS = 1024,
	LB_SH_SIZE = 256, /* dh's too */
	LB_MH_SIZE = 4093,
};

enum lb_scheduler {
	LB_RR = 1,
	LB_WRR,
	LB_LC,
	LB_WLC,
	LB_SH,
	LB_MH,
	LB_SED,
	LB_NQ,
	LB_DH,
	LB_FO,
	LB_OVF,
	LB_LBLC,
	LB_LBLCR,
	LB_TWOS,
	LB_NO_SCHEDULER,
};

enum lb_service_flag {
	LB_SCHED_FALLBACK = 1, /* sh-fallback, mh-fallback */
	LB_SCHED_PORT = 2,     /* sh-port, mh-port */
	LB_SERVICE_PERSISTENT = 4,
	LB_SERVICE_ONE_PACKET = 8,
	LB_SERVICE_MARK = 16, /* found by a mark rule, never by its address */
	LB_SERVICE_GONE = 32, /* deleted, while connections refer to what were its servers */
};

enum lb_method {
	LB_DR = 1,
	LB_TUN,
	LB_NAT,
};

enum lb_dest_flag {
	LB_DEST_PRESENT = 1,  /* in the configuration */
	LB_DEST_RESOLVED = 2, /* its next hop is known */
	LB_DEST_IPV6 = 4,     /* the family of addr and source */
	LB_DEST_GRE = 8,      /* a tunnel's type; neither: IP in IP */
	LB_DEST_GUE = 16,
	LB_DEST_CHECKSUM = 32, /* the tunnel's outer header has a checksum */
	LB_DEST_REMOTE = 64,   /* GUE: the inner checksum is left to the tunnel's far end */
	LB_DEST_LOCAL = 128,   /* it is the director itself: RESOLVED, but without a next hop */
};

enum lb_timeout {
	LB_TIMEOUT_TCP = 0, /* + enum lb_tcp_state */
	LB_TIMEOUT_UDP = 11,
	LB_TIMEOUT_FRAGMENT = 12,
	LB_TIMEOUT_SCTP = 16, /* + enum lb_sctp_state */
	LB_TIMEOUTS = 32,
	LB_TIMEOUTS_PER_LINE = 16,
};

/* By what more than address, protocol and port services are found here. A packet of plain ones asks for no more than this. */
/* What is on, of that which each packet or each new connection asks for; levels and numbers are in the options. */
enum lb_switch {
	LB_SLOPPY_TCP = 1,
	LB_SECURE_TCP = 2,
	LB_DROP_PACKET = 4,
	LB_NAT_ICMP_SEND = 8,
};

enum lb_wide {
	LB_WIDE_MARK = 1,
	LB_WIDE_FTP = 2,      /* a persistent service of FTP has the ports of data connections too */
	LB_WIDE_ANY_PORT = 4, /* a service has every port that no other has */
};

struct lb_image_header {
	u32 magic;
	u32 version;
	u64 generation;
	u32 lines; /* of the whole image, this one included */
	u32 service_first;
	u32 service_mask; /* slots - 1 */
	u32 dest_first;
	u32 dest_count;	     /* one more than the highest id; a destination's line is dest_first + id */
	u32 seed;	     /* of the services' hash */
	u32 icmp_per_second; /* 0: no limit */
	u8 conn_reuse_mode;
	u8 expire_nodest_conn;
	u8 switches; /* enum lb_switch */
	u8 wide;     /* enum lb_wide */
	u32 timeouts_first;
	u32 links_first;
	u32 links_count;
	u32 options; /* line */
};
_Static_assert(sizeof(struct lb_image_header) == LB_LINE, "one line");

/* Under the kernel's names. */
struct lb_options {
	u8 expire_quiescent_template;
	u8 sloppy_sctp;
	u8 drop_entry;
	u8 drop_packet;
	u8 secure_tcp;
	u8 nat_icmp_send;
	u8 pmtu_disc;
	u8 schedule_icmp;
	u32 am_droprate;
	u32 amemthresh;	      /* pages of 4 KiB */
	u32 lblc_expiration;  /* ms */
	u32 lblcr_expiration; /* ms */
	u32 marks_first;
	u32 marks_count;
	u32 limits_first;
	u32 limits_count;
	u32 servers_first;
	u32 servers_mask; /* slots - 1 */
	u32 spare[4];
};
_Static_assert(sizeof(struct lb_options) == LB_LINE, "one line");

struct lb_service {
	struct lb_addr addr;
	be16 port;
	u8 protocol;
	u8 family; /* 0: an empty slot */
	u32 id;
	u8 scheduler;
	u8 flags;
	u16 dest_count;
	u32 list_first; /* line of the destination list */
	u32 lookup_first;
	u32 lookup_size; /* entries, 0 for a scheduler without a table */
	u32 timeouts;	 /* which set of timeouts */
	s32 wrr_gcd;
	s32 wrr_max; /* highest weight - (gcd - 1) */
	u32 stateless_first;
	u32 stateless_size; /* entries of the table by which it chooses while connections are crowded out */
	u32 details;	    /* line of its details, 0: it has none */
};
_Static_assert(sizeof(struct lb_service) == LB_LINE, "one line");

/* What few services have. */
struct lb_service_details {
	struct lb_addr mask; /* persistence: the bits of an address that tell one client from another */
	u32 persistence;     /* ms, 0: none */
	u32 mark;	     /* firewall mark, 0: none */
	u32 spare[10];
};
_Static_assert(sizeof(struct lb_service_details) == LB_LINE, "one line");

struct lb_dest {
	u32 service; /* stable id */
	s32 weight;
	u32 ifindex;
	struct lb_addr addr;
	struct lb_addr source; /* of the outer header of a tunnel */
	u8 source_mac[LB_ETH_ALEN];
	u8 dest_mac[LB_ETH_ALEN];
	be16 port; /* NAT: 0 keeps the client's choice. GUE: of the tunnel */
	u16 mtu;
	u8 method;
	u8 flags;
	u16 timeouts; /* which set of timeouts: the service's */
};
_Static_assert(sizeof(struct lb_dest) == LB_LINE, "one line");

struct lb_list_item {
	u32 id;
	s32 weight;
};

/* Packets to an address of this network and a port of this range have the mark that a service stands for. */
struct lb_mark {
	struct lb_addr network;
	u8 prefix;   /* bits */
	u8 protocol; /* 0: any that is balanced */
	u8 family;
	u8 unused;
	u16 first_port;
	u16 last_port;
	u32 service; /* line, 0: no service has the mark */
	u32 spare;
};
_Static_assert(sizeof(struct lb_mark) * LB_MARKS_PER_LINE == LB_LINE, "whole rules in a line");

/* A destination's thresholds: from `upper` connections on it gets none, until there are fewer than `lower`. */
struct lb_limit {
	u32 id;
	u32 upper; /* 0: no limit */
	u32 lower; /* 0: three quarters of upper */
	u32 spare;
};
_Static_assert(sizeof(struct lb_limit) * LB_LIMITS_PER_LINE == LB_LINE, "whole limits in a line");

/* What NAT sends packets to, as the source of packets that the server sends itself. Its address: the destination's. */
struct lb_server {
	u32 id; /* the destination's, 0: an empty slot */
	be16 port;
	u8 protocol; /* 0: any */
	u8 unused;
};
_Static_assert(sizeof(struct lb_server) * LB_SERVERS_PER_LINE == LB_LINE, "whole slots in a line");

struct lb_link {
	u32 ifindex;
	u8 mac[LB_ETH_ALEN];
	u16 mtu;
	u32 spare;
};
_Static_assert(sizeof(struct lb_link) * LB_LINKS_PER_LINE == LB_LINE, "whole links in a line");
_Static_assert(sizeof(struct lb_list_item) * LB_DESTS_PER_LINE == LB_LINE, "whole items in a line");

/* Mix one 64-bit word into a hash (the finishing step of a multiplicative hash; any odd constant with mixed bits does). */
static LB_INLINE u64 lb_mix(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 32);
}

static LB_INLINE u64 lb_mix_addr(u64 hash, const struct lb_addr *addr)
{
	hash = lb_mix(hash, (u64)addr->word[1] << 32 | addr->word[0]);
	return lb_mix(hash, (u64)addr->word[3] << 32 | addr->word[2]);
}

/* The home slot of a service: the low bits of this. The port is taken as it stands in memory, in network order. */
static LB_INLINE u32 lb_service_hash(u32 seed, const struct lb_addr *addr, be16 port, u8 protocol)
{
	u64 hash = lb_mix_addr(seed, addr);

	return (u32)lb_mix(hash, (u64)protocol << 16 | port);
}

/* The home slot of a NAT server: the low bits of this. */
static LB_INLINE u32 lb_server_hash(u32 seed, const struct lb_addr *addr, be16 port)
{
	return lb_service_hash(seed, addr, port, 0);
}

#endif
