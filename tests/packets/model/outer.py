# SPDX-License-Identifier: Apache-2.0
"""What an ICMP error teaches the model of the path to a TUN server.

Knows IP in IP of IPv4 alone, as the model does, and how long and how much Linux believes such an error.
"""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP

from director.model import ForwardingMethod, NextHop
from tests.packets.case import Packet
from tests.packets.model.schedulers import Real
from tests.packets.model.table import Flow

LEAST = 552  # net.ipv4.route.min_pmtu
BELIEVED_MS = 600_000  # net.ipv4.route.mtu_expires
IPIP = 4
BALANCED = (6, 17, 132)


def packet_inside(quoted: Packet) -> Packet | None:
    """Return the packet in a quoted tunnel's, if enough of it is there to name its connection."""
    data = bytes(quoted)[20:]
    if (quoted.ihl, quoted.proto, quoted.frag) != (5, IPIP, 0) or len(data) < 20 or data[0] >> 4 != 4:
        return None
    header = (data[0] & 15) * 4
    if header < 20 or len(data) < header + 4:
        return None
    inside = IP(data)
    return inside if inside.proto in BALANCED and not inside.frag else None


def says_too_big(error: Packet) -> bool:
    return (error[ICMP].type, error[ICMP].code) == (3, 4)


def is_ours(flow: Flow, way: NextHop, error: Packet, quoted: Packet) -> bool:
    """Whether this flow's tunnel sends such packets, and was told so itself."""
    if flow.method is not ForwardingMethod.TUN or not flow.real.present:
        return False
    ends = quoted.src, quoted.dst, error[IP].dst
    return ends == (str(way.source), flow.real.address, str(way.source))


def learn(real: Real, way: NextHop, told: int, now: int) -> None:
    """Believe what was told, unless the path was known to be narrower."""
    told = max(told, LEAST)
    if told <= path_mtu(real, way, now):
        real.path = (told, now + BELIEVED_MS)


def path_mtu(real: Real, way: NextHop, now: int) -> int:
    told, until = real.path
    return min(told, way.mtu) if now < until else way.mtu
