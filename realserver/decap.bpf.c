// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* Unwraps IPv4-in-IPv4 at an interface's ingress (clsact, direct action), for kernels without an ipip device.
 * May touch only a tunnel packet for this host that ends at one of `endpoints` and holds a packet for one of `vips`;
 * everything else goes on to the stack as it came. Another inner or outer family is one more entry in `unwrap`'s switch:
 * addresses, maps and counters are ready for it.
 * A super-frame stays one: BPF_F_ADJ_ROOM_FIXED_GSO keeps its segment size, which is the inner packet's own. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "decap.h"

#define WIRE __attribute__((packed, aligned(2)))
#define MAX_ADDRESSES 1024
#define MAX_HEADER 60	/* an IPv4 header with all the options it can hold */
#define PACKET_FOR_US 0 /* PACKET_HOST */
#define ETHERTYPE_IPV4 0x0800
#define PROTO_IPIP 4
#define VLAN_ID_MASK 0x0fff  /* a tag without an id tells only a priority; one with an id is another interface's */
#define FRAGMENT_BITS 0x3fff /* more-fragments and the offset; don't-fragment says nothing about being a piece */
#define ECN_MASK 3
#define ECN_CONGESTED 3

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

_Static_assert(sizeof(struct ethernet) == 14, "an Ethernet header is 14 bytes");
_Static_assert(sizeof(struct ipv4) == 20, "an IPv4 header without options is 20 bytes");
_Static_assert(sizeof(struct decap_address) == 20, "the loader writes 20-byte keys");

struct address_set {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, struct decap_address);
	__type(value, __u8);
};

struct address_set endpoints SEC(".maps");
struct address_set vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DECAP_REASONS);
	__type(key, __u32);
	__type(value, struct decap_count);
} counts SEC(".maps");

static __always_inline void count(const struct __sk_buff *skb, enum decap_reason reason)
{
	__u32 key = reason;
	struct decap_count *counter = bpf_map_lookup_elem(&counts, &key);

	if (counter) {
		counter->packets++;
		counter->bytes += skb->len;
	}
}

static __always_inline int pass(const struct __sk_buff *skb, enum decap_reason reason)
{
	count(skb, reason);
	return TC_ACT_UNSPEC;
}

static __always_inline int drop(const struct __sk_buff *skb, enum decap_reason reason)
{
	count(skb, reason);
	return TC_ACT_SHOT;
}

static __always_inline int has_ipv4(void *set, const __u8 address[4])
{
	struct decap_address key = {.family = 4};

	__builtin_memcpy(key.bytes, address, 4);
	return bpf_map_lookup_elem(set, &key) != 0;
}

static __always_inline __u32 header_length(const struct ipv4 *ip)
{
	return (ip->version_ihl & 0xf) * 4;
}

/* Stand in for the stack's check of a header that the stack will not see. The sum over a whole header is 0xffff. */
static __always_inline int outer_checksum_holds(const struct __sk_buff *skb, __u32 length)
{
	__u8 header[MAX_HEADER] = {};
	__s64 sum;

	/* A compiler that knows how large four bits times four can be leaves the bound out; the verifier wants to see it. */
	__asm__ volatile("" : "+r"(length));
	if (length < sizeof(struct ipv4) || length > sizeof(header) ||
	    bpf_skb_load_bytes(skb, sizeof(struct ethernet), header, length))
		return 0;
	sum = bpf_csum_diff(0, 0, (__be32 *)header, sizeof(header), 0);
	if (sum < 0)
		return 0;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Carry a congestion mark inwards (RFC 6040), with the inner header's checksum. Returns the reason to drop, or 0. */
static __always_inline enum decap_reason mark_congestion(struct __sk_buff *skb, const struct ipv4 *outer,
							 const struct ipv4 *inner, __u32 inner_at)
{
	__u8 tos = inner->tos;
	__u16 old = bpf_htons(inner->version_ihl << 8 | tos);
	__u16 new = bpf_htons(inner->version_ihl << 8 | tos | ECN_CONGESTED);

	if ((outer->tos & ECN_MASK) != ECN_CONGESTED || (tos & ECN_MASK) == ECN_CONGESTED)
		return 0;
	if ((tos & ECN_MASK) == 0)
		return DECAP_CONGESTION;
	if (bpf_l3_csum_replace(skb, inner_at + __builtin_offsetof(struct ipv4, checksum), old, new, 2))
		return DECAP_FAILED;
	if (bpf_skb_store_bytes(skb, inner_at, &new, sizeof(new), 0))
		return DECAP_FAILED;
	return 0;
}

/* Say what is wrong with an inner packet of `room` bytes, or 0. */
static __always_inline enum decap_reason inner_fault(const struct ipv4 *inner, __u32 room)
{
	__u32 total = bpf_ntohs(inner->total);

	if (inner->version_ihl >> 4 != 4)
		return DECAP_INNER_VERSION;
	if (header_length(inner) < sizeof(*inner) || total < header_length(inner) || total > room)
		return DECAP_INNER_LENGTH;
	return 0;
}

/* Take the outer header off. Both headers are copies: the helpers below move the packet's bytes. */
static __always_inline int unwrap_ipv4(struct __sk_buff *skb, const struct ipv4 *outer)
{
	__u32 inner_at = sizeof(struct ethernet) + header_length(outer);
	__u32 room = bpf_ntohs(outer->total) - header_length(outer);
	enum decap_reason fault;
	struct ipv4 inner;

	if (room < sizeof(inner) || bpf_skb_load_bytes(skb, inner_at, &inner, sizeof(inner)))
		return drop(skb, DECAP_INNER_SHORT);
	fault = inner_fault(&inner, room);
	if (fault)
		return drop(skb, fault);
	if (!has_ipv4(&vips, inner.destination))
		return pass(skb, DECAP_OTHER_VIP);
	fault = mark_congestion(skb, outer, &inner, inner_at);
	if (fault)
		return drop(skb, fault);
	if (bpf_skb_adjust_room(skb, -(__s32)header_length(outer), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return drop(skb, DECAP_FAILED);
	return pass(skb, DECAP_UNWRAPPED);
}

/* Judge the outer packet: is it a tunnel's, is it whole, does it end here? */
static __always_inline int unwrap_from_ipv4(struct __sk_buff *skb)
{
	struct ipv4 outer;
	__u32 total;

	if (bpf_skb_load_bytes(skb, sizeof(struct ethernet), &outer, sizeof(outer)) || outer.protocol != PROTO_IPIP)
		return TC_ACT_UNSPEC;
	if (!has_ipv4(&endpoints, outer.destination))
		return pass(skb, DECAP_OTHER_ENDPOINT);
	if (outer.fragment & bpf_htons(FRAGMENT_BITS))
		return pass(skb, DECAP_OUTER_FRAGMENT);
	total = bpf_ntohs(outer.total);
	if (outer.version_ihl >> 4 != 4 || header_length(&outer) < sizeof(outer) || total < header_length(&outer) ||
	    total > skb->len - sizeof(struct ethernet) || !outer_checksum_holds(skb, header_length(&outer)))
		return drop(skb, DECAP_OUTER_BAD);
	return unwrap_ipv4(skb, &outer);
}

SEC("tc")
int unwrap(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_FOR_US || (skb->vlan_present && (skb->vlan_tci & VLAN_ID_MASK)))
		return TC_ACT_UNSPEC;
	switch (skb->protocol) {
	case bpf_htons(ETHERTYPE_IPV4):
		return unwrap_from_ipv4(skb);
	default:
		return TC_ACT_UNSPEC;
	}
}

char _license[] SEC("license") = "Dual BSD/GPL";
