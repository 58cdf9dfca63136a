# SPDX-License-Identifier: Apache-2.0
"""Compile services, ids and next hops into the table image.

The compiler keeps each service's lines and writes anew only what changed, so that an image after one change
costs little more than copying it. It decides nothing: which ids and next hops there are, it is told. The same
services in the same order under the same ids give the same bytes, whatever way led there. The order of parts:
header, options, services, destinations, lists, look-ups, links, timeouts, details, marks, limits, servers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from netaddr import IPAddress

from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    MarkRule,
    OwnAddress,
    ServiceKey,
    Timeouts,
    Tunables,
    VirtualService,
    Way,
)
from director.scheduling.weighted_round_robin import level_step
from director.tables.ids import IdRegistry, ServiceIds
from director.tables.layout import LINE, MAX_LINKS, SERVER, Wide
from director.tables.lookup import LookupInput, lookup_input, lookup_lines, lookup_size, stateless_size
from director.tables.records import (
    FTP_PORT,
    Sections,
    ServicePlaces,
    destination_line,
    details_line,
    has_details,
    header,
    limit_lines,
    link_lines,
    list_lines,
    mark_lines,
    options_line,
    service_slot,
    timeout_set,
    wide,
)
from director.tables.servers import Server, server_lines
from director.tables.slots import Placement, place

OPTIONS_LINE = 1
SERVICES_FIRST = 2

Overrides = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one service adds to the image, but for the places where it stands."""

    service: VirtualService
    ids: ServiceIds
    wrr: tuple[int, int]
    lists: bytes
    lookup_input: LookupInput
    lookup: bytes
    gone: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A destination as its line tells it; `timeouts` are its service's own."""

    service: int
    timeouts: Overrides
    destination: Destination
    port: int
    translated: bool


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last part of an image: its lines, where marks and limits stand (first line, how many) and servers
    (first line, slots - 1), and the services' places made whole.
    """

    places: list[ServicePlaces]
    lines: bytes
    marks: tuple[int, int]
    limits: tuple[int, int]
    servers: tuple[int, int]


class ImageCompiler:
    """The content of the next image, kept ready to be written."""

    def __init__(self) -> None:
        self._chunks: dict[ServiceKey, _Chunk] = {}
        self._rows: dict[int, _Row] = {}
        self._limited: set[int] = set()
        self._by_address: dict[IPAddress, set[int]] = {}
        self._next_hops: dict[IPAddress, Way] = {}
        self._destination_lines = bytearray(LINE)
        self._placement: Placement | None = None
        self._links: tuple[Link, ...] = ()
        self._timeouts = Timeouts()
        self._tunables = Tunables()
        self._marks: tuple[MarkRule, ...] = ()
        self._sets: tuple[Overrides, ...] = ((),)

    def set_options(self, timeouts: Timeouts, tunables: Tunables, marks: tuple[MarkRule, ...] = ()) -> None:
        """Take the idle times, the behaviour switches and the mark rules."""
        self._timeouts, self._tunables, self._marks = timeouts, tunables, marks

    def set_links(self, links: Iterable[Link]) -> None:
        """Take the interfaces; frames can leave by those that are up and have a MAC, up to 256 of them."""
        usable = (link for link in links if link.up and link.mac is not None)
        self._links = tuple(sorted(usable, key=lambda link: link.index)[:MAX_LINKS])

    def set_service(self, service: VirtualService, ids: ServiceIds, *, gone: bool = False) -> None:
        """Take a new service, or one that changed; `gone`: deleted, and connections may refer to it."""
        old = self._chunks.get(service.key)
        if old is None:
            self._placement = None
        else:
            self._drop_rows(frozenset(old.ids.destinations) - frozenset(ids.destinations))
        for number, destination in zip(ids.destinations, service.destinations, strict=True):
            self._set_row(number, _row(ids.service, service, destination))
        self._chunks[service.key] = _chunk(service, ids, old, gone=gone)

    def remove_service(self, key: ServiceKey) -> None:
        """Forget a service and its destinations."""
        self._drop_rows(frozenset(self._chunks.pop(key).ids.destinations))
        self._placement = None

    def set_next_hop(self, address: IPAddress, hop: Way | None) -> None:
        """Take the way to an address, or that there is none."""
        if hop is None:
            self._next_hops.pop(address, None)
        else:
            self._next_hops[address] = hop
        for number in self._by_address.get(address, ()):
            self._write_row(number)

    def image(self, generation: int) -> bytes:
        """Write the image."""
        if self._placement is None:
            self._placement = place(tuple(self._chunks))
        self._number_sets()
        first = SERVICES_FIRST + len(self._placement.slots)
        count = 1 + max(self._rows, default=0)
        places, links_first = self._places(first + count)
        links = link_lines(self._links)
        timeouts_first = links_first + len(links) // LINE
        tail = self._tail(places, timeouts_first)
        sections = Sections(
            lines=timeouts_first + len(tail.lines) // LINE,
            service_first=SERVICES_FIRST,
            service_mask=self._placement.mask,
            seed=self._placement.seed,
            dest_first=first,
            dest_count=count,
            timeouts_first=timeouts_first,
            links_first=links_first,
            links_count=len(self._links),
            options=OPTIONS_LINE,
        )
        return b"".join(
            (
                header(generation, sections, self._tunables, self._wide()),
                options_line(self._tunables, tail.marks, tail.limits, tail.servers),
                self._slots(self._placement, tail.places),
                memoryview(self._destination_lines)[: count * LINE],
                *(chunk.lists for chunk in self._chunks.values()),
                *(chunk.lookup for chunk in self._chunks.values()),
                links,
                tail.lines,
            )
        )

    def _tail(self, places: Sequence[ServicePlaces], first: int) -> _Tail:
        """Write what few services have, from the timeouts at line `first` on."""
        services = [chunk.service for chunk in self._chunks.values()]
        timeouts = b"".join(timeout_set(replace(self._timeouts, **dict(each))) for each in self._sets)
        line = first + len(timeouts) // LINE
        details: list[bytes] = []
        found: list[ServicePlaces] = []
        for service, known in zip(services, places, strict=True):
            at = line + len(details) if has_details(service) else 0
            found.append(replace(known, details=at, timeouts=self._set_of(service.timeouts)))
            details += [details_line(service)] if at else []
        marked, limited = self._marked(), self._limits()
        marks, limits, servers = mark_lines(marked), limit_lines(limited), self._servers()
        marks_first = line + len(details)
        limits_first = marks_first + len(marks) // LINE
        return _Tail(
            found,
            b"".join((timeouts, *details, marks, limits, servers)),
            (marks_first, len(marked)),
            (limits_first, len(limited)),
            (limits_first + len(limits) // LINE, len(servers) // SERVER.size - 1) if servers else (0, 0),
        )

    def _servers(self) -> bytes:
        """Write the table of NAT's destinations, if they are asked for."""
        assert self._placement is not None
        if not self._tunables.nat_icmp_send:
            return b""
        return server_lines(
            [
                Server(
                    number, each.address, each.port, 0 if service.key.mark else service.key.protocol.number
                )
                for service, ids in ((chunk.service, chunk.ids) for chunk in self._chunks.values())
                for number, each in zip(ids.destinations, service.destinations, strict=True)
                if each.method is ForwardingMethod.NAT
            ],
            self._placement.seed,
        )

    def _marked(self) -> list[tuple[MarkRule, int]]:
        """List the mark rules with the line of the slot of the service that has the mark, 0 for none."""
        assert self._placement is not None
        keys = tuple(self._chunks)
        lines = {
            (keys[position].mark, keys[position].address.version): SERVICES_FIRST + slot
            for slot, position in enumerate(self._placement.slots)
            if position is not None and keys[position].mark
        }
        return [(rule, lines.get((rule.mark, rule.network.version), 0)) for rule in self._marks]

    def _wide(self) -> Wide:
        return wide([chunk.service for chunk in self._chunks.values()], marked=bool(self._marks))

    def _limits(self) -> list[tuple[int, int, int]]:
        limited = ((number, self._rows[number].destination) for number in sorted(self._limited))
        return [(number, each.upper, each.lower) for number, each in limited]

    def _number_sets(self) -> None:
        """Give each different set of timeouts a number, in the services' order; set 0 is for the others."""
        sets = tuple(dict.fromkeys(((), *(chunk.service.timeouts for chunk in self._chunks.values()))))
        if sets != self._sets:
            self._sets = sets
            for number, row in self._rows.items():
                if row.timeouts:
                    self._write_row(number)

    def _set_of(self, timeouts: Overrides) -> int:
        """Return the number of a set; 0 while it has none: its lines are written again then."""
        return self._sets.index(timeouts) if timeouts in self._sets else 0

    def _places(self, line: int) -> tuple[list[ServicePlaces], int]:
        """Lay lists and look-up tables out from this line on; return the line after them too."""
        lists, lookups = [], []
        for chunk in self._chunks.values():
            lists.append(line)
            line += len(chunk.lists) // LINE
        for chunk in self._chunks.values():
            lookups.append(line if chunk.lookup else 0)
            line += len(chunk.lookup) // LINE
        services = (chunk.service for chunk in self._chunks.values())
        return [_service_places(*place) for place in zip(services, lists, lookups, strict=True)], line

    def _slots(self, placement: Placement, places: list[ServicePlaces]) -> bytes:
        chunks = tuple(self._chunks.values())
        written = [
            service_slot(chunk.service, chunk.ids.service, chunk.wrr, at, gone=chunk.gone)
            for chunk, at in zip(chunks, places, strict=True)
        ]
        empty = bytes(LINE)
        return b"".join(empty if position is None else written[position] for position in placement.slots)

    def _set_row(self, number: int, row: _Row) -> None:
        self._rows[number] = row
        self._limited.discard(number)
        if row.destination.upper:
            self._limited.add(number)
        self._by_address.setdefault(row.destination.address, set()).add(number)
        self._write_row(number)

    def _write_row(self, number: int) -> None:
        row = self._rows[number]
        missing = (number + 1) * LINE - len(self._destination_lines)
        if missing > 0:
            self._destination_lines.extend(bytes(max(missing, len(self._destination_lines))))
        hop = self._next_hops.get(row.destination.address)
        if row.translated and isinstance(hop, OwnAddress):
            hop = None  # what this host's own stack answers goes past us, and would have to be told back
        line = destination_line(row.service, self._set_of(row.timeouts), row.destination, row.port, hop)
        self._destination_lines[number * LINE : (number + 1) * LINE] = line

    def _drop_rows(self, numbers: frozenset[int]) -> None:
        for number in numbers:
            self._limited.discard(number)
            address = self._rows.pop(number).destination.address
            self._by_address[address].discard(number)
            if not self._by_address[address]:
                del self._by_address[address]
            self._destination_lines[number * LINE : (number + 1) * LINE] = bytes(LINE)


def _row(number: int, service: VirtualService, destination: Destination) -> _Row:
    port = _port(service, destination)
    return _Row(number, service.timeouts, destination, port, service.translates(destination))


def _port(service: VirtualService, destination: Destination) -> int:
    """Return the port that a destination's packets have, 0 for the client's own choice.

    Where a service has many ports, its persistent connections keep theirs: another could not be told back.
    """
    port = service.port_at(destination)
    if service.persistence is not None and (
        service.key.port == 0 or (service.key.port == FTP_PORT and port == FTP_PORT)
    ):
        return 0 if destination.method is ForwardingMethod.NAT else port
    return port


def _service_places(service: VirtualService, lists: int, table: int) -> ServicePlaces:
    own, stateless = lookup_size(service), stateless_size(service)
    return ServicePlaces(lists, table if own else 0, own, table if stateless else 0, stateless)


def _chunk(service: VirtualService, ids: ServiceIds, old: _Chunk | None, *, gone: bool) -> _Chunk:
    weights = [destination.weight for destination in service.destinations]
    decides = lookup_input(service, ids)
    kept = old is not None and old.lookup_input == decides
    return _Chunk(
        service=service,
        ids=ids,
        wrr=level_step(weights),
        lists=list_lines(ids.destinations, weights),
        lookup_input=decides,
        lookup=old.lookup if old is not None and kept else lookup_lines(decides),
        gone=gone,
    )


def compile_image(
    configuration: Configuration,
    next_hops: Mapping[IPAddress, Way],
    generation: int = 1,
    links: Iterable[Link] = (),
) -> bytes:
    """Compile a whole configuration at once, with ids from 1 in its order."""
    compiler, registry = ImageCompiler(), IdRegistry()
    compiler.set_options(configuration.timeouts, configuration.tunables, configuration.marks)
    for service in configuration.services:
        compiler.set_service(service, registry.assign(service).ids)
    for address, hop in next_hops.items():
        compiler.set_next_hop(address, hop)
    compiler.set_links(links)
    return compiler.image(generation)
