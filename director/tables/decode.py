# SPDX-License-Identifier: Apache-2.0
"""Read an image back into nouns, as the data path would: for explanations and for tests.

It trusts the image to be one that the compiler wrote; only the header is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

from netaddr import EUI, IPAddress

from director.model import (
    ForwardingMethod,
    NextHop,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Timeouts,
    Tunables,
)
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
    SERVICE_PROBES,
    TIMEOUT_LINE,
    DestinationFlag,
    Family,
    Timeout,
)
from director.tables.slots import service_hash

_SCHEDULERS = {number: scheduler for scheduler, number in SCHEDULERS.items()}
_METHODS = {number: method for method, number in METHODS.items()}
_PROTOCOLS = {protocol.number: protocol for protocol in Protocol}


@dataclass(frozen=True, slots=True)
class DecodedService:
    """A service's slot with what it refers to. `listed` is (destination id, weight) in list order."""

    key: ServiceKey
    id: int
    scheduler: Scheduler
    flags: frozenset[SchedulerFlag]
    listed: tuple[tuple[int, int], ...]
    lookup: tuple[int, ...]
    stateless: tuple[int, ...]
    wrr_gcd: int
    wrr_max: int


@dataclass(frozen=True, slots=True)
class DecodedDestination:
    """A destination's line; `next_hop` None: unresolved."""

    id: int
    service: int
    address: IPAddress
    port: int
    method: ForwardingMethod
    weight: int
    next_hop: NextHop | None


@dataclass(frozen=True, slots=True)
class DecodedLink:
    """An interface that frames can leave by."""

    index: int
    mac: EUI
    mtu: int


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """All that an image says. Services by key, destinations by id."""

    generation: int
    services: dict[ServiceKey, DecodedService]
    destinations: dict[int, DecodedDestination]
    links: tuple[DecodedLink, ...]
    timeouts: Timeouts
    tunables: Tunables


@dataclass(frozen=True, slots=True)
class _Header:
    generation: int
    service_first: int
    service_mask: int
    dest_first: int
    dest_count: int
    seed: int
    tunables: Tunables
    timeouts_first: int
    links_first: int
    links_count: int


def decode(image: bytes) -> DecodedImage:
    """Read a whole image."""
    header = _header(image)
    services = (_service(image, header.service_first + slot) for slot in range(header.service_mask + 1))
    destinations = (_destination(image, header, number) for number in range(1, header.dest_count))
    return DecodedImage(
        header.generation,
        {service.key: service for service in services if service is not None},
        {destination.id: destination for destination in destinations if destination is not None},
        tuple(_link(image, header.links_first, place) for place in range(header.links_count)),
        _timeouts(image, header.timeouts_first),
        header.tunables,
    )


def find_service(image: bytes, key: ServiceKey) -> DecodedService | None:
    """Look a service up as the data path does: from its home slot on, within the probes."""
    header = _header(image)
    home = service_hash(header.seed, key)
    for probe in range(SERVICE_PROBES):
        found = _service(image, header.service_first + ((home + probe) & header.service_mask))
        if found is not None and found.key == key:
            return found
    return None


def _header(image: bytes) -> _Header:
    magic, version, generation, *numbers = HEADER.unpack_from(image)
    assert (magic, version) == (IMAGE_MAGIC, IMAGE_VERSION), "not a table image of this version"
    lines, service_first, service_mask, dest_first, dest_count, seed = numbers[:6]
    icmp, reuse, nodest, sloppy, _, *last_places = numbers[6:]
    assert len(image) == lines * LINE, f"{len(image)} bytes, but the header tells of {lines} lines"
    tunables = Tunables(reuse, nodest, sloppy, icmp)
    places = (service_first, service_mask, dest_first, dest_count, seed)
    return _Header(generation, *places, tunables, *last_places)


def _service(image: bytes, line: int) -> DecodedService | None:
    fields = SERVICE.unpack_from(image, line * LINE)
    address, port, protocol, family, number, scheduler, flags, count = fields[:8]
    list_first, lookup_first, lookup_size, _, wrr_gcd, wrr_max, stateless_first, stateless_size = fields[8:]
    if family == 0:
        return None
    listed = (LIST_ITEM.unpack_from(image, list_first * LINE + i * LIST_ITEM.size) for i in range(count))
    kind = _SCHEDULERS[scheduler]
    return DecodedService(
        key=ServiceKey(_PROTOCOLS[protocol], _address(address, family), int.from_bytes(port, "big")),
        id=number,
        scheduler=kind,
        flags=frozenset(f for f, bit in SCHEDULER_FLAGS.items() if f.scheduler is kind and flags & bit),
        listed=tuple((item, weight) for item, weight in listed),
        lookup=unpack_from(f"<{lookup_size}I", image, lookup_first * LINE),
        stateless=unpack_from(f"<{stateless_size}I", image, stateless_first * LINE),
        wrr_gcd=wrr_gcd,
        wrr_max=wrr_max,
    )


def _destination(image: bytes, header: _Header, number: int) -> DecodedDestination | None:
    fields = DESTINATION.unpack_from(image, (header.dest_first + number) * LINE)
    service, weight, interface, address, source, source_mac, mac, port, mtu, method, bits, _ = fields
    flags = DestinationFlag(bits)
    if DestinationFlag.PRESENT not in flags:
        return None
    family = Family.IPV6 if DestinationFlag.IPV6 in flags else Family.IPV4
    hop = NextHop(interface, _mac(source_mac), _mac(mac), _address(source, family), mtu)
    return DecodedDestination(
        id=number,
        service=service,
        address=_address(address, family),
        port=int.from_bytes(port, "big"),
        method=_METHODS[method],
        weight=weight,
        next_hop=hop if DestinationFlag.RESOLVED in flags else None,
    )


def _link(image: bytes, first: int, place: int) -> DecodedLink:
    index, mac, mtu = LINK.unpack_from(image, first * LINE + place * LINK.size)
    return DecodedLink(index, _mac(mac), mtu)


def _timeouts(image: bytes, line: int) -> Timeouts:
    values = TIMEOUT_LINE.unpack_from(image, line * LINE)
    return Timeouts(*(value // 1000 for value in values[: Timeout.FRAGMENT]))


def _address(data: bytes, family: int) -> IPAddress:
    if family == Family.IPV6:
        return IPAddress(int.from_bytes(data, "big"), 6)
    return IPAddress(int.from_bytes(data[:4], "big"), 4)


def _mac(data: bytes) -> EUI:
    return EUI(int.from_bytes(data, "big"), 48)
