# SPDX-License-Identifier: Apache-2.0
"""Write single records of the image: a service's slot, a destination's line, its lists, the header.

Each function turns nouns into whole lines. Where the lines stand in the image is image.py's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

from netaddr import EUI, IPAddress

from director.model import Destination, Link, NextHop, Timeouts, Tunables, VirtualService
from director.tables.layout import (
    DESTINATION,
    HEADER,
    IMAGE_MAGIC,
    IMAGE_VERSION,
    LINE,
    LINK,
    LIST_ITEM,
    METHODS,
    SCHEDULER_FLAGS,
    SCHEDULERS,
    SERVICE,
    TIMEOUT_LINE,
    TIMEOUTS,
    DestinationFlag,
    Family,
)
from director.tables.slots import packed

FRAGMENT_TIMEOUT = 30_000
"""Milliseconds that the later fragments of a datagram may take (the kernel's ipfrag_time)."""

_NO_ADDRESS = bytes(16)
_NO_MAC = bytes(6)


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


def header(generation: int, sections: Sections, tunables: Tunables) -> bytes:
    """Write line 0."""
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
        tunables.sloppy_tcp,
        0,
        sections.timeouts_first,
        sections.links_first,
        sections.links_count,
    )


@dataclass(frozen=True, slots=True)
class ServicePlaces:
    """Where a service's list stands, and its table: the scheduler's own or the stateless choice's."""

    list_first: int
    lookup_first: int
    lookup_size: int
    stateless_first: int
    stateless_size: int


def service_slot(service: VirtualService, number: int, wrr: tuple[int, int], places: ServicePlaces) -> bytes:
    """Write a service's slot of the hash table."""
    key = service.key
    return SERVICE.pack(
        packed(key.address),
        key.port.to_bytes(2, "big"),
        key.protocol.number,
        Family.IPV6 if key.address.version == 6 else Family.IPV4,
        number,
        SCHEDULERS[service.scheduler],
        sum(SCHEDULER_FLAGS[flag] for flag in service.flags if flag.scheduler is service.scheduler),
        len(service.destinations),
        places.list_first,
        places.lookup_first,
        places.lookup_size,
        0,
        *wrr,
        places.stateless_first,
        places.stateless_size,
    )


def destination_line(service: int, destination: Destination, port: int, hop: NextHop | None) -> bytes:
    """Write a destination's line; without a next hop it stands there unresolved."""
    flags = DestinationFlag.PRESENT
    if destination.address.version == 6:
        flags |= DestinationFlag.IPV6
    if hop is not None:
        flags |= DestinationFlag.RESOLVED
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
        0,
    )


def list_lines(ids: Sequence[int], weights: Sequence[int]) -> bytes:
    """Write a service's destinations, given in the order of adding, as the list: the last added first."""
    items = zip(reversed(ids), reversed(weights), strict=True)
    return whole_lines(b"".join(LIST_ITEM.pack(number, weight) for number, weight in items))


def timeout_line(timeouts: Timeouts) -> bytes:
    """Write the line of idle times, in milliseconds."""
    seconds = astuple(timeouts)
    spare = TIMEOUTS - len(seconds) - 1
    return TIMEOUT_LINE.pack(*(1000 * value for value in seconds), FRAGMENT_TIMEOUT, *(0,) * spare)


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
