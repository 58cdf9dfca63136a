# SPDX-License-Identifier: Apache-2.0
"""What many clients of either family send to any port, and servers answer: the frames of features.

headers.py and ipv6.py look at single fields; here frames are plain and only who sends what to whom matters.
"""

from __future__ import annotations

from scapy.layers.inet import TCP, UDP
from scapy.packet import Raw

from tests.interop.exchange import Inject
from tests.interop.families import V4, Family, from_client, from_server
from tests.packets.network import INSIDE, OUTSIDE

PORT = 40000


def segment(
    bits: str, family: Family = V4, *, client: str = "", port: int = PORT, to: int = 80, target: str = ""
) -> Inject:
    layer = TCP(sport=port, dport=to, flags=bits, seq=1000, ack=77000 if "A" in bits else 0, window=64240)
    return Inject(OUTSIDE, bytes(from_client(family, layer, client=client, target=target)))


def datagram(
    family: Family = V4,
    *,
    client: str = "",
    port: int = PORT,
    to: int = 53,
    target: str = "",
    payload: bytes = b"question",
) -> Inject:
    frame = from_client(family, UDP(sport=port, dport=to), Raw(payload), client=client, target=target)
    return Inject(OUTSIDE, bytes(frame))


def answer(
    bits: str,
    family: Family = V4,
    *,
    server: str = "",
    client: str = "",
    sport: int = 8000,
    port: int = PORT,
) -> Inject:
    layer = TCP(sport=sport, dport=port, flags=bits, seq=77000, ack=1001, window=65160)
    return Inject(INSIDE, bytes(from_server(family, layer, server=server, target=client)))


def reply(
    family: Family = V4, *, server: str = "", client: str = "", sport: int = 5300, port: int = PORT
) -> Inject:
    frame = from_server(family, UDP(sport=sport, dport=port), Raw(b"answer"), server=server, target=client)
    return Inject(INSIDE, bytes(frame))


def opened(family: Family = V4, *, client: str = "", port: int = PORT, to: int = 80) -> tuple[Inject, ...]:
    """A connection that is established."""
    return tuple(segment(bits, family, client=client, port=port, to=to) for bits in ("S", "A"))


def closed(family: Family = V4, *, client: str = "", port: int = PORT, to: int = 80) -> tuple[Inject, ...]:
    return (
        *opened(family, client=client, port=port, to=to),
        segment("FA", family, client=client, port=port, to=to),
    )


def clients_of(family: Family, many: int) -> tuple[str, ...]:
    """Neighbouring addresses, from the family's first client on."""
    stem = family.client[: family.client.rindex(":" if family.version == 6 else ".") + 1]
    return tuple(
        f"{stem}{number:x}" if family.version == 6 else f"{stem}{number}" for number in range(1, many + 1)
    )
