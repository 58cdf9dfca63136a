# SPDX-License-Identifier: Apache-2.0
"""IPv6: each method both ways, extension headers, hop limits, and sizes."""

from __future__ import annotations

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import Case, Entry, Listed, Packet, Send, State, drops, passes, sends
from tests.packets.checksum import ETHERNET
from tests.packets.frames_ipv6 import tcp, tcp_reply, udp, udp_reply
from tests.packets.network import INSIDE, OUTSIDE, setting
from tests.packets.network_ipv6 import CLIENT, DIRECTOR, ONE, SERVERS, VIP, names, web
from tests.packets.transform_ipv6 import (
    direct,
    reset_for,
    time_exceeded,
    too_big,
    translated,
    translated_back,
    tunnelled,
    unreachable_port,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
EXTENDED: tuple[tuple[str, tuple[Packet, ...]], ...] = (
    ("hop-by-hop options", (IPv6ExtHdrHopByHop(),)),
    ("destination options", (IPv6ExtHdrDestOpt(),)),
    ("a routing header", (IPv6ExtHdrRouting(addresses=["2001:db8::99"]),)),
    ("a fragment header of a whole packet", (IPv6ExtHdrFragment(id=7),)),
    ("four of them", (IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(), IPv6ExtHdrDestOpt())),
    ("eight of them", (IPv6ExtHdrHopByHop(), *[IPv6ExtHdrDestOpt()] * 7)),
)


def made(method: ForwardingMethod, frame: Packet, port: int = 80) -> Packet:
    if method is TUN:
        return tunnelled(frame, ONE, ONE)
    return direct(frame, ONE) if method is DR else translated(frame, ONE, ONE, port)


def without_checksum(frame: Packet) -> Packet:
    out = Ether(bytes(frame))
    out[UDP].chksum = 0
    return out


def authenticated(bits: str) -> Packet:
    """A segment behind an authentication header: destination options of 24 bytes by another name."""
    frame = bytearray(
        bytes(tcp(bits, b"", IPv6ExtHdrDestOpt(len=2, autopad=0, options=[PadN(optdata=bytes(20))])))
    )
    frame[ETHERNET + 6], frame[ETHERNET + 41] = 51, 4
    return Ether(bytes(frame))


def of_length(length: int) -> Packet:
    return tcp("S", bytes(length - 60))


CASES = (
    *(
        Case(
            f"a connection is opened and followed with {method.value}",
            setting(web(method, port=80)),
            (
                Send(0, OUTSIDE, tcp("S"), sends(INSIDE, made(method, tcp("S")), reason="new")),
                Send(1, OUTSIDE, tcp("A", b"hi"), sends(INSIDE, made(method, tcp("A", b"hi")), reason="hit")),
                Listed(
                    1,
                    frozenset(
                        {Entry(6, f"[{CLIENT}]:40000", f"[{VIP}]:80", f"[{ONE}]:80", State.ESTABLISHED, 900)}
                    ),
                ),
            ),
        )
        for method in (DR, TUN, NAT)
    ),
    *(
        Case(
            f"a datagram is forwarded with {method.value}",
            setting(names(method)),
            (Send(0, OUTSIDE, udp(), sends(INSIDE, made(method, udp(), 53), reason="new")),),
        )
        for method in (DR, TUN, NAT)
    ),
    Case(
        "NAT to another port, and the reply's way back",
        setting(web(NAT, port=8080)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 8080))),
            Send(
                1,
                INSIDE,
                tcp_reply(ONE, "SA", sport=8080),
                sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA", sport=8080), 80), reason="reply"),
            ),
            Send(2, INSIDE, tcp_reply(ONE, "A", sport=8081), passes("no_service")),
        ),
    ),
    Case(
        "NAT of a datagram without a checksum gives it one",
        setting(names(NAT)),
        (
            Send(
                0,
                OUTSIDE,
                without_checksum(udp()),
                sends(INSIDE, translated(without_checksum(udp()), ONE, ONE, 53)),
            ),
            Send(
                1,
                INSIDE,
                without_checksum(udp_reply(ONE)),
                sends(OUTSIDE, translated_back(without_checksum(udp_reply(ONE)), 53)),
            ),
        ),
    ),
    Case(
        "direct routing and a tunnel leave a datagram without a checksum as it is",
        setting(names(DR)),
        (Send(0, OUTSIDE, without_checksum(udp()), sends(INSIDE, direct(without_checksum(udp()), ONE))),),
    ),
    Case(
        "round robin, and the connection stays",
        setting(web(DR, SERVERS)),
        tuple(
            Send(
                at, OUTSIDE, tcp("S", port=port), sends(INSIDE, direct(tcp("S", port=port), SERVERS[server]))
            )
            for at, (port, server) in enumerate(((1, 3), (2, 2), (3, 1), (4, 0), (1, 3), (2, 2)))
        ),
    ),
    *(
        Case(
            f"{name} before the segment, with {method.value}",
            setting(web(method)),
            (
                Send(
                    0,
                    OUTSIDE,
                    tcp("S", b"", *headers),
                    sends(INSIDE, made(method, tcp("S", b"", *headers)), reason="new"),
                ),
                Send(1, OUTSIDE, tcp("A"), sends(INSIDE, made(method, tcp("A")), reason="hit")),
            ),
        )
        for name, headers in EXTENDED
        for method in (DR, TUN, NAT)
    ),
    Case(
        "an authentication header before the segment",
        setting(web(DR)),
        (Send(0, OUTSIDE, authenticated("S"), sends(INSIDE, direct(authenticated("S"), ONE))),),
    ),
    Case(
        "more extension headers than eight are not followed",
        setting(web(DR)),
        (Send(0, OUTSIDE, tcp("S", b"", *[IPv6ExtHdrDestOpt()] * 9), passes("extensions")),),
    ),
    Case(
        "extension headers that reach further than the director looks are not followed",
        setting(web(DR)),
        (
            Send(
                0,
                OUTSIDE,
                tcp("S", b"", IPv6ExtHdrRouting(addresses=["2001:db8::99"] * 12), IPv6ExtHdrDestOpt()),
                passes("extensions"),
            ),
        ),
    ),
    *(
        Case(
            f"a hop limit of {limit} is answered from the VIP, with {method.value}",
            setting(web(method)),
            (Send(0, OUTSIDE, tcp("S", hlim=limit), sends(OUTSIDE, time_exceeded(tcp("S", hlim=limit)))),),
        )
        for limit in (0, 1)
        for method in (DR, TUN, NAT)
    ),
    Case(
        "a hop limit of 2 leaves as 1, the outer one too",
        setting(web(TUN)),
        (Send(0, OUTSIDE, tcp("S", hlim=2), sends(INSIDE, tunnelled(tcp("S", hlim=2), ONE, ONE))),),
    ),
    *(
        Case(
            f"a traffic class of {traffic:#x} in a tunnel",
            setting(web(TUN)),
            (
                Send(
                    0, OUTSIDE, tcp("S", tc=traffic), sends(INSIDE, tunnelled(tcp("S", tc=traffic), ONE, ONE))
                ),
            ),
        )
        for traffic in (0, 1, 2, 3, 0xFF, 0xB8)
    ),
    *(
        Case(
            f"{length} bytes fit, one more is too big, with {method.value}",
            setting(web(method)),
            (
                Send(0, OUTSIDE, of_length(length), sends(INSIDE, made(method, of_length(length)))),
                Send(
                    1,
                    OUTSIDE,
                    of_length(length + 1),
                    sends(OUTSIDE, too_big(of_length(length + 1), length), reason="too_big"),
                ),
            ),
        )
        for method, length in ((DR, 1500), (TUN, 1460), (NAT, 1500))
    ),
    Case(
        "into a tunnel that has no room for IPv6's least MTU goes nothing, as with kernel IPVS",
        setting(web(TUN)).with_mtu(1319),
        (Send(0, OUTSIDE, tcp("S"), drops("too_big_silent")),),
    ),
    Case(
        "a tunnel with room for just that",
        setting(web(TUN)).with_mtu(1320),
        (
            Send(0, OUTSIDE, of_length(1280), sends(INSIDE, tunnelled(of_length(1280), ONE, ONE))),
            Send(1, OUTSIDE, of_length(1281), sends(OUTSIDE, too_big(of_length(1281), 1280))),
        ),
    ),
    Case(
        "a reply's hop limit ends at the director, which says so from its own address",
        setting(web(NAT)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Send(
                1,
                INSIDE,
                tcp_reply(ONE, "SA", hlim=1),
                sends(INSIDE, time_exceeded(tcp_reply(ONE, "SA", hlim=1), source=DIRECTOR)),
            ),
        ),
    ),
    *(
        Case(
            f"a segment {flags} of no connection is reset",
            setting(web(DR)),
            (Send(0, OUTSIDE, tcp(flags, b"data"), sends(OUTSIDE, reset_for(tcp(flags, b"data")))),),
        )
        for flags in ("A", "PA", "FA", "F", "P")
    ),
    Case(
        "a segment of no connection behind an extension header, congested, is reset",
        setting(web(DR)),
        (
            Send(
                0,
                OUTSIDE,
                tcp("A", b"", IPv6ExtHdrDestOpt(), tc=0xBB),
                sends(OUTSIDE, reset_for(tcp("A", b"", IPv6ExtHdrDestOpt(), tc=0xBB))),
            ),
        ),
    ),
    Case(
        "a reset of no connection is dropped",
        setting(web(DR)),
        (Send(0, OUTSIDE, tcp("R"), drops("rst_unknown")),),
    ),
    Case(
        "no server: port unreachable, from the VIP, to a datagram and to a SYN",
        setting(web(DR, ()), names(DR, ())),
        (
            Send(0, OUTSIDE, udp(), sends(OUTSIDE, unreachable_port(udp()), reason="no_dest")),
            Send(1, OUTSIDE, tcp("S"), sends(OUTSIDE, unreachable_port(tcp("S")), reason="no_dest")),
            Send(
                2,
                OUTSIDE,
                udp(bytes(1400)),
                sends(OUTSIDE, unreachable_port(udp(bytes(1400))), reason="no_dest"),
            ),
        ),
    ),
)
