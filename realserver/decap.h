/* SPDX-License-Identifier: Apache-2.0 */
/* What the unwrapping program and the tool that loads it must agree on: addresses as keys, tunnels, and the counters.
 * Includes nothing, so that clang -target bpf and the builder of the Python module read the same text. */

/* An address of either family: IPv4 in the first four bytes, the rest zero. The family keeps the two apart. */
struct decap_address {
	unsigned char family; /* 4 or 6 */
	unsigned char zero[3];
	unsigned char bytes[16];
};

/* The kinds of tunnel, as bits. */
enum decap_tunnel {
	DECAP_IPIP = 1, /* an IP packet right behind the outer header */
	DECAP_GRE = 2,
	DECAP_GUE = 4,
};

/* What may come for a VIP: kinds of tunnel, and the UDP port (in host order) of the last of them. */
struct decap_vip {
	unsigned short tunnels;
	unsigned short port;
};

/* What became of a tunnel packet. Packets that are no tunnel's are not counted: they are none of our business. */
enum decap_reason {
	DECAP_UNWRAPPED,
	DECAP_OTHER_ENDPOINT, /* the outer destination is no endpoint of this host's: passed untouched */
	DECAP_OTHER_VIP,      /* the inner destination is no VIP that takes this kind of tunnel: passed untouched */
	DECAP_OTHER_TUNNEL,   /* the tunnel's header has a version, a payload or an option not known here: passed */
	DECAP_OUTER_FRAGMENT, /* a piece of a tunnel packet: passed untouched */
	DECAP_OUTER_BAD,      /* the outer header does not hold together: dropped */
	DECAP_TUNNEL_BAD,     /* the tunnel's own header is cut off, or its checksum does not hold: dropped */
	DECAP_INNER_SHORT,    /* the packet ends within the inner header: dropped */
	DECAP_INNER_VERSION,  /* the inner header is not of the version that the outer announces: dropped */
	DECAP_INNER_LENGTH,   /* the inner header tells a length that cannot be: dropped */
	DECAP_CONGESTION,     /* congestion was marked on a packet that cannot carry the mark: dropped (RFC 6040) */
	DECAP_FAILED,	      /* the kernel refused the change: dropped */
	DECAP_REASONS
};

struct decap_count {
	unsigned long long packets;
	unsigned long long bytes;
};
