# SPDX-License-Identifier: Apache-2.0
"""Write single records of the image: a service's slot, a destination's line, its lists, the header.

Each function turns nouns into whole lines. Where the lines stand in the image is image.py's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

from netaddr import EUI, IPAddress

from director.model import (
    Destination,
    ForwardingMethod,
    Link,
    MarkRule,
    NextHop,
    OwnAddress,
    Protocol,
    Timeouts,
    Tunables,
    TunnelChecksum,
    TunnelType,
    VirtualService,
    Way,
)
from director.tables.layout import (
    DESTINATION,
    DETAILS,
    HEADER,
    IMAGE_MAGIC,
    IMAGE_VERSION,
    LIMIT,
    LINE,
    LINK,
    LIST_ITEM,
    MARK,
    METHODS,
    OPTIONS,
    SCHEDULER_FLAGS,
    SCHEDULERS,
    SERVICE,
    TIMEOUT_SET,
    TIMEOUTS,
    DestinationFlag,
    Family,
    ServiceFlag,
    Switch,
    Timeout,
    Wide,
)
from director.tables.slots import packed

FRAGMENT_TIMEOUT = 30_000
"""Milliseconds that the later fragments of a datagram may take (the kernel's ipfrag_time)."""

FTP_PORT = 21

_NO_ADDRESS = bytes(16)
_NO_MAC = bytes(6)
_TUNNEL_TYPES = {
    TunnelType.IPIP: DestinationFlag(0),
    TunnelType.GRE: DestinationFlag.GRE,
    TunnelType.GUE: DestinationFlag.GUE,
}
_TUNNEL_CHECKSUMS = {
    TunnelChecksum.NONE: DestinationFlag(0),
    TunnelChecksum.CHECKSUM: DestinationFlag.CHECKSUM,
    TunnelChecksum.REMOTE: DestinationFlag.REMOTE,
}


@dataclass(frozen=True, slots=True)
class Sections:
    """At which line each part of an image begins, and how large it is."""

    lines: int
    service_first: int
    service_mask: int
    seed: int
    dest_first: int
    dest_count: int
    timeouts_first: int
    links_first: int
    links_count: int
    options: int


def wide(services: Sequence[VirtualService], *, marked: bool) -> Wide:
    """Tell how these services are found; `marked`: there are rules by which a packet has a mark."""
    found = Wide.MARK if marked and any(service.key.mark for service in services) else Wide(0)
    if any(not service.key.mark and service.key.port == 0 for service in services):
        found |= Wide.ANY_PORT
    if any(_is_ftp(service) and (service.persistence or found & Wide.ANY_PORT) for service in services):
        found |= Wide.FTP
    return found


def _is_ftp(service: VirtualService) -> bool:
    return service.key.protocol is Protocol.TCP and service.key.port == FTP_PORT


def header(generation: int, sections: Sections, tunables: Tunables, found: Wide = Wide(0)) -> bytes:  # noqa: B008
    """Write line 0; services are found by what `found` says."""
    return HEADER.pack(
        IMAGE_MAGIC,
        IMAGE_VERSION,
        generation,
        sections.lines,
        sections.service_first,
        sections.service_mask,
        sections.dest_first,
        sections.dest_count,
        sections.seed,
        tunables.icmp_msgs_per_sec,
        tunables.conn_reuse_mode,
        tunables.expire_nodest_conn,
        _switches(tunables),
        found,
        sections.timeouts_first,
        sections.links_first,
        sections.links_count,
        sections.options,
    )


def _switches(tunables: Tunables) -> Switch:
    on = Switch.SLOPPY_TCP if tunables.sloppy_tcp else Switch(0)
    on |= Switch.SECURE_TCP if tunables.secure_tcp else Switch(0)
    on |= Switch.NAT_ICMP_SEND if tunables.nat_icmp_send else Switch(0)
    return on | (Switch.DROP_PACKET if tunables.drop_packet else Switch(0))


def options_line(
    tunables: Tunables, marks: tuple[int, int], limits: tuple[int, int], servers: tuple[int, int] = (0, 0)
) -> bytes:
    """Write the line of options. `marks` and `limits` are (first line, how many), `servers` is (first line,
    slots - 1).
    """
    return OPTIONS.pack(
        tunables.expire_quiescent_template,
        tunables.sloppy_sctp,
        tunables.drop_entry,
        tunables.drop_packet,
        tunables.secure_tcp,
        tunables.nat_icmp_send,
        tunables.pmtu_disc,
        tunables.schedule_icmp,
        tunables.am_droprate,
        tunables.amemthresh,
        1000 * tunables.lblc_expiration,
        1000 * tunables.lblcr_expiration,
        *marks,
        *limits,
        *servers,
    )


@dataclass(frozen=True, slots=True)
class ServicePlaces:
    """Where a service's parts stand: its list, its table (the scheduler's own or the stateless choice's), its
    details; and which set of timeouts is its own. 0: none.
    """

    list_first: int
    lookup_first: int
    lookup_size: int
    stateless_first: int
    stateless_size: int
    details: int = 0
    timeouts: int = 0


def service_slot(
    service: VirtualService, number: int, wrr: tuple[int, int], places: ServicePlaces, *, gone: bool = False
) -> bytes:
    """Write a service's slot of the hash table."""
    key = service.key
    return SERVICE.pack(
        packed(key.address),
        key.port.to_bytes(2, "big"),
        0 if key.mark else key.protocol.number,
        Family.IPV6 if key.address.version == 6 else Family.IPV4,
        number,
        SCHEDULERS[service.scheduler],
        _service_flags(service) | (ServiceFlag.GONE if gone else 0),
        len(service.destinations),
        places.list_first,
        places.lookup_first,
        places.lookup_size,
        places.timeouts,
        *wrr,
        places.stateless_first,
        places.stateless_size,
        places.details,
    )


def _service_flags(service: VirtualService) -> int:
    flags = ServiceFlag(0)
    if service.persistence is not None:
        flags |= ServiceFlag.PERSISTENT
    if service.one_packet:
        flags |= ServiceFlag.ONE_PACKET
    if service.key.mark:
        flags |= ServiceFlag.MARK
    return flags | sum(SCHEDULER_FLAGS[flag] for flag in service.flags if flag.scheduler is service.scheduler)


def has_details(service: VirtualService) -> bool:
    """Tell whether a service needs a line of details."""
    return service.persistence is not None or service.key.mark != 0


def details_line(service: VirtualService) -> bytes:
    """Write what few services have: persistence and firewall mark."""
    held = service.persistence
    whole = IPAddress("255.255.255.255" if service.key.address.version == 4 else "ff" * 2 + ":ffff" * 7)
    mask = packed(held.mask or whole) if held is not None else _NO_ADDRESS
    return DETAILS.pack(mask, 1000 * held.timeout if held is not None else 0, service.key.mark)


def mark_lines(rules: Sequence[tuple[MarkRule, int]]) -> bytes:
    """Write mark rules, each with the line of the service that it leads to, 0 for none."""
    return whole_lines(
        b"".join(
            MARK.pack(
                packed(IPAddress(rule.network.first, rule.network.version)),
                rule.network.prefixlen,
                rule.protocol.number if rule.protocol is not None else 0,
                Family.IPV6 if rule.network.version == 6 else Family.IPV4,
                rule.first_port,
                rule.last_port,
                line,
            )
            for rule, line in rules
        )
    )


def limit_lines(limits: Sequence[tuple[int, int, int]]) -> bytes:
    """Write thresholds: (destination id, upper, lower)."""
    return whole_lines(b"".join(LIMIT.pack(*each) for each in limits))


def _destination_flags(destination: Destination, way: Way | None) -> DestinationFlag:
    flags = DestinationFlag.PRESENT
    if destination.address.version == 6:
        flags |= DestinationFlag.IPV6
    if way is not None:
        flags |= DestinationFlag.RESOLVED
    if isinstance(way, OwnAddress):
        flags |= DestinationFlag.LOCAL
    if destination.method is ForwardingMethod.TUN:
        flags |= _TUNNEL_TYPES[destination.tunnel.type] | _TUNNEL_CHECKSUMS[destination.tunnel.checksum]
    return flags


def destination_line(
    service: int, timeouts: int, destination: Destination, port: int, way: Way | None
) -> bytes:
    """Write a destination's line; without a way to it it stands there unresolved.

    `timeouts` is its service's set.
    """
    flags = _destination_flags(destination, way)
    hop = way if isinstance(way, NextHop) else None
    if destination.method is ForwardingMethod.TUN and destination.tunnel.type is TunnelType.GUE:
        port = destination.tunnel.port
    return DESTINATION.pack(
        service,
        destination.weight,
        hop.interface if hop is not None else 0,
        _packed_once(destination.address),
        _packed_once(hop.source) if hop is not None else _NO_ADDRESS,
        _mac_once(hop.source_mac) if hop is not None else _NO_MAC,
        _mac_once(hop.destination_mac) if hop is not None else _NO_MAC,
        port.to_bytes(2, "big"),
        _mtu(hop.mtu) if hop is not None else 0,
        METHODS[destination.method],
        flags,
        timeouts,
    )


def list_lines(ids: Sequence[int], weights: Sequence[int]) -> bytes:
    """Write a service's destinations, given in the order of adding, as the list: the last added first."""
    items = zip(reversed(ids), reversed(weights), strict=True)
    return whole_lines(b"".join(LIST_ITEM.pack(number, weight) for number, weight in items))


def timeout_set(timeouts: Timeouts) -> bytes:
    """Write a set of idle times, in milliseconds."""
    places = [0] * TIMEOUTS
    places[Timeout.FRAGMENT] = FRAGMENT_TIMEOUT
    for each in fields(Timeouts):
        places[Timeout[each.name.upper()]] = 1000 * getattr(timeouts, each.name)
    return TIMEOUT_SET.pack(*places)


def link_lines(links: Sequence[Link]) -> bytes:
    """Write the interfaces that frames can leave by."""
    packed_links = (LINK.pack(link.index, _mac_once(link.mac), _mtu(link.mtu)) for link in links if link.mac)
    return whole_lines(b"".join(packed_links))


def whole_lines(data: bytes) -> bytes:
    """Fill the last line up with zeros."""
    return data.ljust(-(-len(data) // LINE) * LINE, b"\0")


def _mtu(mtu: int) -> int:
    """Fit an MTU into 16 bits: no IP packet is larger."""
    return min(mtu, 0xFFFF)


@lru_cache(maxsize=4096)
def _packed_once(address: IPAddress) -> bytes:
    return packed(address)


@lru_cache(maxsize=4096)
def _mac_once(mac: EUI) -> bytes:
    return mac.packed
