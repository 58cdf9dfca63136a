# SPDX-License-Identifier: Apache-2.0
"""Each method, both protocols, both ways: every header field that forwarding looks at, in many values.

One flow a row. Its frames differ from the plain one in one respect each, so that a difference names its
cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import (
    TCP,
    UDP,
    IPOption,
    IPOption_LSRR,
    IPOption_NOP,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_SSRR,
    IPOption_Timestamp,
)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.interop.exchange import Exchange, arriving
from tests.packets.case import Packet
from tests.packets.frames import explicit, tcp, tcp_reply, udp, udp_reply
from tests.packets.network import INSIDE, ONE, OUTSIDE, Setting, names, setting, web

NAT = ForwardingMethod.NAT
RR = IPOption_RR(routers=["0.0.0.0"] * 3)

FIELDS: dict[str, dict[str, Any]] = {
    "TTL": {"ttl": 2},
    "TTL that runs out": {"ttl": 1},
    "TTL 0": {"ttl": 0},
    "TTL 255": {"ttl": 255},
    "ECT(1)": {"tos": 0x01},
    "ECT(0)": {"tos": 0x02},
    "CE": {"tos": 0x03},
    "expedited": {"tos": 0xB8},
    "every bit of TOS": {"tos": 0xFF},
    "no DF": {"flags": 0},
    "no DF, and identification 0": {"flags": 0, "id": 0},
    "identification 0": {"id": 0},
    "the reserved flag": {"flags": "DF+evil"},
}
OPTIONS: dict[str, list[Any]] = {
    "no-operation": [IPOption_NOP()] * 4,
    "record route": [RR, IPOption_NOP()],
    "timestamp": [IPOption_Timestamp(internet_address="0.0.0.0", flg=0, timestamp=0)],
    "router alert": [IPOption_Router_Alert()],
    "loose source route, used up": [IPOption_LSRR(routers=["203.0.113.9"], pointer=8), IPOption_NOP()],
    "loose source route": [IPOption_LSRR(routers=["203.0.113.9"]), IPOption_NOP()],
    "strict source route": [IPOption_SSRR(routers=["203.0.113.9"]), IPOption_NOP()],
    "an unknown option": [IPOption(bytes.fromhex("9e040000"))],
}
SIZES = (1399, 1400, 1401, 1480, 1481, 1500)  # of the IP packet


def tcp_setting(method: ForwardingMethod) -> Setting:
    return setting(web(method, port=8080 if method is NAT else 80))


def udp_setting(method: ForwardingMethod) -> Setting:
    return setting(names(method, port=5353 if method is NAT else 53))


def segments(payload: bytes = b"", **ip: Any) -> Packet:
    return tcp("PA", payload, **ip)


def answers(payload: bytes = b"", **ip: Any) -> Packet:
    return tcp_reply(ONE, "PA", payload, sport=8080, **ip)


def datagrams(payload: bytes = b"", **ip: Any) -> Packet:
    return udp(payload, **ip)


def replies(payload: bytes = b"", **ip: Any) -> Packet:
    return udp_reply(ONE, payload, sport=5353, **ip)


def of_each_field(made: Any) -> list[Packet]:
    return [made(b"abc", **fields) for fields in FIELDS.values()]


def of_each_option(made: Any) -> list[Packet]:
    return [made(b"abcd", options=options) for options in OPTIONS.values()]


def of_each_size(made: Any) -> list[Packet]:
    header = len(made(b"")) - 14
    return [made(b"x" * (size - header), flags=flags) for size in SIZES for flags in ("DF", 0)]


def of_each_checksum(made: Any) -> list[Packet]:
    """Right, wrong, absent, and over an odd length, with and without Ethernet's padding."""
    plain = made(b"odd")
    frames = [plain, explicit(plain) / Raw(b"\0" * 6), explicit(plain) / Raw(b"\1" * 6)]
    layer = TCP if TCP in plain else UDP
    for value in (0, 0xFFFF, plain[layer].chksum ^ 0x0101):
        frame = Ether(bytes(plain))
        frame[layer].chksum = value
        frames.append(frame)
    return frames


FRAMES = {
    "header fields": of_each_field,
    "IP options": of_each_option,
    "sizes": of_each_size,
    "checksums": of_each_checksum,
}


def inwards() -> Iterator[Exchange]:
    for method in ForwardingMethod:
        for what, made in FRAMES.items():
            yield Exchange(
                f"TCP by {method.value}: {what}",
                tcp_setting(method),
                arriving(OUTSIDE, tcp("S"), tcp("A"), *made(segments)),
            )
            yield Exchange(
                f"UDP by {method.value}: {what}",
                udp_setting(method),
                arriving(OUTSIDE, udp(), *made(datagrams)),
            )


def outwards() -> Iterator[Exchange]:
    for what, made in FRAMES.items():
        yield Exchange(
            f"TCP replies: {what}",
            tcp_setting(NAT),
            (*arriving(OUTSIDE, tcp("S"), tcp("A")), *arriving(INSIDE, *made(answers))),
        )
        yield Exchange(
            f"UDP replies: {what}",
            udp_setting(NAT),
            (*arriving(OUTSIDE, udp()), *arriving(INSIDE, *made(replies))),
        )


def narrow() -> Iterator[Exchange]:
    """The path to the real server takes 1400 bytes."""
    for method in ForwardingMethod:
        for protocol, given, opening, made in (
            ("TCP", tcp_setting(method), (tcp("S"), tcp("A")), segments),
            ("UDP", udp_setting(method), (udp(),), datagrams),
        ):
            yield Exchange(
                f"{protocol} by {method.value}: sizes, over a path of 1400 bytes",
                given.with_mtu(1400),
                arriving(OUTSIDE, *opening, *of_each_size(made)),
            )


def first_frames() -> Iterator[Exchange]:
    """The same on the packets that open connections."""
    for method in ForwardingMethod:
        syns = [tcp("S", port=41000 + n, **fields) for n, fields in enumerate(FIELDS.values())]
        yield Exchange(
            f"SYNs by {method.value}: header fields", tcp_setting(method), arriving(OUTSIDE, *syns)
        )


EXCHANGES = (*inwards(), *outwards(), *narrow(), *first_frames())
