# SPDX-License-Identifier: Apache-2.0
"""ICMP errors about the packets of IP in IP: what is learned from them, and what is not believed.

The other kinds of tunnel, and IPv6: outer_errors_kinds.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netaddr import IPAddress
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import Destination, ForwardingMethod
from tests.packets.case import Case, Packet, Send, drops, own_id, passes, sends, stays
from tests.packets.cases.tunnel_kinds import (
    DIRECTORS,
    SERVERS,
    Way,
    outer,
    sized,
    tcp,
    tunnelled,
)
from tests.packets.cases.tunnel_kinds import inside as inside_of
from tests.packets.frames import explicit
from tests.packets.network import INSIDE, INSIDE_MAC, OUTSIDE, Setting, service, setting
from tests.packets.transform import direct, fragmentation_needed
from tests.packets.transform_ipv6 import too_big

ROUTERS = {4: "10.0.0.254", 6: "fd00::fe"}
ROUTER_MAC = "02:00:00:00:02:fe"
TOLD = 1400
TEN_MINUTES = 600_000
PLAIN = Way(4, 4, "ipip")


def quoted(way: Way, **changes: Any) -> bytes:
    """A large packet in its tunnel, as a router saw it; `changes` are of its outer header."""
    packet = outer(way, inside_of(sized(way.inner, 1200)))
    for name, value in changes.items():
        setattr(packet, name, value)
    return bytes(packet)


def error(quote: bytes, mtu: int = TOLD, *, family: int = 4, code: int = 4, source: str = "") -> Packet:
    frame = Ether(src=ROUTER_MAC, dst=INSIDE_MAC)
    ends = {"src": source or ROUTERS[family], "dst": DIRECTORS[family]}
    if family == 6:
        return explicit(frame / IPv6(**ends) / ICMPv6PacketTooBig(mtu=mtu) / Raw(quote))
    return explicit(frame / IP(**ends) / ICMP(type=3, code=code, nexthopmtu=mtu) / Raw(quote))


def about(way: Way, mtu: int = TOLD, length: int = 548, **changes: Any) -> Packet:
    return error(quoted(way, **changes)[:length], mtu, family=way.outer)


def opened(way: Way) -> Send:
    return Send(0, OUTSIDE, tcp(way.inner, "S"), sends(INSIDE, tunnelled(way, tcp(way.inner, "S"))))


def learns(at: int, frame: Packet) -> Send:
    return Send(at, INSIDE, frame, drops("path_learned"))


def fits(at: int, way: Way, length: int) -> Send:
    frame = sized(way.inner, length)
    return Send(at, OUTSIDE, frame, sends(INSIDE, tunnelled(way, frame), reason="hit"))


def is_told(at: int, way: Way, length: int, room: int) -> Send:
    frame = sized(way.inner, length)
    answer = fragmentation_needed(frame, room) if way.inner == 4 else too_big(frame, room)
    departure = own_id(answer) if way.inner == 4 else answer
    return Send(at, OUTSIDE, frame, sends(OUTSIDE, departure, reason="too_big"))


def learned(way: Way) -> Case:
    room = TOLD - way.overhead
    return Case(
        f"{way}: a narrower path is learned from an error about it, for ten minutes",
        way.setting(),
        (
            opened(way),
            fits(1, way, room + 1),
            learns(2, about(way)),
            fits(3, way, room),
            is_told(4, way, room + 1, room),
            is_told(TEN_MINUTES + 1, way, room + 1, room),
            fits(TEN_MINUTES + 2, way, room + 1),
        ),
    )


def bounds() -> Iterator[Case]:
    for told in (0, 67, 68, 551, 552):
        yield Case(
            f"a path of {told} bytes is taken for one of 552, as Linux does",
            PLAIN.setting(),
            (opened(PLAIN), learns(1, about(PLAIN, told)), fits(2, PLAIN, 532), is_told(3, PLAIN, 533, 532)),
        )
    for told in (1500, 1501, 65535):
        yield Case(
            f"a path of {told} bytes is no narrower than the next hop",
            PLAIN.setting(),
            (
                opened(PLAIN),
                learns(1, about(PLAIN, told)),
                fits(2, PLAIN, 1480),
                is_told(3, PLAIN, 1481, 1480),
            ),
        )


def told_again() -> Iterator[Case]:
    yield Case(
        "a path that is known to be narrower does not become wider by an error, but narrower",
        PLAIN.setting(),
        (
            opened(PLAIN),
            learns(1, about(PLAIN, 1300)),
            learns(2, about(PLAIN, 1400)),
            is_told(3, PLAIN, 1281, 1280),
            learns(4, about(PLAIN, 1200)),
            is_told(5, PLAIN, 1181, 1180),
        ),
    )
    yield Case(
        "the same told again holds for ten minutes more",
        PLAIN.setting(),
        (
            opened(PLAIN),
            fits(1, PLAIN, 1480),
            learns(2, about(PLAIN)),
            learns(300_001, about(PLAIN)),
            is_told(600_003, PLAIN, 1381, 1380),
            is_told(900_000, PLAIN, 1381, 1380),
            fits(900_001, PLAIN, 1381),
        ),
    )


def unlike() -> dict[str, Packet]:
    """Errors that are not about a packet of ours, or do not show that they are."""
    whole = quoted(PLAIN)
    other_port = whole[:40] + b"\x12\x34" + whole[42:]
    other_vip = whole[:36] + IPAddress("192.0.2.9").packed + whole[40:]
    return {
        "that quotes eight bytes of the payload": error(whole[:28]),
        "that ends within the header inside": error(whole[:39]),
        "that ends within the ports inside": error(whole[:43]),
        "about a packet to another server": about(PLAIN, dst="10.0.0.12", chksum=None),
        "about a packet from another director": about(PLAIN, src="10.0.0.2", chksum=None),
        "about a connection that is none": error(other_port[:548]),
        "about another service": error(other_vip[:548]),
        "about an outer header with options": error(b"\x46" + whole[1:548]),
        "about a later fragment": about(PLAIN, frag=10, flags=0, chksum=None),
        "about an inner header of no length": error(whole[:20] + b"\x40" + whole[21:548]),
        "about IPv6 inside": about(PLAIN, proto=41, chksum=None),
        "that is of another kind": error(whole[:548], 0, code=1),
    }


def not_believed() -> Iterator[Case]:
    for what, frame in unlike().items():
        yield Case(
            f"an error {what} teaches nothing, and is left to the stack",
            PLAIN.setting(),
            (opened(PLAIN), Send(1, INSIDE, frame, passes("icmp_unrelated")), fits(2, PLAIN, 1480)),
        )


def dropped() -> Iterator[Case]:
    """Errors about packets of ours that no router sent so."""
    wrong_sum = about(PLAIN)
    wrong_sum[ICMP].chksum ^= 1
    for what, frame, reason in (
        ("whose checksum is wrong", wrong_sum, "bad_checksum"),
        ("from a loopback address", error(quoted(PLAIN)[:548], source="127.0.0.1"), "bad_source"),
    ):
        yield Case(
            f"an error {what} teaches nothing, and is dropped",
            PLAIN.setting(),
            (opened(PLAIN), Send(1, INSIDE, frame, drops(reason)), fits(2, PLAIN, 1480)),
        )


def of_no_tunnel() -> Iterator[Case]:
    server = Destination(address=IPAddress(SERVERS[4]), port=80, method=ForwardingMethod.DR, weight=1)
    made: Setting = setting(service(server))
    yield Case(
        "an error about a tunnel teaches nothing of a connection by another method",
        made,
        (
            Send(0, OUTSIDE, tcp(4, "S"), sends(INSIDE, direct(tcp(4, "S"), SERVERS[4]))),
            Send(1, INSIDE, about(PLAIN), stays("icmp_unrelated")),
            Send(2, OUTSIDE, sized(4, 1500), sends(INSIDE, direct(sized(4, 1500), SERVERS[4]))),
        ),
    )


CASES = (learned(PLAIN), *bounds(), *told_again(), *not_believed(), *dropped(), *of_no_tunnel())
