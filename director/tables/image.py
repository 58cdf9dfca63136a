# SPDX-License-Identifier: Apache-2.0
"""Compile services, ids and next hops into the table image.

The compiler keeps each service's lines and writes anew only what changed, so that an image after one change
costs little more than copying it. It decides nothing: which ids and next hops there are, it is told. The same
services in the same order under the same ids give the same bytes, whatever way led there. The order of parts:
header, services, destinations, lists, look-ups, links, timeouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netaddr import IPAddress

from director.model import (
    Configuration,
    Destination,
    Link,
    NextHop,
    ServiceKey,
    Timeouts,
    Tunables,
    VirtualService,
)
from director.scheduling.weighted_round_robin import level_step
from director.tables.ids import IdRegistry, ServiceIds
from director.tables.layout import LINE, MAX_LINKS
from director.tables.lookup import LookupInput, lookup_input, lookup_lines, lookup_size, stateless_size
from director.tables.records import (
    Sections,
    ServicePlaces,
    destination_line,
    header,
    link_lines,
    list_lines,
    service_slot,
    timeout_line,
)
from director.tables.slots import Placement, place


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one service adds to the image, but for the places where it stands."""

    service: VirtualService
    ids: ServiceIds
    wrr: tuple[int, int]
    lists: bytes
    lookup_input: LookupInput
    lookup: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    """A destination as its line tells it."""

    service: int
    destination: Destination
    port: int


class ImageCompiler:
    """The content of the next image, kept ready to be written."""

    def __init__(self) -> None:
        self._chunks: dict[ServiceKey, _Chunk] = {}
        self._rows: dict[int, _Row] = {}
        self._by_address: dict[IPAddress, set[int]] = {}
        self._next_hops: dict[IPAddress, NextHop] = {}
        self._destination_lines = bytearray(LINE)
        self._placement: Placement | None = None
        self._links: tuple[Link, ...] = ()
        self._timeouts = Timeouts()
        self._tunables = Tunables()

    def set_options(self, timeouts: Timeouts, tunables: Tunables) -> None:
        """Take the idle times and the behaviour switches."""
        self._timeouts, self._tunables = timeouts, tunables

    def set_links(self, links: Iterable[Link]) -> None:
        """Take the interfaces; frames can leave by those that are up and have a MAC, up to 256 of them."""
        usable = (link for link in links if link.up and link.mac is not None)
        self._links = tuple(sorted(usable, key=lambda link: link.index)[:MAX_LINKS])

    def set_service(self, service: VirtualService, ids: ServiceIds) -> None:
        """Take a new service, or one that changed."""
        old = self._chunks.get(service.key)
        if old is None:
            self._placement = None
        else:
            self._drop_rows(frozenset(old.ids.destinations) - frozenset(ids.destinations))
        for number, destination in zip(ids.destinations, service.destinations, strict=True):
            self._set_row(number, _Row(ids.service, destination, service.port_at(destination)))
        self._chunks[service.key] = _chunk(service, ids, old)

    def remove_service(self, key: ServiceKey) -> None:
        """Forget a service and its destinations."""
        self._drop_rows(frozenset(self._chunks.pop(key).ids.destinations))
        self._placement = None

    def set_next_hop(self, address: IPAddress, hop: NextHop | None) -> None:
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
        first = 1 + len(self._placement.slots)
        count = 1 + max(self._rows, default=0)
        places, links_first = self._places(first + count)
        links = link_lines(self._links)
        timeouts_first = links_first + len(links) // LINE
        sections = Sections(
            lines=timeouts_first + 1,
            service_first=1,
            service_mask=self._placement.mask,
            seed=self._placement.seed,
            dest_first=first,
            dest_count=count,
            timeouts_first=timeouts_first,
            links_first=links_first,
            links_count=len(self._links),
        )
        return b"".join(
            (
                header(generation, sections, self._tunables),
                self._slots(self._placement, places),
                memoryview(self._destination_lines)[: count * LINE],
                *(chunk.lists for chunk in self._chunks.values()),
                *(chunk.lookup for chunk in self._chunks.values()),
                links,
                timeout_line(self._timeouts),
            )
        )

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
            service_slot(chunk.service, chunk.ids.service, chunk.wrr, at)
            for chunk, at in zip(chunks, places, strict=True)
        ]
        empty = bytes(LINE)
        return b"".join(empty if position is None else written[position] for position in placement.slots)

    def _set_row(self, number: int, row: _Row) -> None:
        self._rows[number] = row
        self._by_address.setdefault(row.destination.address, set()).add(number)
        self._write_row(number)

    def _write_row(self, number: int) -> None:
        row = self._rows[number]
        missing = (number + 1) * LINE - len(self._destination_lines)
        if missing > 0:
            self._destination_lines.extend(bytes(max(missing, len(self._destination_lines))))
        hop = self._next_hops.get(row.destination.address)
        line = destination_line(row.service, row.destination, row.port, hop)
        self._destination_lines[number * LINE : (number + 1) * LINE] = line

    def _drop_rows(self, numbers: frozenset[int]) -> None:
        for number in numbers:
            address = self._rows.pop(number).destination.address
            self._by_address[address].discard(number)
            if not self._by_address[address]:
                del self._by_address[address]
            self._destination_lines[number * LINE : (number + 1) * LINE] = bytes(LINE)


def _service_places(service: VirtualService, lists: int, table: int) -> ServicePlaces:
    own, stateless = lookup_size(service), stateless_size(service)
    return ServicePlaces(lists, table if own else 0, own, table if stateless else 0, stateless)


def _chunk(service: VirtualService, ids: ServiceIds, old: _Chunk | None) -> _Chunk:
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
    )


def compile_image(
    configuration: Configuration,
    next_hops: Mapping[IPAddress, NextHop],
    generation: int = 1,
    links: Iterable[Link] = (),
) -> bytes:
    """Compile a whole configuration at once, with ids from 1 in its order."""
    compiler, registry = ImageCompiler(), IdRegistry()
    compiler.set_options(configuration.timeouts, configuration.tunables)
    for service in configuration.services:
        compiler.set_service(service, registry.assign(service).ids)
    for address, hop in next_hops.items():
        compiler.set_next_hop(address, hop)
    compiler.set_links(links)
    return compiler.image(generation)
