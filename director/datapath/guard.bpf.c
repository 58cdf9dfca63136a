// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The guard: which frames are the director's and which the local stack's.
 *
 * A packet socket is a tap, so the stack sees each frame too and would answer for a service. `guard` stands at the
 * ingress of an interface and drops there what is the director's; `tap` is the packet socket's filter and keeps just
 * that, and in addition what may belong to a flow but needs the connection table to tell: later fragments, and ICMP
 * errors about a service's replies. Those go on to the stack as well, which has no socket for them and stays silent.
 * Both look into one map, so they never disagree. IPv4 only; other families are always the stack's.
 *
 * A frame with a VLAN tag belongs to the VLAN's own interface and is left alone here; tag 0 only bears a priority.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "native/guard.h"

enum owner {
	OWNER_STACK,
	OWNER_SHARED, /* the director decides, the stack may look */
	OWNER_DIRECTOR,
};

enum {
	VLAN_ID_MASK = 0x0fff,
	ICMP_DEST_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_TIME_EXCEEDED = 11,
};

struct ports {
	be16 source;
	be16 destination;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, LB_GUARD_KEYS);
	__type(key, struct lb_guard_key);
	__type(value, u8);
} guard_keys SEC(".maps");

static LB_INLINE int known(enum lb_guard_side side, be32 address, u8 protocol, be16 port)
{
	struct lb_guard_key key = {.port = port, .protocol = protocol, .family = LB_FAMILY_IPV4, .side = side};

	__builtin_memcpy(key.address, &address, sizeof(address));
	return bpf_map_lookup_elem(&guard_keys, &key) != 0;
}

static LB_INLINE int known_address(enum lb_guard_side side, be32 address)
{
	return known(side, address, 0, 0);
}

/* Load the IPv4 header at an offset and say how long it is with its options, or 0 where there is none. */
static LB_INLINE u32 load_ipv4(struct __sk_buff *skb, u32 offset, struct lb_ipv4 *ip)
{
	u32 length;

	if (bpf_skb_load_bytes(skb, offset, ip, sizeof(*ip)) < 0)
		return 0;
	length = (ip->version_ihl & 0x0f) * 4;
	return ip->version_ihl >> 4 == 4 && length >= sizeof(*ip) ? length : 0;
}

static LB_INLINE int has_ports(u8 protocol)
{
	return protocol == LB_IPPROTO_TCP || protocol == LB_IPPROTO_UDP || protocol == LB_IPPROTO_SCTP;
}

static LB_INLINE int is_later_fragment(const struct lb_ipv4 *ip)
{
	return (lb_ntohs(ip->fragment) & LB_IP_OFFSET) != 0;
}

/* A later fragment has no ports: it may be a service's by its destination or a translated server's by its source. */
static LB_INLINE enum owner owner_of_fragment(const struct lb_ipv4 *ip)
{
	if (known_address(LB_GUARD_TO, ip->destination))
		return OWNER_SHARED;
	if (known_address(LB_GUARD_FROM, ip->source) && !known_address(LB_GUARD_LOCAL, ip->destination))
		return OWNER_SHARED;
	return OWNER_STACK;
}

/* What a server sends to an address of the host itself answers the host's own connection, not a translated one. */
static LB_INLINE enum owner owner_of_transport(struct __sk_buff *skb, u32 offset, const struct lb_ipv4 *ip)
{
	struct ports ports;

	if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)) < 0)
		return OWNER_STACK;
	if (known(LB_GUARD_TO, ip->destination, ip->protocol, ports.destination))
		return OWNER_DIRECTOR;
	if (known(LB_GUARD_FROM, ip->source, ip->protocol, ports.source) &&
	    !known_address(LB_GUARD_LOCAL, ip->destination))
		return OWNER_DIRECTOR;
	return OWNER_STACK;
}

static LB_INLINE int is_error(u8 type)
{
	return type == ICMP_DEST_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_TIME_EXCEEDED;
}

/*
 * Whose is an error, by the packet that it quotes? About a reply from a service or our own tunnel: shared. About a
 * translated request on its way to a server: the director's alone, since a stack that forwards would send it on as well,
 * from the server's own address.
 */
static LB_INLINE enum owner owner_of_quote(struct __sk_buff *skb, u32 offset, be32 reporter_to)
{
	struct lb_ipv4 quoted;
	struct ports ports;
	u32 length = load_ipv4(skb, offset, &quoted);

	if (length == 0)
		return OWNER_STACK;
	if (quoted.protocol == LB_IPPROTO_IPIP) { /* the inner packet was on its way to a service */
		int inner = load_ipv4(skb, offset + length, &quoted) != 0;

		return inner && known_address(LB_GUARD_TO, quoted.destination) ? OWNER_SHARED : OWNER_STACK;
	}
	if (!has_ports(quoted.protocol))
		return OWNER_STACK;
	if (is_later_fragment(&quoted))
		return known_address(LB_GUARD_TO, quoted.source) ? OWNER_SHARED : OWNER_STACK;
	if (bpf_skb_load_bytes(skb, offset + length, &ports, sizeof(ports)) < 0)
		return OWNER_STACK;
	if (known(LB_GUARD_TO, quoted.source, quoted.protocol, ports.source))
		return OWNER_SHARED;
	if (known(LB_GUARD_FROM, quoted.destination, quoted.protocol, ports.destination) &&
	    !known_address(LB_GUARD_LOCAL, reporter_to))
		return OWNER_DIRECTOR;
	return OWNER_STACK;
}

static LB_INLINE enum owner owner_of_icmp(struct __sk_buff *skb, u32 offset, const struct lb_ipv4 *ip)
{
	struct lb_icmp icmp;

	if (bpf_skb_load_bytes(skb, offset, &icmp, sizeof(icmp)) < 0 || !is_error(icmp.type))
		return OWNER_STACK;
	return owner_of_quote(skb, offset + sizeof(icmp), ip->destination);
}

static LB_INLINE int is_for_this_interface(const struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST || skb->protocol != lb_htons(LB_ETH_P_IP))
		return 0;
	return !skb->vlan_present || (skb->vlan_tci & VLAN_ID_MASK) == 0;
}

static LB_INLINE enum owner owner_of(struct __sk_buff *skb)
{
	struct lb_ipv4 ip;
	u32 length;

	if (!is_for_this_interface(skb))
		return OWNER_STACK;
	length = load_ipv4(skb, LB_ETH_HLEN, &ip);
	if (length == 0)
		return OWNER_STACK;
	if (is_later_fragment(&ip))
		return owner_of_fragment(&ip);
	if (has_ports(ip.protocol))
		return owner_of_transport(skb, LB_ETH_HLEN + length, &ip);
	if (ip.protocol == LB_IPPROTO_ICMP)
		return owner_of_icmp(skb, LB_ETH_HLEN + length, &ip);
	return OWNER_STACK;
}

SEC("tc")
int guard(struct __sk_buff *skb)
{
	return owner_of(skb) == OWNER_DIRECTOR ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("socket")
int tap(struct __sk_buff *skb)
{
	return owner_of(skb) == OWNER_STACK ? 0 : LB_GUARD_KEEP;
}

char guard_license[] SEC("license") = "Dual BSD/GPL";
