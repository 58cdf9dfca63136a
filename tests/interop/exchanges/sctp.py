# SPDX-License-Identifier: Apache-2.0
"""SCTP by each method in both families: chunks, first packets, checksums, sizes, errors, several chunks.

What state each sequence of chunks leads to is in sequences.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product
from typing import Any

from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from director.model import ForwardingMethod, Protocol, Scheduler, Tunables
from tests.interop.exchange import Exchange, Inject, arriving
from tests.interop.exchanges.ipv6_errors import cut, error
from tests.interop.families import (
    FAMILIES,
    V4,
    V6,
    Family,
    destination,
    from_client,
    from_server,
    ip,
    service,
    setting,
    to,
)
from tests.packets.case import Apply, Packet
from tests.packets.frames import icmp_error
from tests.packets.network import INSIDE, OUTSIDE, Setting
from tests.packets.transform import fragments_of

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
PORT, SERVICE = 40000, 9000
NAT_PORT = 9001

# Chunk types (RFC 9260) with a body of the least that each has.
CHUNKS: dict[str, tuple[int, bytes]] = {
    "DATA": (0, struct.pack("!IHHI", 1, 0, 0, 0) + b"data"),
    "INIT": (1, struct.pack("!IIHHI", 0x1234, 65535, 1, 1, 1)),
    "INIT_ACK": (2, struct.pack("!IIHHI", 0x4321, 65535, 1, 1, 1)),
    "SACK": (3, struct.pack("!IIHH", 1, 65535, 0, 0)),
    "HEARTBEAT": (4, b"\0\1\0\x08abcd"),
    "HEARTBEAT_ACK": (5, b"\0\1\0\x08abcd"),
    "ABORT": (6, b""),
    "SHUTDOWN": (7, b"\0\0\0\1"),
    "SHUTDOWN_ACK": (8, b""),
    "ERROR": (9, b"\0\3\0\4"),
    "COOKIE_ECHO": (10, b"cookie!!"),
    "COOKIE_ACK": (11, b""),
    "ECNE": (12, b"\0\0\0\1"),
    "CWR": (13, b"\0\0\0\1"),
    "SHUTDOWN_COMPLETE": (14, b""),
    "AUTH": (15, b"\0\0\0\1" + b"\0" * 20),
    "I_DATA": (64, struct.pack("!IHHII", 1, 0, 0, 0, 0) + b"data"),
    "ASCONF": (0xC1, b"\0\0\0\1"),
    "unknown": (0x3F, b"abcd"),
}
HANDSHAKE = (("c", "INIT"), ("s", "INIT_ACK"), ("c", "COOKIE_ECHO"), ("s", "COOKIE_ACK"))


def chunk(kind: str, flags: int = 0) -> bytes:
    number, body = CHUNKS[kind]
    return struct.pack("!BBH", number, flags, 4 + len(body)) + body


def packet(sport: int, dport: int, *chunks: bytes, tag: int = 0x1234) -> bytes:
    """An SCTP packet with its checksum."""
    return bytes(SCTP(sport=sport, dport=dport, tag=tag) / Raw(b"".join(chunks)))


def request(
    family: Family, *kinds: str, port: int = PORT, more: bytes = b"", flags: int = 0, **fields: Any
) -> Packet:
    layer = Raw(packet(port, SERVICE, *(chunk(kind, flags) for kind in kinds), more))
    return from_client(family, layer, **_of_sctp(family, fields))


def response(family: Family, *kinds: str, port: int = PORT, more: bytes = b"", **fields: Any) -> Packet:
    layer = Raw(packet(NAT_PORT, port, *(chunk(kind) for kind in kinds), more))
    return from_server(family, layer, **_of_sctp(family, fields))


def _of_sctp(family: Family, fields: dict[str, Any]) -> dict[str, Any]:
    return {("proto" if family.version == 4 else "nh"): 132, **fields}


def arrives(family: Family, side: str, kind: str) -> Inject:
    frame = request(family, kind) if side == "c" else response(family, kind)
    return Inject(OUTSIDE if side == "c" else INSIDE, bytes(frame))


def given(
    method: ForwardingMethod, family: Family = V4, *servers: str, weights: tuple[int, ...] = (), **more: Any
) -> Setting:
    chosen = servers or (family.one,)
    at = NAT_PORT if method is NAT else SERVICE
    made = service(
        *(
            destination(each, method, at, w)
            for each, w in zip(chosen, weights or (1,) * len(chosen), strict=True)
        ),
        family=family,
        protocol=Protocol.SCTP,
        port=SERVICE,
    )
    return setting(made, **more)


def each_chunk() -> Iterator[Exchange]:
    for family, method in product(FAMILIES, ForwardingMethod):
        yield Exchange(
            f"SCTP IPv{family.version} by {method.value}: each chunk from the client",
            given(method, family),
            (
                *(arrives(family, *each) for each in HANDSHAKE if method is NAT or each[0] == "c"),
                *arriving(OUTSIDE, *(request(family, kind) for kind in CHUNKS)),
            ),
        )
    for family in FAMILIES:
        yield Exchange(
            f"SCTP IPv{family.version} by nat: each chunk from the server",
            given(NAT, family),
            (
                *(arrives(family, *each) for each in HANDSHAKE),
                *arriving(INSIDE, *(response(family, kind) for kind in CHUNKS)),
            ),
        )


def first_chunks() -> Iterator[Exchange]:
    for sloppy, method in product((0, 1), (DR, NAT)):
        yield Exchange(
            f"SCTP by {method.value}, sloppy_sctp {sloppy}: each chunk first",
            given(method, tunables=Tunables(sloppy_sctp=sloppy)),
            arriving(OUTSIDE, *(request(V4, kind, port=41000 + n) for n, kind in enumerate(CHUNKS))),
        )
    yield Exchange(
        "SCTP to a service without a destination",
        setting(service(protocol=Protocol.SCTP, port=SERVICE)),
        arriving(OUTSIDE, *(request(V4, kind) for kind in ("INIT", "DATA", "ABORT"))),
    )
    yield Exchange(
        "SCTP over IPv6 to a service without a destination",
        setting(service(family=V6, protocol=Protocol.SCTP, port=SERVICE)),
        arriving(OUTSIDE, *(request(V6, kind) for kind in ("INIT", "DATA", "ABORT"))),
    )
    yield Exchange(
        "SCTP to a port without a service",
        given(DR),
        arriving(
            OUTSIDE,
            *(
                from_client(V4, Raw(packet(PORT, SERVICE + 1, chunk(kind))), proto=132)
                for kind in ("INIT", "DATA")
            ),
        ),
    )


def several_chunks() -> Iterator[Exchange]:
    """IPVS looks at the first chunk, and at the second if the first is a COOKIE."""
    pairs = (
        ("COOKIE_ECHO", "DATA"),
        ("COOKIE_ECHO", "SHUTDOWN"),
        ("DATA", "SHUTDOWN"),
        ("SACK", "DATA"),
        ("SACK", "SHUTDOWN"),
        ("SACK", "ABORT"),
        ("DATA", "ABORT"),
        ("HEARTBEAT", "SHUTDOWN"),
        ("ECNE", "SHUTDOWN_ACK"),
        ("INIT", "DATA"),
    )
    for method in (DR, NAT):
        yield Exchange(
            f"SCTP by {method.value}: two chunks in a packet",
            given(method),
            tuple(
                Inject(OUTSIDE, bytes(request(V4, *kinds, port=41000 + n)))
                for n, pair in enumerate(pairs)
                for kinds in (("INIT",), pair)
            ),
        )
    for first in ("COOKIE_ECHO", "DATA"):
        odd = chunk(first)[:-1] + b"!!!"
        yield Exchange(
            f"SCTP: a {first} of odd length before another chunk",
            given(DR),
            arriving(OUTSIDE, request(V4, "INIT"), request(V4, more=odd + chunk("SHUTDOWN"))),
        )


def of_each_checksum(made: Packet) -> list[Packet]:
    frames = []
    for value in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x12\x34\x56\x78"):
        raw = bytes(made)
        at = 14 + (20 if raw[12:14] == b"\x08\x00" else 40) + 8
        frames.append(Raw(raw[:at] + value + raw[at + 4 :]))
    return frames


def checksums_and_sizes() -> Iterator[Exchange]:
    for family, method in product(FAMILIES, ForwardingMethod):
        yield Exchange(
            f"SCTP IPv{family.version} by {method.value}: checksums, hop counts, cut packets",
            given(method, family),
            arriving(
                OUTSIDE,
                request(family, "INIT"),
                *of_each_checksum(request(family, "DATA")),
                *(request(family, "DATA", hops=hops, tos=0xFF) for hops in (1, 2, 255)),
                *_cut_short(family),
                Raw(bytes(request(family, "DATA")) + b"\1" * 4),
            ),
        )
        yield Exchange(
            f"SCTP IPv{family.version} by {method.value}: sizes",
            given(method, family).with_mtu(1400),
            arriving(
                OUTSIDE,
                request(family, "INIT"),
                *(
                    request(family, "DATA", more=b"x" * (size - family.header - 12 - 20))
                    for size in (1280, 1360, 1380, 1381, 1400, 1401, 1500)
                ),
            ),
        )


def replies() -> Iterator[Exchange]:
    for family in FAMILIES:
        yield Exchange(
            f"SCTP IPv{family.version} replies: checksums and hop counts",
            given(NAT, family),
            (
                *arriving(OUTSIDE, request(family, "INIT")),
                *arriving(
                    INSIDE,
                    response(family, "INIT_ACK"),
                    *of_each_checksum(response(family, "DATA")),
                    *(response(family, "DATA", hops=hops, tos=0xFF) for hops in (1, 2, 255)),
                    response(family, "DATA", more=b"odd"),
                    Raw(bytes(response(family, "SACK")) + b"\1" * 4),
                ),
            ),
        )


def _cut_short(family: Family) -> Iterator[Packet]:
    """Packets whose IP length ends within SCTP's header, or a chunk's."""
    whole = packet(PORT, SERVICE, chunk("DATA"))
    for length in (0, 3, 4, 8, 11, 12, 13, 15, 16):
        yield from_client(family, Raw(whole[:length]), **_of_sctp(family, {}))


def in_fragments() -> Iterator[Exchange]:
    for method in ForwardingMethod:
        large = request(V4, "DATA", more=b"x" * 2000, flags=0)
        pieces = [
            large.__class__(bytes(large)[:14]) / Raw(bytes(each))
            for each in fragments_of(large.payload, 1000)
        ]
        yield Exchange(
            f"SCTP by {method.value}: fragments",
            given(method),
            arriving(OUTSIDE, request(V4, "INIT"), *pieces),
        )
        yield Exchange(
            f"SCTP IPv6 by {method.value}: fragments",
            given(method, V6),
            arriving(OUTSIDE, request(V6, "INIT"), *cut(request(V6, "DATA", more=b"x" * 2000), 1000)),
        )


ERRORS = {
    4: ((3, 0, 0), (3, 1, 0), (3, 2, 0), (3, 3, 0), (3, 4, 1400), (4, 0, 0), (11, 0, 0), (12, 0, 0)),
    6: ((1, 0, 0), (1, 4, 0), (2, 0, 1400), (3, 0, 0), (4, 1, 6)),
}


def about() -> Iterator[Exchange]:
    """ICMP errors about SCTP: from outside about replies, from inside about requests."""
    for method in ForwardingMethod:
        quoted = bytes(ip(V4, V4.vip, V4.client, proto=132) / Raw(packet(SERVICE, PORT, chunk("DATA"))))
        yield Exchange(
            f"SCTP by {method.value}: errors from a router outside",
            given(method),
            arriving(
                OUTSIDE,
                request(V4, "INIT"),
                *(icmp_error(quoted, kind=kind, code=code, mtu=mtu) for kind, code, mtu in ERRORS[4]),
                icmp_error(quoted[:28], kind=3, code=1),
                icmp_error(quoted[:24], kind=3, code=1),
            ),
        )
        quoted = bytes(ip(V6, V6.vip, V6.client, nh=132) / Raw(packet(SERVICE, PORT, chunk("DATA"))))
        yield Exchange(
            f"SCTP IPv6 by {method.value}: errors from a router outside",
            given(method, V6),
            arriving(
                OUTSIDE,
                request(V6, "INIT"),
                *(
                    from_client(V6, error(*each, quoted, V6.router, V6.vip), client=V6.router, nh=58)
                    for each in ERRORS[6]
                ),
            ),
        )


def lives() -> Iterator[Exchange]:
    """A SYN's like on a living connection, and a server deleted."""
    both, one = given(DR, V4, V4.one, V4.two), given(DR, V4, V4.one)
    quiet = given(DR, V4, V4.one, V4.two, weights=(1, 0))
    for what, after in (("deleted", one), ("quiesced", quiet)):
        yield Exchange(
            f"SCTP: the server {what}, and back",
            both,
            (
                *arriving(OUTSIDE, request(V4, "INIT"), request(V4, "COOKIE_ECHO")),
                Apply(after),
                *arriving(OUTSIDE, request(V4, "DATA"), request(V4, "INIT"), request(V4, "DATA")),
                Apply(both),
                *arriving(OUTSIDE, request(V4, "DATA"), request(V4, "INIT", port=40001)),
            ),
        )
    for mode, end in product(range(4), ("INIT", "COOKIE_ECHO", "SHUTDOWN", "ABORT", "SHUTDOWN_COMPLETE")):
        tunables = Tunables(conn_reuse_mode=mode)
        yield Exchange(
            f"SCTP, conn_reuse_mode {mode}: an INIT after {end}",
            given(DR, V4, V4.one, V4.two, tunables=tunables),
            arriving(OUTSIDE, *(request(V4, kind) for kind in ("INIT", "COOKIE_ECHO", end, "INIT", "INIT"))),
        )
    for scheduler in (Scheduler.WLC, Scheduler.SED, Scheduler.LC):
        chosen = to(DR, *V4.servers[:3], port=SERVICE)
        made = service(*chosen, protocol=Protocol.SCTP, port=SERVICE, scheduler=scheduler)
        yield Exchange(
            f"SCTP by {scheduler.value}",
            setting(made),
            arriving(
                OUTSIDE,
                *(
                    request(V4, kind, port=41000 + n)
                    for n in range(6)
                    for kind in (("INIT", "COOKIE_ECHO") if n % 2 else ("INIT",))
                ),
            ),
        )


EXCHANGES = (
    *each_chunk(),
    *first_chunks(),
    *several_chunks(),
    *checksums_and_sizes(),
    *replies(),
    *in_fragments(),
    *about(),
    *lives(),
)
