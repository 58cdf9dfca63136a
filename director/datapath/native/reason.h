/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts and reasons: what becomes of a packet, and the one reason that is counted for it.
 *
 * This list is the only one. The docs, `director stats --reasons` and the tests read it from here through native.h.
 */
#ifndef LB_REASON_H
#define LB_REASON_H

#include "wire.h"

enum lb_verdict {
	LB_PASS,     /* not the director's: the local stack may have it */
	LB_DROP,     /* the director's, and it ends here */
	LB_TRANSMIT, /* leaves by result.ifindex */
};

#define LB_REASONS(X)                                                                                                  \
	X(NOT_IP, PASS, "neither an IPv4 nor an IPv6 frame (ARP, VLAN and others): left to the local stack")           \
	X(NOT_BALANCED, PASS, "an IP protocol that no service balances: left to the local stack")                      \
	X(EXTENSIONS, PASS, "more IPv6 extension headers than are followed: left to the local stack")                  \
	X(NO_SERVICE, PASS, "no service has this address, protocol and port: left to the local stack")                 \
	X(ICMP_QUERY, PASS, "an ICMP message that is no error, such as a ping: left to the local stack")               \
	X(ICMP_UNRELATED, PASS, "an ICMP error about no connection we know: left to the local stack")                  \
	X(FRAGMENT_UNKNOWN, PASS, "a later fragment whose first was not seen, or not ours: left to the local stack")   \
	X(LOCAL, PASS, "its server is the director itself: left to the local stack")                                   \
	X(TRUNCATED, DROP, "the frame ends before its headers or its stated length do")                                \
	X(BAD_HEADER, DROP, "a header contradicts itself: version, header length or total length")                     \
	X(BAD_CHECKSUM, DROP, "a wrong IP or ICMP checksum, or TCP where a reset would answer")                        \
	X(BAD_SOURCE, DROP, "its source is no host's address: 0.0.0.0, loopback, multicast, broadcast or the VIP")     \
	X(RST_UNKNOWN, DROP, "a TCP reset that belongs to no connection")                                              \
	X(DEST_REMOVED, DROP, "its connection's destination was deleted (expire_nodest_conn is 0)")                    \
	X(DEST_UNRESOLVED, DROP, "the next hop of its destination has no known MAC address or route")                  \
	X(PATH_LEARNED, DROP,                                                                                          \
	  "an ICMP error about a tunnel's own packet: the way to its server is narrower, and is known now")            \
	X(TTL_EXPIRED_SILENT, DROP, "its TTL ran out, and no ICMP error may answer it")                                \
	X(TOO_BIG_SILENT, DROP, "larger than the way's MTU with DF set, and no ICMP error may answer it")              \
	X(ICMP_LIMITED, DROP, "deserved an ICMP error, but icmp_msgs_per_sec was used up")                             \
	X(TABLE_FULL, DROP,                                                                                            \
	  "a new connection by NAT, or by an ICMP error, for which the connection table had no place")                 \
	X(DEFENCE, DROP, "its turn under drop_packet: one of so many packets that would open a connection is dropped") \
	X(SCTP_FRAGMENT, DROP,                                                                                         \
	  "an SCTP fragment whose port NAT would change: its checksum covers pieces that are not in it")               \
	X(CHECKSUM_UNDONE, DROP,                                                                                       \
	  "deserved an ICMP error, which can not quote an SCTP packet whose checksum the sender left to hardware")     \
	X(ICMP_NO_DEST, DROP,                                                                                          \
	  "an ICMP error that would open a connection (schedule_icmp), which no destination could take")               \
	X(NO_ROOM, DROP, "no room in the buffer to rewrite the frame")                                                 \
	X(NO_FRAGMENTS, DROP, "larger than the next hop's MTU, and this data path can not cut it into fragments")      \
	X(TX_FAILED, DROP, "the interface did not take the frame")                                                     \
	X(RX_OVERSIZE, DROP, "a super-frame that did not fit the receive queue")                                       \
	X(HIT, TRANSMIT, "forwarded on its connection")                                                                \
	X(NEW, TRANSMIT, "opened a connection and was forwarded")                                                      \
	X(NEW_STATELESS, TRANSMIT,                                                                                     \
	  "opened a connection, to the server that its address and port choose: places are scarce")                    \
	X(STATELESS, TRANSMIT, "forwarded without a connection, to the server that its address and port choose")       \
	X(ONCE, TRANSMIT, "forwarded by itself: its service schedules each datagram anew (one-packet scheduling)")     \
	X(REPLY, TRANSMIT, "a NAT server's reply, sent on to the client")                                              \
	X(FRAGMENT, TRANSMIT, "a later fragment, forwarded after its first")                                           \
	X(ICMP_RELATED, TRANSMIT, "an ICMP error, forwarded along the connection it is about")                         \
	X(RST_SENT, TRANSMIT, "belonged to no connection and was answered with a TCP reset")                           \
	X(NO_ASSOCIATION, TRANSMIT,                                                                                    \
	  "an SCTP packet that opens no association and belongs to none: answered with ICMP protocol unreachable")     \
	X(NO_CONNECTION, TRANSMIT,                                                                                     \
	  "a NAT server's packet that belongs to no connection: answered with ICMP port unreachable (nat_icmp_send)")  \
	X(NO_DEST, TRANSMIT, "no destination could take it: answered with ICMP port unreachable")                      \
	X(TTL_EXPIRED, TRANSMIT, "its TTL ran out: answered with ICMP time exceeded")                                  \
	X(TOO_BIG, TRANSMIT, "larger than the way's MTU with DF set: answered with ICMP fragmentation needed")

#define LB_REASON_ENUM(name, verdict, text) LB_REASON_##name,
enum lb_reason { LB_REASONS(LB_REASON_ENUM) LB_REASON_COUNT };
#undef LB_REASON_ENUM

enum { LB_LOOPBACK = 1 }; /* the interface lo, in each network namespace */

/*
 * What becomes of a packet. `ifindex` and `mtu` speak only for LB_TRANSMIT; mtu 0: it surely fits. With LB_REASON_LOCAL
 * `ifindex` is LB_LOOPBACK if the packet is kept from the stack, so that it must be handed in.
 */
struct lb_result {
	u8 verdict;
	u8 reason;
	u16 mtu;
	u32 ifindex;
};

static LB_INLINE struct lb_result lb_pass(enum lb_reason reason)
{
	return (struct lb_result){.verdict = LB_PASS, .reason = reason};
}

static LB_INLINE struct lb_result lb_drop(enum lb_reason reason)
{
	return (struct lb_result){.verdict = LB_DROP, .reason = reason};
}

static LB_INLINE struct lb_result lb_transmit(enum lb_reason reason, u32 ifindex, u16 mtu)
{
	return (struct lb_result){.verdict = LB_TRANSMIT, .reason = reason, .ifindex = ifindex, .mtu = mtu};
}

#endif
