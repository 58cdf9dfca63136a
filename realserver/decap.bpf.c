// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/* Unwraps tunnels at an interface's ingress (clsact, direct action), for kernels without devices for them: IP in IP,
 * GRE and GUE, with either family outside and either inside.
 * May touch only a tunnel packet for this host that ends at one of `endpoints` and holds a packet for one of `vips`
 * that takes this kind; everything else goes on to the stack as it came. Headers are copies: the kernel's helpers move
 * the packet's bytes.
 * A super-frame stays one: BPF_F_ADJ_ROOM_FIXED_GSO keeps its segment size, which is the inner packet's own. */
#include <linux/pkt_cls.h>

#include "decap_tunnel.h"

#define MAX_ADDRESSES 1024
#define MAX_HEADER 60	    /* an IPv4 header with all the options it can hold */
#define PACKET_FOR_US 0	    /* PACKET_HOST */
#define VLAN_ID_MASK 0x0fff /* a tag without an id tells only a priority; one with an id is another interface's */
#define FAMILIES_DIFFER 20  /* how much longer an IPv6 header is: what bpf_skb_change_proto adds or takes */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, struct decap_address);
	__type(value, __u8);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, struct decap_address);
	__type(value, struct decap_vip);
} vips SEC(".maps");

/* The UDP ports that any VIP expects GUE at: other datagrams are no business of ours. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, __u16);
	__type(value, __u8);
} ports SEC(".maps");

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

/* Stand in for the stack's check of a header that the stack will not see. The sum over a whole header is 0xffff. */
static __always_inline int outer_checksum_holds(const struct __sk_buff *skb, __u32 length)
{
	__u8 header[MAX_HEADER] = {};

	/* A compiler that knows how large four bits times four can be leaves the bound out; the verifier wants to see it. */
	__asm__ volatile("" : "+r"(length));
	if (length < sizeof(struct ipv4) || length > sizeof(header) ||
	    bpf_skb_load_bytes(skb, sizeof(struct ethernet), header, length))
		return 0;
	return folded((__u32)bpf_csum_diff(0, 0, (__be32 *)header, sizeof(header), 0)) == 0xffff;
}

static __always_inline int outer_holds(const struct __sk_buff *skb, const struct header *outer)
{
	if (outer->version != outer->family || outer->length < least_header(outer->family) ||
	    outer->total < outer->length || outer->total > skb->len - sizeof(struct ethernet))
		return 0;
	return outer->family == 6 || outer_checksum_holds(skb, outer->length);
}

/* Whether a datagram goes to a port of ours; a piece that is not the first has no port to tell. */
static __always_inline int is_gue(struct __sk_buff *skb, struct tunnel *tunnel)
{
	struct udp udp;

	if ((tunnel->outer.fragment & bpf_htons(OFFSET_BITS)) ||
	    bpf_skb_load_bytes(skb, tunnel->header_at, &udp, sizeof(udp)))
		return 0;
	tunnel->port = bpf_ntohs(udp.destination);
	return bpf_map_lookup_elem(&ports, &tunnel->port) != 0;
}

/* Look through the header of an IPv6 fragment, which takes the place of IPv4's field. */
static __always_inline void read_fragment(struct __sk_buff *skb, struct tunnel *tunnel)
{
	struct ipv6_fragment piece;

	if (tunnel->outer.family != 6 || tunnel->outer.protocol != PROTO_FRAGMENT ||
	    bpf_skb_load_bytes(skb, tunnel->header_at, &piece, sizeof(piece)))
		return;
	tunnel->outer.protocol = piece.next;
	tunnel->header_at += sizeof(piece);
	tunnel->outer.fragment = bpf_htons(bpf_ntohs(piece.fragment) >> 3 | 0x2000);
}

/* Say what is wrong with the inner header, or FINE. */
static __always_inline enum decap_reason inner_fault(struct __sk_buff *skb, struct tunnel *tunnel)
{
	struct header *inner = &tunnel->inner;

	if (tunnel->inner_at + least_header(tunnel->inner_family) > outer_end(tunnel) ||
	    read_header(skb, tunnel->inner_at, tunnel->inner_family, inner))
		return DECAP_INNER_SHORT;
	if (inner->version != inner->family)
		return DECAP_INNER_VERSION;
	if (inner->length < least_header(inner->family) || inner->total < inner->length ||
	    inner->total > outer_end(tunnel) - tunnel->inner_at)
		return DECAP_INNER_LENGTH;
	return FINE;
}

/* Whether the inner packet is for a VIP that takes what it came in. */
static __always_inline int is_wanted(const struct tunnel *tunnel)
{
	const struct decap_vip *vip = bpf_map_lookup_elem(&vips, &tunnel->inner.destination);

	return vip && (vip->tunnels & tunnel->kind) && (tunnel->kind != DECAP_GUE || vip->port == tunnel->port);
}

/* Carry a congestion mark inwards (RFC 6040), with an IPv4 header's checksum. Returns the reason to drop, or FINE. */
static __always_inline enum decap_reason mark_congestion(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	__u8 class = tunnel->inner.traffic_class;
	__be16 old, new;

	if ((tunnel->outer.traffic_class & ECN_MASK) != ECN_CONGESTED || (class & ECN_MASK) == ECN_CONGESTED)
		return FINE;
	if ((class & ECN_MASK) == 0)
		return DECAP_CONGESTION;
	if (bpf_skb_load_bytes(skb, tunnel->inner_at, &old, sizeof(old)))
		return DECAP_FAILED;
	new = old | bpf_htons(tunnel->inner.family == 4 ? ECN_CONGESTED : ECN_CONGESTED << 4);
	if (tunnel->inner.family == 4 &&
	    bpf_l3_csum_replace(skb, tunnel->inner_at + __builtin_offsetof(struct ipv4, checksum), old, new, 2))
		return DECAP_FAILED;
	return bpf_skb_store_bytes(skb, tunnel->inner_at, &new, sizeof(new), 0) ? DECAP_FAILED : FINE;
}

/* Complete the checksum that the sender left to us; a super-frame's stays partial, and the stack knows it. */
static __always_inline enum decap_reason complete(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	__u32 end = tunnel->inner_at + tunnel->inner.total;
	__u16 value;
	int sum;

	if (!tunnel->remote_start || skb->gso_size)
		return FINE;
	if (tunnel->remote_start < tunnel->inner_at + tunnel->inner.length ||
	    tunnel->remote_field < tunnel->remote_start || tunnel->remote_field + sizeof(value) > end)
		return DECAP_TUNNEL_BAD;
	sum = sum_of(skb, tunnel->remote_start, end);
	if (sum < 0)
		return DECAP_FAILED;
	value = sum == 0xffff ? 0xffff : ~sum;
	return bpf_skb_store_bytes(skb, tunnel->remote_field, &value, sizeof(value), BPF_F_RECOMPUTE_CSUM)
		   ? DECAP_FAILED
		   : FINE;
}

/* Take off all in front of the inner packet. Where the families differ, changing the kernel's idea of the protocol
 * adds or takes the difference between their headers. */
static __always_inline int strip(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	__s32 excess = tunnel->inner_at - sizeof(struct ethernet);
	__be16 type = bpf_htons(tunnel->inner.family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);

	if (tunnel->inner.family != tunnel->outer.family) {
		if (bpf_skb_change_proto(skb, type, 0) ||
		    bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethernet, type), &type, sizeof(type), 0))
			return -1;
		excess += tunnel->inner.family == 6 ? FAMILIES_DIFFER : -FAMILIES_DIFFER;
	}
	if (excess == 0)
		return 0;
	return bpf_skb_adjust_room(skb, -excess, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
}

static __always_inline int hand_over(struct __sk_buff *skb, struct tunnel *tunnel)
{
	enum decap_reason fault = mark_congestion(skb, tunnel);

	if (!fault)
		fault = complete(skb, tunnel);
	if (fault)
		return drop(skb, fault);
	return strip(skb, tunnel) ? drop(skb, DECAP_FAILED) : pass(skb, DECAP_UNWRAPPED);
}

/* Judge what the outer packet carries. */
static __always_inline int unwrap_inner(struct __sk_buff *skb, struct tunnel *tunnel)
{
	enum decap_reason fault = open_tunnel(skb, tunnel);

	if (fault == DECAP_OTHER_TUNNEL)
		return pass(skb, fault);
	if (!fault)
		fault = inner_fault(skb, tunnel);
	if (fault)
		return drop(skb, fault);
	if (!is_wanted(tunnel))
		return pass(skb, DECAP_OTHER_VIP);
	if (!tunnel_holds(skb, tunnel))
		return drop(skb, DECAP_TUNNEL_BAD);
	return hand_over(skb, tunnel);
}

/* Judge the outer packet: is it a tunnel's, is it whole, does it end here? */
static __always_inline int unwrap_outer(struct __sk_buff *skb, __u8 family)
{
	struct tunnel tunnel = {.header_at = sizeof(struct ethernet)};
	struct header *outer = &tunnel.outer;

	if (read_header(skb, sizeof(struct ethernet), family, outer))
		return TC_ACT_UNSPEC;
	tunnel.header_at += outer->length;
	read_fragment(skb, &tunnel);
	tunnel.kind = kind_of(outer->protocol);
	if (!tunnel.kind || (tunnel.kind == DECAP_GUE && !is_gue(skb, &tunnel)))
		return TC_ACT_UNSPEC;
	if (!bpf_map_lookup_elem(&endpoints, &outer->destination))
		return pass(skb, DECAP_OTHER_ENDPOINT);
	if (outer->fragment & bpf_htons(FRAGMENT_BITS))
		return pass(skb, DECAP_OUTER_FRAGMENT);
	if (!outer_holds(skb, outer))
		return drop(skb, DECAP_OUTER_BAD);
	return unwrap_inner(skb, &tunnel);
}

SEC("tc")
int unwrap(struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_FOR_US || (skb->vlan_present && (skb->vlan_tci & VLAN_ID_MASK)))
		return TC_ACT_UNSPEC;
	switch (skb->protocol) {
	case bpf_htons(ETHERTYPE_IPV4):
		return unwrap_outer(skb, 4);
	case bpf_htons(ETHERTYPE_IPV6):
		return unwrap_outer(skb, 6);
	default:
		return TC_ACT_UNSPEC;
	}
}

char _license[] SEC("license") = "Dual BSD/GPL";
