/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of tunnel: where each has its packet, and whether its own checksum holds.
 * Changes nothing in a packet, and knows neither whom it is for nor what becomes of it: that is decap.bpf.c's. */
#ifndef DECAP_TUNNEL_H
#define DECAP_TUNNEL_H

#include "decap_wire.h"

#define FINE ((enum decap_reason)0)

/* A tunnel packet, layer by layer; offsets are from the frame's first byte. */
struct tunnel {
	struct header outer;
	struct header inner;
	__u32 header_at; /* the tunnel's own header, where it has one */
	__u32 inner_at;
	__u32 remote_start; /* where to sum from for the checksum that the sender left to us, and where it goes; or 0 */
	__u32 remote_field;
	__u16 kind;
	__u16 port;
	__u8 inner_family;
};

/* Where the outer packet ends; what is behind it is padding. */
static __always_inline __u32 outer_end(const struct tunnel *tunnel)
{
	return sizeof(struct ethernet) + tunnel->outer.total;
}

/* Say which kind of tunnel carries this protocol, or 0. */
static __always_inline __u16 kind_of(__u8 protocol)
{
	switch (protocol) {
	case PROTO_IPV4:
	case PROTO_IPV6:
		return DECAP_IPIP;
	case PROTO_GRE:
		return DECAP_GRE;
	case PROTO_UDP:
		return DECAP_GUE;
	default:
		return 0;
	}
}

/* Whether the inner transport checksum is partial: its field then holds what the transport sums ahead of itself.
 * Finds where that sum starts. Of whole checksums one in 65,536 looks so, which costs only certainty. */
static __always_inline int is_partial(struct __sk_buff *skb, const struct tunnel *tunnel, __u32 *start, __u16 *sum)
{
	const struct header *inner = &tunnel->inner;
	__u16 found;
	__u32 field;

	if (inner->protocol != 6 && inner->protocol != PROTO_UDP)
		return 0;
	*start = tunnel->inner_at + inner->length;
	field = *start + (inner->protocol == 6 ? 16 : 6);
	*sum = folded(pseudo_sum(inner, inner->protocol, inner->total - inner->length));
	return !bpf_skb_load_bytes(skb, field, &found, sizeof(found)) && found == *sum;
}

/* Whether a checksum over the tunnel's header and all it carries holds, with `ahead` summed before.
 * On a virtual link the inner checksum may be partial, and the outer one then counts on the whole one. */
static __always_inline int sum_holds(struct __sk_buff *skb, const struct tunnel *tunnel, __u64 ahead)
{
	__u32 start;
	__u16 partial;
	int sum;

	if (is_partial(skb, tunnel, &start, &partial)) {
		sum = sum_of(skb, tunnel->header_at, start);
		if (sum >= 0 && folded(ahead + sum + (partial ^ 0xffff)) == 0xffff)
			return 1;
	}
	sum = sum_of(skb, tunnel->header_at, outer_end(tunnel));
	return sum >= 0 && folded(ahead + sum) == 0xffff;
}

/* Find the packet inside GRE. Returns the reason to leave it or drop it, or FINE. */
static __always_inline enum decap_reason open_gre(struct __sk_buff *skb, struct tunnel *tunnel)
{
	struct gre gre;

	if (tunnel->header_at + sizeof(gre) > outer_end(tunnel) ||
	    bpf_skb_load_bytes(skb, tunnel->header_at, &gre, sizeof(gre)))
		return DECAP_TUNNEL_BAD;
	if (gre.flags & ~bpf_htons(GRE_CHECKSUM))
		return DECAP_OTHER_TUNNEL;
	if (gre.type != bpf_htons(ETHERTYPE_IPV4) && gre.type != bpf_htons(ETHERTYPE_IPV6))
		return DECAP_OTHER_TUNNEL;
	tunnel->inner_family = gre.type == bpf_htons(ETHERTYPE_IPV4) ? 4 : 6;
	tunnel->inner_at = tunnel->header_at + (gre.flags ? 8 : 4);
	return FINE;
}

/* Read the one option that is known: where the sender left the inner checksum to us. */
static __always_inline enum decap_reason read_remote(struct __sk_buff *skb, struct tunnel *tunnel,
						     const struct gue *gue)
{
	struct gue_remote remote;

	if ((gue->version_length & GUE_LENGTH) * 4 != (int)sizeof(remote))
		return DECAP_OTHER_TUNNEL;
	if (bpf_skb_load_bytes(skb, tunnel->header_at + sizeof(struct udp) + sizeof(*gue), &remote, sizeof(remote)))
		return DECAP_TUNNEL_BAD;
	if (remote.private[0] != bpf_htons(GUE_REMOTE >> 16) || remote.private[1])
		return DECAP_OTHER_TUNNEL;
	if (remote.start & bpf_htons(1) || remote.offset & bpf_htons(1))
		return DECAP_TUNNEL_BAD;
	tunnel->remote_start = tunnel->inner_at + bpf_ntohs(remote.start);
	tunnel->remote_field = tunnel->inner_at + bpf_ntohs(remote.offset);
	return FINE;
}

/* Find the packet inside GUE, as open_gre does. */
static __always_inline enum decap_reason open_gue(struct __sk_buff *skb, struct tunnel *tunnel)
{
	__u32 at = tunnel->header_at + sizeof(struct udp);
	struct gue gue;

	if (at + sizeof(gue) > outer_end(tunnel) || bpf_skb_load_bytes(skb, at, &gue, sizeof(gue)))
		return DECAP_TUNNEL_BAD;
	if ((gue.version_length & ~GUE_LENGTH) || (gue.flags & ~bpf_htons(GUE_PRIVATE)))
		return DECAP_OTHER_TUNNEL;
	if (gue.protocol != PROTO_IPV4 && gue.protocol != PROTO_IPV6)
		return DECAP_OTHER_TUNNEL;
	tunnel->inner_family = gue.protocol == PROTO_IPV4 ? 4 : 6;
	tunnel->inner_at = at + (__u32)sizeof(gue) + (gue.version_length & GUE_LENGTH) * 4U;
	if (gue.flags)
		return read_remote(skb, tunnel, &gue);
	return gue.version_length & GUE_LENGTH ? DECAP_OTHER_TUNNEL : FINE;
}

/* Find the packet inside, by the kind of tunnel. */
static __always_inline enum decap_reason open_tunnel(struct __sk_buff *skb, struct tunnel *tunnel)
{
	switch (tunnel->kind) {
	case DECAP_GRE:
		return open_gre(skb, tunnel);
	case DECAP_GUE:
		return open_gue(skb, tunnel);
	default:
		tunnel->inner_family = tunnel->outer.protocol == PROTO_IPV4 ? 4 : 6;
		tunnel->inner_at = tunnel->header_at;
		return FINE;
	}
}

/* Whether GRE's checksum holds. A virtual link hands on a partial one, which is still 0. */
static __always_inline int gre_holds(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	struct gre_checksum gre;

	if (tunnel->inner_at - tunnel->header_at < sizeof(gre))
		return 1;
	if (bpf_skb_load_bytes(skb, tunnel->header_at, &gre, sizeof(gre)))
		return 0;
	return !gre.checksum || sum_holds(skb, tunnel, 0);
}

/* Whether the datagram's length and checksum hold: the sender may leave the sum out, and a virtual link hands on a
 * partial one, in which stands what UDP sums ahead of itself. */
static __always_inline int gue_holds(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	struct udp udp;
	__u64 ahead;

	if (bpf_skb_load_bytes(skb, tunnel->header_at, &udp, sizeof(udp)) ||
	    bpf_ntohs(udp.length) != outer_end(tunnel) - tunnel->header_at)
		return 0;
	ahead = pseudo_sum(&tunnel->outer, PROTO_UDP, bpf_ntohs(udp.length));
	return !udp.checksum || udp.checksum == folded(ahead) || sum_holds(skb, tunnel, ahead);
}

/* Whether the tunnel's own checksum holds, where it has one. A super-frame's is computed when it is cut. */
static __always_inline int tunnel_holds(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	if (skb->gso_size || tunnel->kind == DECAP_IPIP)
		return 1;
	return tunnel->kind == DECAP_GRE ? gre_holds(skb, tunnel) : gue_holds(skb, tunnel);
}

#endif
