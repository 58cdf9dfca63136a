/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers and the wire: byte-order types and the header layouts of a frame.
 *
 * Shared by every host (gcc for user space, clang for eBPF), so it includes nothing but what both have. A field in
 * network order has a be type, and only the functions here cross between the orders. Layouts are packed with an
 * alignment of 2: a frame's headers start at odd multiples of two, and a compiler told otherwise may use a wider load.
 */
#ifndef LB_WIRE_H
#define LB_WIRE_H

#ifdef __bpf__
#include <linux/types.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
#else
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
#endif

typedef u16 be16; /* network byte order */
typedef u32 be32;

#define LB_INLINE inline __attribute__((always_inline))
#define LB_WIRE __attribute__((packed, aligned(2)))
#define LB_LIKELY(x) __builtin_expect(!!(x), 1)
#define LB_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Keep the compiler from choosing a pointer by arithmetic: verifiers up to Linux 6.12 lose the packet's bounds by it. */
#define LB_APART(pointer) asm volatile("" : "+r"(pointer))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the byte swaps below assume a little-endian host");

static LB_INLINE u16 lb_ntohs(be16 v)
{
	return __builtin_bswap16(v);
}

static LB_INLINE be16 lb_htons(u16 v)
{
	return __builtin_bswap16(v);
}

static LB_INLINE u32 lb_ntohl(be32 v)
{
	return __builtin_bswap32(v);
}

static LB_INLINE be32 lb_htonl(u32 v)
{
	return __builtin_bswap32(v);
}

/* An address of either family: an IPv4 address stands in word 0, the other words are zero. Network order. */
struct lb_addr {
	be32 word[4];
};
_Static_assert(sizeof(struct lb_addr) == 16, "lb_addr is a wire-sized address");

static LB_INLINE int lb_addr_equal(const struct lb_addr *a, const struct lb_addr *b)
{
	u32 differ = 0;

	for (int i = 0; i < 4; i++)
		differ |= a->word[i] ^ b->word[i];
	return differ == 0;
}

enum {
	LB_ETH_ALEN = 6,
	LB_ETH_HLEN = 14,
	LB_ETH_P_IP = 0x0800,
	LB_ETH_P_IPV6 = 0x86dd,
	LB_IPPROTO_ICMP = 1,
	LB_IPPROTO_HOPOPTS = 0, /* IPv6 extension headers: those of RFC 8200 §4.1, and AH */
	LB_IPPROTO_IPIP = 4,
	LB_IPPROTO_TCP = 6,
	LB_IPPROTO_UDP = 17,
	LB_IPPROTO_IPV6 = 41,
	LB_IPPROTO_ROUTING = 43,
	LB_IPPROTO_FRAGMENT = 44,
	LB_IPPROTO_GRE = 47,
	LB_IPPROTO_AH = 51,
	LB_IPPROTO_ICMPV6 = 58,
	LB_IPPROTO_DSTOPTS = 60,
	LB_IPPROTO_SCTP = 132,
	LB_IP_DF = 0x4000,
	LB_IP_MF = 0x2000,
	LB_IP_OFFSET = 0x1fff,
	LB_IPV6_MORE = 0x0001, /* of a fragment header */
	LB_IPV6_OFFSET = 0xfff8,
	LB_GRE_CHECKSUM = 0x8000,
	LB_GUE_PRIVATE = 0x0001,
	LB_TCP_FIN = 0x01,
	LB_TCP_SYN = 0x02,
	LB_TCP_RST = 0x04,
	LB_TCP_PSH = 0x08,
	LB_TCP_ACK = 0x10,
	LB_TCP_CWR = 0x80,
	LB_FAMILY_IPV4 = 4,
	LB_FAMILY_IPV6 = 6,
};

struct lb_eth {
	u8 dst[LB_ETH_ALEN];
	u8 src[LB_ETH_ALEN];
	be16 type;
} LB_WIRE;
_Static_assert(sizeof(struct lb_eth) == LB_ETH_HLEN, "Ethernet header");

static LB_INLINE int lb_mac_equal(const u8 *a, const u8 *b)
{
	const u16 *left = (const u16 *)a, *right = (const u16 *)b; /* addresses stand at even places */

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2];
}

struct lb_ipv4 {
	u8 version_ihl;
	u8 tos;
	be16 total_length;
	be16 id;
	be16 fragment; /* flags and offset */
	u8 ttl;
	u8 protocol;
	be16 checksum;
	be32 source;
	be32 destination;
} LB_WIRE;
_Static_assert(sizeof(struct lb_ipv4) == 20, "IPv4 header, RFC 791");

/* An address as it stands in a frame, where a struct lb_addr would be taken for better aligned than it is. */
struct lb_wire_addr {
	be32 word[4];
} LB_WIRE;

struct lb_ipv6 {
	u8 version_class; /* the traffic class's upper half in the lower four bits */
	u8 class_label;	  /* its lower half in the upper four */
	be16 label;
	be16 payload_length;
	u8 next_header;
	u8 hop_limit;
	struct lb_wire_addr source;
	struct lb_wire_addr destination;
} LB_WIRE;
_Static_assert(sizeof(struct lb_ipv6) == 40, "IPv6 header, RFC 8200");

/* What an extension header begins with; of a fragment's, all of it. */
struct lb_extension {
	u8 next_header;
	u8 length;     /* in 8 bytes, beyond the first 8; AH in 4 bytes, beyond the first 8 */
	be16 fragment; /* offset and flags */
	be32 id;
} LB_WIRE;
_Static_assert(sizeof(struct lb_extension) == 8, "fragment header, RFC 8200 §4.5");

static LB_INLINE u8 lb_ipv6_class(const struct lb_ipv6 *ip)
{
	return (u8)(ip->version_class << 4) | ip->class_label >> 4;
}

/* Write version and traffic class, and no flow label. */
static LB_INLINE void lb_ipv6_set_class(struct lb_ipv6 *ip, u8 class)
{
	ip->version_class = 0x60 | class >> 4;
	ip->class_label = (u8)(class << 4);
	ip->label = 0;
}

static LB_INLINE struct lb_addr lb_addr_read(const struct lb_wire_addr *from)
{
	return (struct lb_addr){.word = {from->word[0], from->word[1], from->word[2], from->word[3]}};
}

static LB_INLINE void lb_addr_write(struct lb_wire_addr *to, const struct lb_addr *from)
{
	for (int i = 0; i < 4; i++)
		to->word[i] = from->word[i];
}

struct lb_tcp {
	be16 source;
	be16 destination;
	be32 sequence;
	be32 acknowledgement;
	u8 offset; /* header length in 32-bit words, in the upper four bits */
	u8 flags;
	be16 window;
	be16 checksum;
	be16 urgent;
} LB_WIRE;
_Static_assert(sizeof(struct lb_tcp) == 20, "TCP header, RFC 9293");

struct lb_udp {
	be16 source;
	be16 destination;
	be16 length;
	be16 checksum;
} LB_WIRE;
_Static_assert(sizeof(struct lb_udp) == 8, "UDP header, RFC 768");

struct lb_sctp {
	be16 source;
	be16 destination;
	be32 tag;
	u32 checksum; /* CRC32c, least significant byte first */
} LB_WIRE;
_Static_assert(sizeof(struct lb_sctp) == 12, "SCTP common header, RFC 9260");

struct lb_chunk {
	u8 type;
	u8 flags;
	be16 length; /* of the chunk with this header; the next one begins at a multiple of four */
} LB_WIRE;
_Static_assert(sizeof(struct lb_chunk) == 4, "SCTP chunk header, RFC 9260");

/* GRE, RFC 2784; with LB_GRE_CHECKSUM a checksum and a reserved word follow. */
struct lb_gre {
	be16 flags;
	be16 type;
} LB_WIRE;
_Static_assert(sizeof(struct lb_gre) == 4, "GRE header, RFC 2784");

/* GUE, as the Internet-Draft draft-ietf-intarea-gue has its version 0. */
struct lb_gue {
	u8 words; /* of options; above the lower five bits a version and a control bit, both 0 */
	u8 protocol;
	be16 flags;
} LB_WIRE;
_Static_assert(sizeof(struct lb_gue) == 4, "GUE header");

/* GUE's option of remote checksum offload: where to sum from, and where the sum belongs, within the packet inside. */
struct lb_gue_remote {
	be32 private;
	be16 start;
	be16 offset;
} LB_WIRE;
_Static_assert(sizeof(struct lb_gue_remote) == 8, "GUE's private flags and option");

struct lb_icmp {
	u8 type;
	u8 code;
	be16 checksum;
	be16 unused; /* of "unused" and "next-hop MTU", RFC 792 and RFC 1191; ICMPv6's MTU is both, RFC 4443 §3.2 */
	be16 mtu;
} LB_WIRE;
_Static_assert(sizeof(struct lb_icmp) == 8, "ICMP header, RFC 792");

#endif
