# SPDX-License-Identifier: Apache-2.0
"""Read an image back into nouns, as the data path would: for explanations and for tests.

It trusts the image to be one that the compiler wrote; only the header is checked.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from struct import unpack_from

from netaddr import EUI, IPAddress, IPNetwork

from director.model import (
    ForwardingMethod,
    MarkRule,
    NextHop,
    OwnAddress,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
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
    SERVER,
    SERVICE,
    SERVICE_PROBES,
    TIMEOUT_SET,
    DestinationFlag,
    Family,
    ServiceFlag,
    Switch,
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
    persistence: Persistence | None
    one_packet: bool
    timeouts: Timeouts
    listed: tuple[tuple[int, int], ...]
    lookup: tuple[int, ...]
    stateless: tuple[int, ...]
    wrr_gcd: int
    wrr_max: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class DecodedDestination:
    """A destination's line; `next_hop` None: unresolved."""

    id: int
    service: int
    address: IPAddress
    port: int
    method: ForwardingMethod
    tunnel: Tunnel
    weight: int
    next_hop: Way | None


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
    marks: tuple[MarkRule, ...]
    limits: dict[int, tuple[int, int]]
    servers: frozenset[tuple[int, int, int]] = frozenset()
    """NAT's destinations as sources of packets, where these are told: (id, port, protocol)."""


@dataclass(frozen=True, slots=True)
class _Options:
    tunables: Tunables
    marks_first: int
    marks_count: int
    limits_first: int
    limits_count: int
    servers_first: int
    servers_mask: int


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
    options: int


def decode(image: bytes) -> DecodedImage:
    """Read a whole image."""
    header = _header(image)
    options = _options(image, header)
    services = (
        _service(image, header, header.service_first + slot) for slot in range(header.service_mask + 1)
    )
    destinations = (_destination(image, header, number) for number in range(1, header.dest_count))
    return DecodedImage(
        header.generation,
        {service.key: service for service in services if service is not None},
        {destination.id: destination for destination in destinations if destination is not None},
        tuple(_link(image, header.links_first, place) for place in range(header.links_count)),
        _timeouts(image, header, 0),
        options.tunables,
        tuple(_mark(image, options.marks_first, place) for place in range(options.marks_count)),
        dict(_limit(image, options.limits_first, place) for place in range(options.limits_count)),
        _servers(image, options),
    )


def find_service(image: bytes, key: ServiceKey) -> DecodedService | None:
    """Look a service up as the data path does: from its home slot on, within the probes."""
    header = _header(image)
    home = service_hash(header.seed, key)
    for probe in range(SERVICE_PROBES):
        found = _service(image, header, header.service_first + ((home + probe) & header.service_mask))
        if found is not None and found.key == key:
            return found
    return None


def _header(image: bytes) -> _Header:
    magic, version, generation, *numbers = HEADER.unpack_from(image)
    assert (magic, version) == (IMAGE_MAGIC, IMAGE_VERSION), "not a table image of this version"
    lines, service_first, service_mask, dest_first, dest_count, seed = numbers[:6]
    icmp, reuse, nodest, switches, _, *last_places = numbers[6:]
    sloppy = int(Switch.SLOPPY_TCP in Switch(switches))
    assert len(image) == lines * LINE, f"{len(image)} bytes, but the header tells of {lines} lines"
    tunables = Tunables(
        conn_reuse_mode=reuse, expire_nodest_conn=nodest, sloppy_tcp=sloppy, icmp_msgs_per_sec=icmp
    )
    places = (service_first, service_mask, dest_first, dest_count, seed)
    return _Header(generation, *places, tunables, *last_places)


def _options(image: bytes, header: _Header) -> _Options:
    quiescent, sctp, entry, packet, secure, send, pmtu, schedule, *numbers = OPTIONS.unpack_from(
        image, header.options * LINE
    )
    rate, threshold, lblc, lblcr, *places = numbers
    tunables = replace(
        header.tunables,
        expire_quiescent_template=quiescent,
        sloppy_sctp=sctp,
        drop_entry=entry,
        drop_packet=packet,
        secure_tcp=secure,
        nat_icmp_send=send,
        pmtu_disc=pmtu,
        schedule_icmp=schedule,
        am_droprate=rate,
        amemthresh=threshold,
        lblc_expiration=lblc // 1000,
        lblcr_expiration=lblcr // 1000,
    )
    return _Options(tunables, *places)


def _service(image: bytes, header: _Header, line: int) -> DecodedService | None:
    fields = SERVICE.unpack_from(image, line * LINE)
    address, port, protocol, family, number, scheduler, flags, count = fields[:8]
    list_first, lookup_first, lookup_size, timeouts, wrr_gcd, wrr_max, *rest = fields[8:]
    stateless_first, stateless_size, details = rest
    if family == 0:
        return None
    listed = (LIST_ITEM.unpack_from(image, list_first * LINE + i * LIST_ITEM.size) for i in range(count))
    kind = _SCHEDULERS[scheduler]
    persistence, mark = _details(image, details, family)
    return DecodedService(
        key=ServiceKey(
            Protocol.TCP if mark else _PROTOCOLS[protocol],
            _address(address, family),
            int.from_bytes(port, "big"),
            mark,
        ),
        id=number,
        scheduler=kind,
        flags=frozenset(f for f, bit in SCHEDULER_FLAGS.items() if f.scheduler is kind and flags & bit),
        persistence=persistence,
        one_packet=ServiceFlag.ONE_PACKET in ServiceFlag(flags & ~3),
        timeouts=_timeouts(image, header, timeouts),
        listed=tuple((item, weight) for item, weight in listed),
        lookup=unpack_from(f"<{lookup_size}I", image, lookup_first * LINE),
        stateless=unpack_from(f"<{stateless_size}I", image, stateless_first * LINE),
        wrr_gcd=wrr_gcd,
        wrr_max=wrr_max,
        gone=ServiceFlag.GONE in ServiceFlag(flags & ~3),
    )


def _details(image: bytes, line: int, family: int) -> tuple[Persistence | None, int]:
    """Read a service's persistence and mark. A whole mask is the same as none."""
    if line == 0:
        return None, 0
    mask, held, mark = DETAILS.unpack_from(image, line * LINE)
    found = _address(mask, family)
    whole = int(found) == 2 ** (32 if family == Family.IPV4 else 128) - 1
    return (Persistence(held // 1000, None if whole else found) if held else None), mark


def _mark(image: bytes, first: int, place: int) -> MarkRule:
    """Read a rule; its mark is 0 where no service has it."""
    network, prefix, protocol, family, first_port, last_port, line = MARK.unpack_from(
        image, first * LINE + place * MARK.size
    )
    details = SERVICE.unpack_from(image, line * LINE)[-1] if line else 0
    return MarkRule(
        DETAILS.unpack_from(image, details * LINE)[2] if line else 0,
        IPNetwork(f"{_address(network, family)}/{prefix}"),
        _PROTOCOLS.get(protocol),
        first_port,
        last_port,
    )


def _limit(image: bytes, first: int, place: int) -> tuple[int, tuple[int, int]]:
    number, upper, lower = LIMIT.unpack_from(image, first * LINE + place * LIMIT.size)
    return number, (upper, lower)


def _servers(image: bytes, options: _Options) -> frozenset[tuple[int, int, int]]:
    if not options.tunables.nat_icmp_send:
        return frozenset()
    first = options.servers_first * LINE
    slots = (SERVER.unpack_from(image, first + i * SERVER.size) for i in range(options.servers_mask + 1))
    return frozenset((number, int.from_bytes(port, "big"), kind) for number, port, kind in slots if number)


def _destination(image: bytes, header: _Header, number: int) -> DecodedDestination | None:
    fields = DESTINATION.unpack_from(image, (header.dest_first + number) * LINE)
    service, weight, interface, address, source, source_mac, mac, port, mtu, method, bits, _ = fields
    flags = DestinationFlag(bits)
    if DestinationFlag.PRESENT not in flags:
        return None
    family = Family.IPV6 if DestinationFlag.IPV6 in flags else Family.IPV4
    hop: Way = NextHop(interface, _mac(source_mac), _mac(mac), _address(source, family), mtu)
    if DestinationFlag.LOCAL in flags:
        hop = OwnAddress()
    return DecodedDestination(
        id=number,
        service=service,
        address=_address(address, family),
        port=int.from_bytes(port, "big"),
        method=_METHODS[method],
        tunnel=_tunnel(flags, int.from_bytes(port, "big")),
        weight=weight,
        next_hop=hop if DestinationFlag.RESOLVED in flags else None,
    )


def _link(image: bytes, first: int, place: int) -> DecodedLink:
    index, mac, mtu = LINK.unpack_from(image, first * LINE + place * LINK.size)
    return DecodedLink(index, _mac(mac), mtu)


def _timeouts(image: bytes, header: _Header, number: int) -> Timeouts:
    values = TIMEOUT_SET.unpack_from(image, header.timeouts_first * LINE + number * TIMEOUT_SET.size)
    return Timeouts(**{each.name: values[Timeout[each.name.upper()]] // 1000 for each in fields(Timeouts)})


def _tunnel(flags: DestinationFlag, port: int) -> Tunnel:
    checksum = TunnelChecksum.CHECKSUM if DestinationFlag.CHECKSUM in flags else TunnelChecksum.NONE
    if DestinationFlag.GRE in flags:
        return Tunnel(TunnelType.GRE, 0, checksum)
    if DestinationFlag.GUE in flags:
        remote = DestinationFlag.REMOTE in flags
        return Tunnel(TunnelType.GUE, port, TunnelChecksum.REMOTE if remote else checksum)
    return Tunnel()


def _address(data: bytes, family: int) -> IPAddress:
    if family == Family.IPV6:
        return IPAddress(int.from_bytes(data, "big"), 6)
    return IPAddress(int.from_bytes(data[:4], "big"), 4)


def _mac(data: bytes) -> EUI:
    return EUI(int.from_bytes(data, "big"), 48)
