/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of tunnels as they are on the wire, and one header of either family read into one form.
 * Reads by copies only, and knows no map, no verdict and no counter: those are decap.bpf.c's. */
#ifndef DECAP_WIRE_H
#define DECAP_WIRE_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "decap.h"

#define WIRE __attribute__((packed, aligned(2)))
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTO_IPV4 4
#define PROTO_UDP 17
#define PROTO_IPV6 41
#define PROTO_FRAGMENT 44
#define PROTO_GRE 47
#define FRAGMENT_BITS 0x3fff /* more-fragments and the offset; don't-fragment says nothing about being a piece */
#define OFFSET_BITS 0x1fff
#define ECN_MASK 3
#define ECN_CONGESTED 3
#define GRE_CHECKSUM 0x8000 /* the one flag that is known here: a checksum and a reserved word follow */
#define GUE_LENGTH 0x1f	    /* of the first byte: words of options; above it a version and a control bit */
#define GUE_PRIVATE 0x0001  /* a word of private flags is the first option */
#define GUE_REMOTE 0x80000000u
#define CHUNK 512 /* what bpf_csum_diff takes at once */
#define CHUNKS 128

struct ethernet {
	__u8 destination[6];
	__u8 source[6];
	__be16 type;
} WIRE;

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 total;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__u8 source[4];
	__u8 destination[4];
} WIRE;

struct ipv6 {
	__be16 version_class; /* four bits of version, eight of traffic class, four of flow label */
	__be16 flow;
	__be16 payload;
	__u8 next;
	__u8 hops;
	__u8 source[16];
	__u8 destination[16];
} WIRE;

struct ipv6_fragment {
	__u8 next;
	__u8 reserved;
	__be16 fragment;
	__be32 id;
} WIRE;

struct udp {
	__be16 source;
	__be16 destination;
	__be16 length;
	__be16 checksum;
} WIRE;

struct gre {
	__be16 flags;
	__be16 type;
} WIRE;

struct gre_checksum {
	struct gre gre;
	__be16 checksum;
	__be16 reserved;
} WIRE;

struct gue {
	__u8 version_length;
	__u8 protocol;
	__be16 flags;
} WIRE;

/* Where the sender left the inner checksum to us: from which byte of the inner packet to sum, and where it belongs. */
struct gue_remote {
	__be16 private[2];
	__be16 start;
	__be16 offset;
} WIRE;

_Static_assert(sizeof(struct ethernet) == 14, "an Ethernet header is 14 bytes");
_Static_assert(sizeof(struct ipv4) == 20, "an IPv4 header without options is 20 bytes");
_Static_assert(sizeof(struct ipv6) == 40, "an IPv6 header is 40 bytes");
_Static_assert(sizeof(struct udp) == 8, "a UDP header is 8 bytes");
_Static_assert(sizeof(struct decap_address) == 20, "the loader writes 20-byte keys");
_Static_assert(sizeof(struct decap_vip) == 4, "the loader writes 4-byte values");

/* One IP header of either family. `total` counts header and payload; an IPv4 fragment field stands for both. */
struct header {
	__u8 family;
	__u8 protocol;
	__u8 traffic_class;
	__u8 version;
	__u32 length;
	__u32 total;
	__be16 fragment;
	struct decap_address source;
	struct decap_address destination;
};

static __always_inline int read_ipv4(struct __sk_buff *skb, __u32 at, struct header *read)
{
	struct ipv4 ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return -1;
	read->family = read->source.family = read->destination.family = 4;
	read->protocol = ip.protocol;
	read->traffic_class = ip.tos;
	read->version = ip.version_ihl >> 4;
	read->length = (ip.version_ihl & 0xf) * 4;
	read->total = bpf_ntohs(ip.total);
	read->fragment = ip.fragment;
	__builtin_memcpy(read->source.bytes, ip.source, 4);
	__builtin_memcpy(read->destination.bytes, ip.destination, 4);
	return 0;
}

static __always_inline int read_ipv6(struct __sk_buff *skb, __u32 at, struct header *read)
{
	struct ipv6 ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return -1;
	read->family = read->source.family = read->destination.family = 6;
	read->protocol = ip.next;
	read->traffic_class = bpf_ntohs(ip.version_class) >> 4 & 0xff;
	read->version = bpf_ntohs(ip.version_class) >> 12;
	read->length = sizeof(ip);
	read->total = sizeof(ip) + bpf_ntohs(ip.payload);
	__builtin_memcpy(read->source.bytes, ip.source, 16);
	__builtin_memcpy(read->destination.bytes, ip.destination, 16);
	return 0;
}

/* Read the header at `at` into zeroed memory; nonzero where the packet ends within it. */
static __always_inline int read_header(struct __sk_buff *skb, __u32 at, __u8 family, struct header *read)
{
	return family == 4 ? read_ipv4(skb, at, read) : read_ipv6(skb, at, read);
}

/* The shortest header that a family has. */
static __always_inline __u32 least_header(__u8 family)
{
	return family == 4 ? sizeof(struct ipv4) : sizeof(struct ipv6);
}

static __always_inline __u16 folded(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[CHUNK]);
} chunks SEC(".maps");

/* Sum the packet's bytes from `at` to `end`, piece by piece. Returns the folded sum, or a negative number.
 * Not static, so that a verifier goes through it once by itself.
 * Note that's up to 128 calls of the kernel: only checksummed tunnels pay for it. */
__attribute__((noinline, weak)) int sum_of(struct __sk_buff *skb, __u32 at, __u32 end)
{
	__u32 key = 0;
	__u8 *chunk = bpf_map_lookup_elem(&chunks, &key);
	__u64 sum = 0;
	__u32 left;

	if (!chunk || end < at)
		return -1;
	left = end - at;
	for (int i = 0; i < CHUNKS && left >= CHUNK; i++) {
		if (bpf_skb_load_bytes(skb, at, chunk, CHUNK))
			return -1;
		sum += (__u32)bpf_csum_diff(0, 0, (__be32 *)chunk, CHUNK, 0);
		at += CHUNK;
		left -= CHUNK;
	}
	__builtin_memset(chunk, 0, CHUNK);
	if (left > 0) {
		left--;
		/* A compiler that knows the bounds leaves them out; the verifier wants to see them, the lower one as well. */
		__asm__ volatile("" : "+r"(left));
		if (left >= CHUNK - 1 || bpf_skb_load_bytes(skb, at, chunk, left + 1))
			return -1;
	}
	return folded(sum + (__u32)bpf_csum_diff(0, 0, (__be32 *)chunk, CHUNK, 0));
}

/* Sum what TCP and UDP sum ahead of themselves: both addresses, the protocol and the length. */
static __always_inline __u64 pseudo_sum(const struct header *ip, __u8 protocol, __u32 length)
{
	__u64 sum = bpf_htons(protocol) + bpf_htonl(length);

	sum += (__u32)bpf_csum_diff(0, 0, (__be32 *)ip->source.bytes, sizeof(ip->source.bytes), 0);
	return sum + (__u32)bpf_csum_diff(0, 0, (__be32 *)ip->destination.bytes, sizeof(ip->destination.bytes), 0);
}

#endif
