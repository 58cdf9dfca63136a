# SPDX-License-Identifier: Apache-2.0
"""The guard's rule in Python: which frames the data path gets to see, and which the host's own stack.

The same decision as director/datapath/guard.bpf.c, made from a setting instead of a map of keys, so that a
director as a whole can be held against a kernel as a whole where no eBPF is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from netaddr import IPAddress

from director.model import ForwardingMethod, MarkRule
from tests.interop.families import FAMILIES
from tests.interop.parsed import ICMP, ICMPV6, WITH_PORTS, Endpoint, Parsed
from tests.interop.parsed import frame as parsed
from tests.packets.network import Setting

ANY_PORT = 0
OWN_ADDRESSES = frozenset(address for family in FAMILIES for address in (family.director, family.vip))
DIRECTORS = frozenset(family.director for family in FAMILIES)


class Owner(Enum):
    """Whose a frame is; SHARED: the data path decides, and the stack may look."""

    STACK = "stack"
    SHARED = "shared"
    DIRECTOR = "director"


def owner(frame: bytes, setting: Setting, lingering: frozenset[Endpoint] = frozenset()) -> Owner:
    """Say whose a frame is; `lingering`: translated servers that services had and have no more.

    A service that was deleted still has its packets (`with_deleted`).
    """
    packet = parsed(frame)
    if packet is None:
        return Owner.STACK
    if packet.offset or (packet.more and not packet.has_ports()):
        return Owner.SHARED if _may_be_ours(packet, setting) else Owner.STACK
    if packet.protocol in (ICMP, ICMPV6):
        return Owner.SHARED if _quotes_ours(packet, setting) else Owner.STACK
    if packet.protocol not in WITH_PORTS:
        return Owner.STACK
    source, target = packet.ends()
    known = is_served(target, setting) or (
        is_among(source, translated(setting) | lingering) and packet.target not in OWN_ADDRESSES
    )
    return Owner.DIRECTOR if known else Owner.STACK


def is_among(end: Endpoint, ends: Iterable[Endpoint]) -> bool:
    """Whether these ends have this one, or its address with every port."""
    protocol, address, _ = end
    return end in ends or (protocol, address, ANY_PORT) in ends


def is_served(end: Endpoint, setting: Setting) -> bool:
    return is_among(end, services(setting)) or any(fits(end, rule) for rule in marked(setting))


def services(setting: Setting) -> frozenset[Endpoint]:
    keys = (service.key for service in setting.configuration.services)
    return frozenset((key.protocol.number, str(key.address), key.port) for key in keys if not key.mark)


def marked(setting: Setting) -> tuple[MarkRule, ...]:
    """Return the rules whose mark has a service of their family."""
    keys = {(s.key.mark, s.key.address.version) for s in setting.configuration.services if s.key.mark}
    return tuple(r for r in setting.configuration.marks if (r.mark, r.network.version) in keys)


def fits(end: Endpoint, rule: MarkRule) -> bool:
    protocol, address, port = end
    right = rule.protocol is None or rule.protocol.number == protocol
    return right and IPAddress(address) in rule.network and rule.first_port <= port <= rule.last_port


def has_local_node(setting: Setting) -> bool:
    """Whether some destination is the director itself, so that its stack has the last word."""
    servers = (each for service in setting.configuration.services for each in service.destinations)
    return any(str(each.address) in OWN_ADDRESSES for each in servers)


def translated(setting: Setting) -> frozenset[Endpoint]:
    """Return the servers' ends of what NAT rewrites."""
    return frozenset(
        (protocol, str(destination.address), destination.port)
        for service in setting.configuration.services
        for destination in service.destinations
        if destination.method is ForwardingMethod.NAT
        for protocol in (WITH_PORTS if service.key.mark else (service.key.protocol.number,))
    )


def lingering(before: Setting, after: Setting) -> frozenset[Endpoint]:
    """Return the servers' ends that a setting lost."""
    return translated(before) - translated(after)


def with_deleted(before: Setting, after: Setting) -> Setting:
    """Return a setting with the services besides that the one before it had: servers they have no more."""
    kept = {service.key for service in after.configuration.services}
    gone = tuple(
        replace(service, destinations=())
        for service in before.configuration.services
        if service.key not in kept
    )
    wanted = after.configuration
    return replace(after, configuration=replace(wanted, services=(*wanted.services, *gone)))


def _may_be_ours(packet: Parsed, setting: Setting) -> bool:
    to = {address for _, address, _ in services(setting)}
    of = {address for _, address, _ in translated(setting)}
    in_rule = any(IPAddress(packet.target) in rule.network for rule in marked(setting))
    return packet.target in to or packet.source in of or in_rule


def _quotes_ours(packet: Parsed, setting: Setting) -> bool:
    quoted = packet.quoted()
    if quoted is None:
        return False
    inside = quoted.tunnelled()
    if inside is not None and quoted.source in DIRECTORS and not quoted.offset:
        return inside.target in {address for _, address, _ in services(setting)}
    if quoted.protocol not in WITH_PORTS:
        return False
    if quoted.offset:
        return quoted.source in {address for _, address, _ in services(setting)}
    if not quoted.has_ports():
        return False
    source, target = quoted.ends()
    return is_served(source, setting) or is_among(target, translated(setting))
