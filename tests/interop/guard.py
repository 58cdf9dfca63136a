# SPDX-License-Identifier: Apache-2.0
"""The guard's rule in Python: which frames the data path gets to see, and which the host's own stack.

The same decision as director/datapath/guard.bpf.c, made from a setting instead of a map of keys, so that a
director as a whole can be held against a kernel as a whole where no eBPF is.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod
from tests.packets.case import Packet
from tests.packets.network import Setting

RELATED = (3, 4, 11)
Endpoint = tuple[int, str, int]  # protocol, address, port


class Owner(Enum):
    """Whose a frame is; SHARED: the data path decides, and the stack may look."""

    STACK = "stack"
    SHARED = "shared"
    DIRECTOR = "director"


def owner(frame: bytes, setting: Setting, lingering: frozenset[Endpoint] = frozenset()) -> Owner:
    """Say whose a frame is; `lingering`: translated servers that services had and have no more."""
    if frame[12:14] != b"\x08\x00" or len(frame) < 34 or frame[14] >> 4 != 4 or frame[14] & 15 < 5:
        return Owner.STACK
    packet = Ether(frame)[IP]
    if packet.frag:
        return Owner.SHARED if _may_be_ours(packet, setting) else Owner.STACK
    if packet.proto == 1:
        return Owner.SHARED if _quotes_ours(packet, setting) else Owner.STACK
    source, target = ends(packet)
    known = target in services(setting) or source in translated(setting) | lingering
    return Owner.DIRECTOR if known else Owner.STACK


def services(setting: Setting) -> frozenset[Endpoint]:
    keys = (service.key for service in setting.configuration.services)
    return frozenset((key.protocol.number, str(key.address), key.port) for key in keys)


def translated(setting: Setting) -> frozenset[Endpoint]:
    """Return the servers' ends of what NAT rewrites."""
    return frozenset(
        (service.key.protocol.number, str(destination.address), destination.port)
        for service in setting.configuration.services
        for destination in service.destinations
        if destination.method is ForwardingMethod.NAT
    )


def lingering(before: Setting, after: Setting) -> frozenset[Endpoint]:
    """Return the servers' ends that a setting lost whose services it kept."""
    kept = {service.key for service in after.configuration.services}
    services_left = tuple(service for service in before.configuration.services if service.key in kept)
    left = replace(before, configuration=replace(before.configuration, services=services_left))
    return translated(left) - translated(after)


def ends(packet: Packet) -> tuple[Endpoint, Endpoint]:
    ports = bytes(packet)[packet.ihl * 4 :][:4]
    source, target = int.from_bytes(ports[:2], "big"), int.from_bytes(ports[2:], "big")
    return (packet.proto, packet.src, source), (packet.proto, packet.dst, target)


def _may_be_ours(packet: Packet, setting: Setting) -> bool:
    to = {address for _, address, _ in services(setting)}
    of = {address for _, address, _ in translated(setting)}
    return packet.dst in to or packet.src in of


def _quotes_ours(packet: Packet, setting: Setting) -> bool:
    body = bytes(packet)[packet.ihl * 4 :]
    if ICMP not in packet or len(body) < 8 + 20 or body[0] not in RELATED or body[8] >> 4 != 4:
        return False
    quoted = IP(body[8:])
    if quoted.proto not in (6, 17) or len(body) < 8 + quoted.ihl * 4 + 4:
        return False
    source, target = ends(quoted)
    if quoted.frag:
        return source[1] in {address for _, address, _ in services(setting)}
    return source in services(setting) or target in translated(setting)
