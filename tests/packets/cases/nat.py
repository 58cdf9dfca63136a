# SPDX-License-Identifier: Apache-2.0
"""NAT: addresses and ports rewritten both ways, and each checksum brought up to date."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import (
    Case,
    Counted,
    Counts,
    Departure,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    own_id,
    passes,
    sends,
)
from tests.packets.checksum import adjusted
from tests.packets.frames import PORT, explicit, inside, ipv4, outside, tcp, tcp_reply, udp, udp_reply
from tests.packets.network import (
    CLIENT,
    DIRECTOR,
    INSIDE,
    INSIDE_MAC,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER_MAC,
    SERVER_MACS,
    SERVERS,
    TWO,
    VIP,
    destination,
    hop,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import narrow_outside, time_exceeded, translated, translated_back

WEB = setting(web(ForwardingMethod.NAT, port=8080))
NAMES = setting(names(ForwardingMethod.NAT, port=5353))
DATA = tcp("PA", b"GET / HTTP/1.0\r\n\r\n")
PAGE = tcp_reply(ONE, "PA", b"HTTP/1.0 200 OK\r\n\r\n", sport=8080)
OPTIONS = explicit(
    outside()
    / ipv4(CLIENT, VIP, options=[IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_NOP()])
    / TCP(sport=PORT, dport=80, flags="S")
)
NO_CHECKSUM = explicit(outside() / ipv4(CLIENT, VIP) / UDP(sport=PORT, dport=53, chksum=0) / Raw(b"odd"))
ANSWER_WITHOUT = explicit(
    inside(ONE) / ipv4(ONE, CLIENT) / UDP(sport=5353, dport=PORT, chksum=0) / Raw(b"answer!")
)


def zero_sum_question() -> Packet:
    """A datagram whose UDP checksum, once translated, comes out as zero: it must be sent as 0xffff."""
    probe = translated(udp(b"\0\0"), ONE, ONE, 5353)
    word = adjusted(probe[UDP].chksum, b"\0\0", b"\0\0")
    return udp(word.to_bytes(2, "big"))


def wrong(packet: Packet) -> Packet:
    out = Ether(bytes(packet))
    out[TCP].chksum ^= 0x0101
    return out


def wrong_translated(packet: Packet) -> Packet:
    """A wrong checksum after an incremental update: the difference to the right one stays the same."""
    out = translated(wrong(packet), ONE, ONE, 8080)
    before, after = bytes(wrong(packet)[IP]), bytes(out[IP])
    out[TCP].chksum = adjusted(
        wrong(packet)[TCP].chksum, before[16:20] + before[22:24], after[16:20] + after[22:24]
    )
    return out


SYN = Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 8080)))
QUESTION = Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 5353)))


def spent(frame: Packet) -> Departure:
    """What a real server hears when its packet's TTL ran out at the director."""
    return own_id(time_exceeded(frame, source=DIRECTOR))


def huge(length: int) -> Packet:
    """A datagram of a real server, of so many bytes of IP."""
    return udp_reply(ONE, bytes(length - 28), sport=5353)


def too_long(frame: Packet) -> Packet:
    """What a real server hears when its packet does not fit the way to the client."""
    return own_id(narrow_outside(frame, 1500, source=DIRECTOR))


def to_outside(packet: Packet) -> Packet:
    """Let a frame come to the director's other interface."""
    packet.dst = OUTSIDE_MAC
    return packet


CASES = (
    Case(
        "a reply whose TTL ran out is answered from inside, and neither counts nor moves the connection on",
        WEB,
        (
            SYN,
            *(
                Send(at, INSIDE, frame, sends(INSIDE, spent(frame), reason="ttl_expired"))
                for at, frame in (
                    (1, tcp_reply(ONE, "SA", sport=8080, ttl=1)),
                    (2, tcp_reply(ONE, "R", sport=8080, ttl=0)),
                )
            ),
            Listed(
                3, frozenset({Entry(6, f"{CLIENT}:{PORT}", f"{VIP}:80", f"{ONE}:8080", State.SYN_RECV, 60)})
            ),
            Counted(
                f"tcp:{VIP}:80",
                f"{ONE}:8080",
                Counts(1, 1, 0, 40, 0),
                DestinationCounts(Counts(1, 1, 0, 40, 0), active=1, inactive=0),
            ),
        ),
    ),
    Case(
        "a datagram's reply whose TTL ran out is answered from inside",
        NAMES,
        (
            QUESTION,
            Send(
                1,
                INSIDE,
                udp_reply(ONE, sport=5353, ttl=1, tos=0xFF),
                sends(INSIDE, spent(udp_reply(ONE, sport=5353, ttl=1, tos=0xFF)), reason="ttl_expired"),
            ),
        ),
    ),
    *(
        Case(
            f"a reply of {length} bytes with DF to a narrower outside is answered from inside",
            NAMES,
            (
                QUESTION,
                Send(1, INSIDE, huge(length), sends(INSIDE, too_long(huge(length)), reason="too_big")),
                Counted(
                    f"udp:{VIP}:53",
                    f"{ONE}:5353",
                    Counts(1, 1, 0, 36, 0),
                    DestinationCounts(Counts(1, 1, 0, 36, 0), active=0, inactive=1),
                ),
            ),
        )
        for length in (1501, 3000)
    ),
    Case(
        "a SYN goes to the real server's address and port, and its answer comes from the VIP's",
        WEB,
        (
            Send(
                0,
                OUTSIDE,
                Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC)
                / IP(src=CLIENT, dst=VIP, id=7, flags="DF", ttl=64, tos=0x10)
                / TCP(sport=1234, dport=80, flags="S", seq=9),
                sends(
                    INSIDE,
                    Ether(src=INSIDE_MAC, dst=SERVER_MACS[ONE])
                    / IP(src=CLIENT, dst=ONE, id=7, flags="DF", ttl=63, tos=0x10)
                    / TCP(sport=1234, dport=8080, flags="S", seq=9),
                    reason="new",
                ),
            ),
            Send(
                1,
                INSIDE,
                Ether(src=SERVER_MACS[ONE], dst=INSIDE_MAC)
                / IP(src=ONE, dst=CLIENT, id=0, flags="DF", ttl=64)
                / TCP(sport=8080, dport=1234, flags="SA", seq=5, ack=10),
                sends(
                    OUTSIDE,
                    Ether(src=OUTSIDE_MAC, dst=ROUTER_MAC)
                    / IP(src=VIP, dst=CLIENT, id=0, flags="DF", ttl=63)
                    / TCP(sport=80, dport=1234, flags="SA", seq=5, ack=10),
                    reason="reply",
                ),
            ),
        ),
    ),
    Case(
        "a whole conversation is translated both ways",
        WEB,
        (
            SYN,
            Send(
                1,
                INSIDE,
                tcp_reply(ONE, "SA", sport=8080),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA", sport=8080), 80)),
            ),
            Send(2, OUTSIDE, tcp("A"), sends(INSIDE, translated(tcp("A"), ONE, ONE, 8080), reason="hit")),
            Send(3, OUTSIDE, DATA, sends(INSIDE, translated(DATA, ONE, ONE, 8080))),
            Send(4, INSIDE, PAGE, sends(OUTSIDE, translated_back(PAGE, 80), reason="reply")),
            Send(
                5,
                INSIDE,
                tcp_reply(ONE, "FA", sport=8080),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "FA", sport=8080), 80)),
            ),
            Send(6, OUTSIDE, tcp("FA"), sends(INSIDE, translated(tcp("FA"), ONE, ONE, 8080))),
        ),
    ),
    Case(
        "a datagram and its answer are translated",
        NAMES,
        (
            QUESTION,
            Send(
                1,
                INSIDE,
                udp_reply(ONE, sport=5353),
                sends(OUTSIDE, translated_back(udp_reply(ONE, sport=5353), 53), reason="reply"),
            ),
        ),
    ),
    Case(
        "a datagram without a checksum gets one, both ways",
        NAMES,
        (
            Send(0, OUTSIDE, NO_CHECKSUM, sends(INSIDE, translated(NO_CHECKSUM, ONE, ONE, 5353))),
            Send(1, INSIDE, ANSWER_WITHOUT, sends(OUTSIDE, translated_back(ANSWER_WITHOUT, 53))),
        ),
    ),
    Case(
        "a UDP checksum that comes out as zero is sent as 0xffff",
        NAMES,
        (
            Send(
                0,
                OUTSIDE,
                zero_sum_question(),
                sends(INSIDE, translated(zero_sum_question(), ONE, ONE, 5353)),
            ),
        ),
    ),
    Case(
        "a wrong TCP checksum is as wrong after translation",
        WEB,
        (SYN, Send(1, OUTSIDE, wrong(DATA), sends(INSIDE, wrong_translated(DATA)))),
    ),
    Case(
        "IP options are forwarded",
        WEB,
        (Send(0, OUTSIDE, OPTIONS, sends(INSIDE, translated(OPTIONS, ONE, ONE, 8080))),),
    ),
    Case(
        "the padding of a short frame is summed into no checksum",
        NAMES,
        (
            Send(
                0,
                OUTSIDE,
                Ether(bytes(NO_CHECKSUM) + b"\xee" * 15),
                sends(INSIDE, translated(NO_CHECKSUM, ONE, ONE, 5353)),
            ),
        ),
    ),
    Case(
        "a destination on the VIP's own port keeps the port",
        setting(web(ForwardingMethod.NAT)),
        (Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),),
    ),
    Case(
        "two clients with the same port on one real server get their own replies",
        WEB,
        (
            SYN,
            Send(
                1,
                OUTSIDE,
                tcp("S", client=OTHER_CLIENT),
                sends(INSIDE, translated(tcp("S", client=OTHER_CLIENT), ONE, ONE, 8080)),
            ),
            Send(
                2,
                INSIDE,
                explicit(inside(ONE) / ipv4(ONE, OTHER_CLIENT) / TCP(sport=8080, dport=PORT, flags="SA")),
                sends(
                    OUTSIDE,
                    translated_back(
                        explicit(
                            inside(ONE) / ipv4(ONE, OTHER_CLIENT) / TCP(sport=8080, dport=PORT, flags="SA")
                        ),
                        80,
                    ),
                ),
            ),
        ),
    ),
    Case(
        "what a real server sends outside a connection is not the director's",
        WEB,
        (
            SYN,
            Send(1, INSIDE, tcp_reply(ONE, "SA", sport=8081), passes("no_service")),
            Send(2, INSIDE, tcp_reply(TWO, "SA", sport=8080), passes("no_service")),
            Send(3, INSIDE, tcp_reply(ONE, "SA", sport=8080, port=PORT + 1), passes("no_service")),
            Send(4, INSIDE, udp_reply(ONE, sport=8080), passes("no_service")),
        ),
    ),
    Case(
        "the reply leaves by the interface and to the neighbour that the client's packet came from",
        setting(web(ForwardingMethod.NAT, port=8080)).with_hop(ONE, hop(ONE, interface=OUTSIDE)),
        (
            Send(
                0,
                OUTSIDE,
                tcp("S"),
                sends(OUTSIDE, translated(tcp("S"), hop(ONE, interface=OUTSIDE), ONE, 8080)),
            ),
            Send(
                1,
                OUTSIDE,
                to_outside(tcp_reply(ONE, "SA", sport=8080)),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA", sport=8080), 80)),
            ),
        ),
    ),
    Case(
        "destinations of one service may be reached by different methods",
        setting(
            service(
                destination(ONE, ForwardingMethod.DR),
                destination(TWO, ForwardingMethod.NAT, 8080),
            )
        ),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), TWO, TWO, 8080))),
            Send(
                1,
                INSIDE,
                tcp_reply(TWO, "SA", sport=8080),
                sends(OUTSIDE, translated_back(tcp_reply(TWO, "SA", sport=8080), 80)),
            ),
        ),
    ),
    Case(
        "round robin over four translated real servers goes against the order of adding",
        setting(web(ForwardingMethod.NAT, SERVERS, 8080)),
        tuple(
            Send(
                at,
                OUTSIDE,
                tcp("S", port=1000 + at),
                sends(INSIDE, translated(tcp("S", port=1000 + at), server, server, 8080)),
            )
            for at, server in enumerate(SERVERS[::-1] + SERVERS[::-1])
        ),
    ),
)
