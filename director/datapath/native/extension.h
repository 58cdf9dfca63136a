/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way past IPv6's extension headers (RFC 8200 §4), to what they stand before.
 *
 * Of a packet that arrived and of one that is quoted in an ICMP error. Only a fragment header's content matters to us.
 * Their number and length are bounded: each host sees but the first bytes of a frame (lb_at), and an attacker's chain
 * of headers must not cost more than a packet.
 */
#ifndef LB_EXTENSION_H
#define LB_EXTENSION_H

#include "csum.h"
#include "reason.h"

enum {
	LB_EXTENSIONS = 8,
	LB_EXTENSION_UNIT = 8,
	LB_AH_UNIT = 4,
	LB_TRANSPORT_MAX = 200, /* the furthest place of a transport header in a frame */
};

/* Where a search stands: `protocol` is what begins at `at`; the packet ends at `end`. */
struct lb_headers {
	u32 at;
	u32 end;
	be32 id;
	u16 fragment; /* flags and offset as IPv4 has them, host order */
	u8 protocol;
	u8 unused;
};

static LB_INLINE int lb_is_extension(u8 protocol)
{
	return protocol == LB_IPPROTO_HOPOPTS || protocol == LB_IPPROTO_ROUTING || protocol == LB_IPPROTO_FRAGMENT ||
	       protocol == LB_IPPROTO_AH || protocol == LB_IPPROTO_DSTOPTS;
}

static LB_INLINE u32 lb_extension_length(u8 protocol, const struct lb_extension *extension)
{
	if (protocol == LB_IPPROTO_FRAGMENT)
		return sizeof(*extension);
	if (protocol == LB_IPPROTO_AH)
		return (extension->length + 2) * LB_AH_UNIT;
	return (extension->length + 1) * LB_EXTENSION_UNIT;
}

/* Flags and offset of a fragment header in IPv4's form: both count in 8 bytes. */
static LB_INLINE u16 lb_fragment_of(const struct lb_extension *extension)
{
	u16 word = lb_ntohs(extension->fragment);

	return LB_IP_DF | (word & LB_IPV6_MORE ? LB_IP_MF : 0) | (word & LB_IPV6_OFFSET) / LB_EXTENSION_UNIT;
}

/*
 * Go past extension headers. 0, or the enum lb_reason why they lead nowhere. A later fragment's search ends behind its
 * fragment header; which protocol it says it has, may be another extension header.
 */
LB_SUBPROGRAM int lb_pass_extensions(struct lb_ctx *ctx, struct lb_headers *headers)
{
	const struct lb_extension *extension;

	if (!headers)
		return LB_REASON_TRUNCATED;
	for (u32 i = 0; i < LB_EXTENSIONS; i++) {
		u8 protocol = headers->protocol;

		if (!lb_is_extension(protocol) || (headers->fragment & LB_IP_OFFSET))
			return 0;
		if (headers->at + sizeof(*extension) > headers->end)
			return LB_REASON_TRUNCATED;
		if (headers->at > LB_TRANSPORT_MAX)
			break;
		extension = lb_at(ctx, headers->at, sizeof(*extension));
		if (!extension)
			return LB_REASON_TRUNCATED;
		headers->at += lb_extension_length(protocol, extension);
		headers->protocol = extension->next_header;
		if (protocol == LB_IPPROTO_FRAGMENT) {
			headers->fragment = lb_fragment_of(extension);
			headers->id = extension->id;
		}
	}
	return lb_is_extension(headers->protocol) || headers->at > LB_TRANSPORT_MAX ? LB_REASON_EXTENSIONS : 0;
}

#endif
