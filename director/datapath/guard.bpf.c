// SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause)
/*
 * The guard: which frames are the director's and which the local stack's.
 *
 * A packet socket is a tap, so the stack sees each frame too and would answer for a service. `guard` stands at the
 * ingress of an interface and drops there what is the director's; `tap` is the packet socket's filter and keeps just
 * that, and in addition what may belong to a flow but needs the connection table to tell: later fragments, and ICMP
 * errors about a service's replies. Those go on to the stack as well, which has no socket for them and stays silent.
 * Both look into the same maps, so they never disagree. What is neither IPv4 nor IPv6 is always the stack's, and so is
 * Neighbour Discovery.
 *
 * A frame with a VLAN tag belongs to the VLAN's own interface and is left alone here; tag 0 only bears a priority.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "native/guard_lookup.h"

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
	ICMPV6_QUERY = 0x80, /* the types from here on are no errors */
	EXTENSIONS = 8,	     /* as many as the packet path follows (extension.h) */
};

struct ports {
	be16 source;
	be16 destination;
};

/* What decides whose a packet is, of either family. */
struct facts {
	struct lb_addr source;
	struct lb_addr destination;
	u32 transport; /* offset of its transport header */
	u8 protocol;
	u8 family;
	u8 later_fragment;
	u8 unused;
};

static LB_INLINE int known_address(enum lb_guard_side side, const struct facts *packet, const struct lb_addr *address)
{
	return value_of(side, packet->family, address, 0, 0) != 0;
}

/* Whether a service may have this end, of which the port is not known. */
static LB_INLINE int may_be_served(const struct facts *packet, const struct lb_addr *address)
{
	struct asked asked = {.address = *address, .protocol = packet->protocol, .family = packet->family, .bare = 1};

	return known_address(LB_GUARD_TO, packet, address) || (has_rules() && widely_served(&asked));
}

/* Read the IPv4 header at an offset. 0 where there is none. */
static LB_INLINE int read_ipv4(struct __sk_buff *skb, u32 offset, struct facts *packet)
{
	struct lb_ipv4 ip;
	u32 length;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0)
		return 0;
	length = (ip.version_ihl & 0x0f) * 4;
	*packet = (struct facts){.source = {.word = {ip.source}},
				 .destination = {.word = {ip.destination}},
				 .transport = offset + length,
				 .protocol = ip.protocol,
				 .family = LB_FAMILY_IPV4,
				 .later_fragment = (lb_ntohs(ip.fragment) & LB_IP_OFFSET) != 0};
	return ip.version_ihl >> 4 == 4 && length >= sizeof(ip);
}

static LB_INLINE int is_extension(u8 protocol)
{
	return protocol == LB_IPPROTO_HOPOPTS || protocol == LB_IPPROTO_ROUTING || protocol == LB_IPPROTO_FRAGMENT ||
	       protocol == LB_IPPROTO_AH || protocol == LB_IPPROTO_DSTOPTS;
}

/* Go past extension headers, but not past a later fragment's own. 0 where they lead nowhere. */
__attribute__((noinline, weak)) int pass_extensions(struct __sk_buff *skb, struct facts *packet)
{
	struct lb_extension extension;

	if (!packet)
		return 0;
	for (u32 i = 0; i < EXTENSIONS; i++) {
		u8 protocol = packet->protocol;

		if (!is_extension(protocol) || packet->later_fragment)
			return 1;
		if (bpf_skb_load_bytes(skb, packet->transport, &extension, sizeof(extension)) < 0)
			return 0;
		packet->protocol = extension.next_header;
		if (protocol == LB_IPPROTO_FRAGMENT) {
			packet->transport += sizeof(extension);
			packet->later_fragment = (extension.fragment & lb_htons(LB_IPV6_OFFSET)) != 0;
		} else if (protocol == LB_IPPROTO_AH) {
			packet->transport += (extension.length + 2) * 4;
		} else {
			packet->transport += (extension.length + 1) * 8;
		}
	}
	return !is_extension(packet->protocol);
}

static LB_INLINE int read_ipv6(struct __sk_buff *skb, u32 offset, struct facts *packet)
{
	struct lb_ipv6 ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) < 0 || ip.version_class >> 4 != 6)
		return 0;
	*packet = (struct facts){.source = lb_addr_read(&ip.source),
				 .destination = lb_addr_read(&ip.destination),
				 .transport = offset + sizeof(ip),
				 .protocol = ip.next_header,
				 .family = LB_FAMILY_IPV6};
	return pass_extensions(skb, packet);
}

static LB_INLINE int read(struct __sk_buff *skb, u32 offset, u8 family, struct facts *packet)
{
	return family == LB_FAMILY_IPV4 ? read_ipv4(skb, offset, packet) : read_ipv6(skb, offset, packet);
}

static LB_INLINE int has_ports(u8 protocol)
{
	return protocol == LB_IPPROTO_TCP || protocol == LB_IPPROTO_UDP || protocol == LB_IPPROTO_SCTP;
}

/* A later fragment has no ports: it may be a service's by its destination or a translated server's by its source. */
static LB_INLINE enum owner owner_of_fragment(const struct facts *packet)
{
	if (may_be_served(packet, &packet->destination))
		return OWNER_SHARED;
	if (known_address(LB_GUARD_FROM, packet, &packet->source) &&
	    !known_address(LB_GUARD_LOCAL, packet, &packet->destination))
		return OWNER_SHARED;
	return OWNER_STACK;
}

/* What a server sends to an address of the host itself answers the host's own connection, not a translated one. */
static LB_INLINE enum owner owner_of_transport(struct __sk_buff *skb, const struct facts *packet)
{
	struct ports ports;

	if (bpf_skb_load_bytes(skb, packet->transport, &ports, sizeof(ports)) < 0)
		return OWNER_STACK;
	if (served(packet->family, &packet->destination, packet->protocol, ports.destination))
		return OWNER_DIRECTOR;
	if (translated(packet->family, &packet->source, packet->protocol, ports.source) &&
	    !known_address(LB_GUARD_LOCAL, packet, &packet->destination))
		return OWNER_DIRECTOR;
	return OWNER_STACK;
}

static LB_INLINE int is_error(u8 family, u8 type)
{
	if (family == LB_FAMILY_IPV6)
		return !(type & ICMPV6_QUERY);
	return type == ICMP_DEST_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_TIME_EXCEEDED;
}

/* Go past what GRE or GUE put between a tunnel's two IP headers. */
static LB_INLINE void pass_tunnel(struct __sk_buff *skb, struct facts *outer)
{
	struct lb_gre gre;
	struct lb_gue gue;

	if (outer->protocol == LB_IPPROTO_GRE && bpf_skb_load_bytes(skb, outer->transport, &gre, sizeof(gre)) == 0) {
		outer->protocol = gre.type == lb_htons(LB_ETH_P_IP) ? LB_IPPROTO_IPIP : LB_IPPROTO_IPV6;
		outer->transport += sizeof(gre) + (gre.flags & lb_htons(LB_GRE_CHECKSUM) ? 2 * sizeof(be16) : 0);
	} else if (outer->protocol == LB_IPPROTO_UDP &&
		   bpf_skb_load_bytes(skb, outer->transport + sizeof(struct lb_udp), &gue, sizeof(gue)) == 0) {
		outer->protocol = gue.protocol;
		outer->transport += sizeof(struct lb_udp) + sizeof(gue) + gue.words * sizeof(be32);
	}
}

/* The packet in our own tunnel was on its way to a service. */
static LB_INLINE enum owner owner_of_tunnelled(struct __sk_buff *skb, struct facts *outer)
{
	struct facts inner;
	u8 family;

	pass_tunnel(skb, outer);
	if (outer->protocol != LB_IPPROTO_IPIP && outer->protocol != LB_IPPROTO_IPV6)
		return OWNER_STACK;
	family = outer->protocol == LB_IPPROTO_IPIP ? LB_FAMILY_IPV4 : LB_FAMILY_IPV6;
	return read(skb, outer->transport, family, &inner) && may_be_served(&inner, &inner.destination) ? OWNER_SHARED
													: OWNER_STACK;
}

/* A packet that the host itself sent may be a tunnel's. */
static LB_INLINE int may_be_a_tunnels(const struct facts *packet)
{
	if (packet->later_fragment)
		return 0;
	if (packet->protocol == LB_IPPROTO_UDP)
		return known_address(LB_GUARD_LOCAL, packet, &packet->source);
	return packet->protocol == LB_IPPROTO_IPIP || packet->protocol == LB_IPPROTO_IPV6 ||
	       packet->protocol == LB_IPPROTO_GRE;
}

/*
 * Whose is an error, by the packet that it quotes? About a reply from a service or our own tunnel: shared. About a
 * translated request on its way to a server: the director's alone, since a stack that forwards would send it on as well,
 * from the server's own address.
 */
static LB_INLINE enum owner owner_of_quote(struct __sk_buff *skb, u32 offset, const struct facts *error)
{
	struct facts quoted;
	struct ports ports;

	if (!read(skb, offset, error->family, &quoted))
		return OWNER_STACK;
	if (quoted.later_fragment)
		return may_be_served(&quoted, &quoted.source) ? OWNER_SHARED : OWNER_STACK;
	if (has_ports(quoted.protocol)) {
		if (bpf_skb_load_bytes(skb, quoted.transport, &ports, sizeof(ports)) < 0)
			return OWNER_STACK;
		if (served(quoted.family, &quoted.source, quoted.protocol, ports.source))
			return OWNER_SHARED;
		if (translated(quoted.family, &quoted.destination, quoted.protocol, ports.destination) &&
		    !known_address(LB_GUARD_LOCAL, error, &error->destination))
			return OWNER_DIRECTOR;
	}
	return may_be_a_tunnels(&quoted) ? owner_of_tunnelled(skb, &quoted) : OWNER_STACK;
}

static LB_INLINE enum owner owner_of_icmp(struct __sk_buff *skb, const struct facts *packet)
{
	struct lb_icmp icmp;

	if (bpf_skb_load_bytes(skb, packet->transport, &icmp, sizeof(icmp)) < 0 || !is_error(packet->family, icmp.type))
		return OWNER_STACK;
	return owner_of_quote(skb, packet->transport + sizeof(icmp), packet);
}

static LB_INLINE int is_for_this_interface(const struct __sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST)
		return 0;
	return !skb->vlan_present || (skb->vlan_tci & VLAN_ID_MASK) == 0;
}

/* Judge a packet of this family. Apart for each: to the verifier one is a constant's work. */
static LB_INLINE enum owner owner_in_family(struct __sk_buff *skb, u8 family)
{
	struct facts packet;

	if (!read(skb, LB_ETH_HLEN, family, &packet))
		return OWNER_STACK;
	if (packet.later_fragment)
		return owner_of_fragment(&packet);
	if (has_ports(packet.protocol))
		return owner_of_transport(skb, &packet);
	if (packet.protocol == (family == LB_FAMILY_IPV4 ? LB_IPPROTO_ICMP : LB_IPPROTO_ICMPV6))
		return owner_of_icmp(skb, &packet);
	return OWNER_STACK;
}

static LB_INLINE enum owner owner_of(struct __sk_buff *skb)
{
	if (!is_for_this_interface(skb))
		return OWNER_STACK;
	if (skb->protocol == lb_htons(LB_ETH_P_IP))
		return owner_in_family(skb, LB_FAMILY_IPV4);
	return skb->protocol == lb_htons(LB_ETH_P_IPV6) ? owner_in_family(skb, LB_FAMILY_IPV6) : OWNER_STACK;
}

/* Whether the XDP program has seen to it that this frame is the stack's: the host is its server. */
static LB_INLINE int is_left_to_stack(const struct __sk_buff *skb)
{
	const u32 *token = (const void *)(long)skb->data_meta;

	return (const void *)(token + 1) <= (const void *)(long)skb->data && *token == LB_GUARD_TOKEN;
}

SEC("tc")
int guard(struct __sk_buff *skb)
{
	if (is_left_to_stack(skb))
		return TC_ACT_UNSPEC;
	return owner_of(skb) == OWNER_DIRECTOR ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("socket")
int tap(struct __sk_buff *skb)
{
	return owner_of(skb) == OWNER_STACK ? 0 : LB_GUARD_KEEP;
}

char guard_license[] SEC("license") = "Dual BSD/GPL";
