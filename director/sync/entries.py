# SPDX-License-Identifier: Apache-2.0
"""Between the connection table and the messages: whose a destination id is, and which states mean the same.

Kernel IPVS numbers the states of each protocol from 0, the table those of all in one row. A destination is
named by address and port on the wire, by its stable id in the table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from typing import Protocol as Shape

from netaddr import IPAddress

from director.config.limits import MAX_TIMEOUT
from director.model import Configuration, Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from director.model.sync import SyncedFlow, SyncRule
from director.sync.message import Entry, Flags
from director.tables.ids import ServiceIds
from director.tables.layout import Timeout
from director.tables.records import timeout_set

FLAGS: Mapping[ForwardingMethod, int] = MappingProxyType(
    {
        ForwardingMethod.DR: Flags.DIRECT | Flags.NO_OUTPUT,
        ForwardingMethod.TUN: Flags.TUNNEL | Flags.NO_OUTPUT,
        ForwardingMethod.NAT: Flags.NAT,
    }
)


@dataclass(frozen=True, slots=True)
class States:
    """A protocol's states: its 0 is the table's `first`, it has so many, and those `active` count as such."""

    first: int
    count: int
    active: frozenset[int]


STATES: Mapping[int, States] = MappingProxyType(
    {
        Protocol.TCP.number: States(Timeout.TCP_NONE, 11, frozenset({1, 2, 3, 10})),
        Protocol.UDP.number: States(Timeout.UDP, 1, frozenset()),
        Protocol.SCTP.number: States(Timeout.SCTP_NONE, 14, frozenset({8})),
    }
)


def makes_sense(entry: Entry) -> bool:
    """Say whether this is a connection or a template of a protocol and in a state that there are."""
    if entry.is_template:
        known = entry.protocol in STATES or (entry.protocol == 0 and entry.fwmark != 0)
        return known and entry.state < TEMPLATE_STATES and entry.cport == 0
    states = STATES.get(entry.protocol)
    return states is not None and entry.state < states.count


TEMPLATE_STATES = 2
"""0, and 1 for assured."""

TEMPLATE_SECONDS = 180
"""What a template has of which no time is told, as in the kernel."""

FTP = 21
"""The templates of FTP's service are those of any port: its clients' data connections go with them."""


class Ids(Shape):
    """Who knows the stable ids."""

    @property
    def configuration(self) -> Configuration: ...

    def destination_of(self, number: int) -> tuple[ServiceKey, Destination] | None: ...

    def numbered(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None: ...


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What is said of every connection to one destination. `port` 0: the client's."""

    address: bytes
    port: int
    mark: int
    seconds: tuple[int, ...]
    is_persistent: bool
    method: ForwardingMethod


class Translator:
    """Entries and flows, by the ids of now: make another one when the configuration has changed."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._services = {service.key: service for service in ids.configuration.services}
        self._spoken: dict[int, _Spoken | None] = {}
        self._places: dict[ServiceKey, dict[bytes, tuple[tuple[Destination, int], ...]]] = {}

    def rule(self) -> SyncRule:
        """Return when connections are told of, by the tunables in force."""
        tunables = self._ids.configuration.tunables
        return SyncRule(
            threshold=tunables.sync_threshold,
            period=tunables.sync_period,
            refresh=1000 * tunables.sync_refresh_period,
            retries=tunables.sync_retries,
            timeouts=struct.unpack("<32I", timeout_set(self._ids.configuration.timeouts)),
        )

    def entries(self, flows: Iterable[SyncedFlow]) -> list[Entry]:
        """Say these flows; what can not be said is left out, as are flows whose destination nobody knows."""
        return [entry for flow in flows if (entry := self._entry(flow)) is not None]

    def flow(self, entry: Entry) -> SyncedFlow | None:
        """Return what to enter for an entry that makes sense; None where it has no destination yet."""
        destination = self._destination(entry)
        if destination is None:
            return None
        if entry.is_template:
            return _template(entry, *destination)
        states = STATES[entry.protocol]
        return SyncedFlow(
            protocol=entry.protocol,
            caddr=entry.caddr,
            cport=entry.cport,
            vaddr=entry.vaddr,
            vport=entry.vport,
            destination=destination[1],
            state=states.first + entry.state,
            expires_in=1000 * min(entry.timeout, MAX_TIMEOUT),
            packets=self._ids.configuration.tunables.sync_threshold,
            method=destination[0].method,
        )

    def _entry(self, flow: SyncedFlow) -> Entry | None:
        if flow.destination not in self._spoken:
            self._spoken[flow.destination] = self._speak(flow.destination)
        spoken = self._spoken[flow.destination]
        if flow.template:
            return (
                _template_entry(flow, spoken) if spoken and len(spoken.address) == len(flow.caddr) else None
            )
        states = STATES.get(flow.protocol)
        if spoken is None or states is None or flow.method is None or len(spoken.address) != len(flow.caddr):
            return None
        if spoken.is_persistent and self._ids.configuration.tunables.sync_persist_mode:
            return None
        state = flow.state - states.first
        inactive = 0 if state in states.active else Flags.INACTIVE
        return Entry(
            protocol=flow.protocol,
            flags=FLAGS[flow.method] | inactive,
            state=state,
            cport=flow.cport,
            vport=flow.vport,
            dport=spoken.port or flow.vport,
            fwmark=spoken.mark,
            timeout=spoken.seconds[flow.state],
            caddr=flow.caddr,
            vaddr=flow.vaddr,
            daddr=spoken.address,
        )

    def _speak(self, number: int) -> _Spoken | None:
        holder = self._ids.destination_of(number)
        if holder is None:
            return None
        key, destination = holder
        service, configuration = self._services.get(key), self._ids.configuration
        timeouts = configuration.timeouts_of(service) if service else configuration.timeouts
        return _Spoken(
            address=destination.address.packed,
            port=destination.port if destination.method is ForwardingMethod.NAT else 0,
            mark=key.mark,
            seconds=tuple(each // 1000 for each in struct.unpack("<32I", timeout_set(timeouts))),
            is_persistent=service is not None and service.persistence is not None,
            method=destination.method,
        )

    def _destination(self, entry: Entry) -> tuple[Destination, int] | None:
        """Find the destination where kernel IPVS would: by the mark, the virtual address, or its port 0."""
        for key in _keys(entry):
            for destination, number in self._of(key).get(entry.daddr, ()):
                if _reaches(destination, entry):
                    return destination, number
        return None

    def _of(self, key: ServiceKey) -> dict[bytes, tuple[tuple[Destination, int], ...]]:
        """Return a service's destinations by address."""
        found = self._places.get(key)
        if found is None:
            found, numbered = {}, self._ids.numbered(key)
            pairs = zip(numbered[0].destinations, numbered[1].destinations, strict=True) if numbered else ()
            for destination, number in pairs:
                address = destination.address.packed
                found[address] = (*found.get(address, ()), (destination, number))
            if numbered:
                self._places[key] = found
        return found


def _template(entry: Entry, destination: Destination, number: int) -> SyncedFlow:
    return SyncedFlow(
        protocol=entry.protocol,
        caddr=entry.caddr,
        cport=0,
        vaddr=entry.vaddr,
        vport=entry.vport,
        destination=number,
        state=entry.state,
        expires_in=1000 * min(entry.timeout or TEMPLATE_SECONDS, MAX_TIMEOUT),
        packets=0,
        method=destination.method,
        template=True,
    )


def _template_entry(flow: SyncedFlow, spoken: _Spoken) -> Entry:
    """Say a template. One of any port has no port of its server either."""
    return Entry(
        protocol=flow.protocol,
        flags=FLAGS[spoken.method] | Flags.INACTIVE | Flags.TEMPLATE,
        state=flow.state,
        cport=0,
        vport=flow.vport,
        dport=(spoken.port or flow.vport) if flow.vport else 0,
        fwmark=spoken.mark,
        timeout=flow.expires_in // 1000,
        caddr=flow.caddr,
        vaddr=flow.vaddr,
        daddr=spoken.address,
    )


def _reaches(destination: Destination, entry: Entry) -> bool:
    """Say whether a destination with the entry's address has its port, too."""
    if destination.method is not ForwardingMethod.NAT or (entry.is_template and entry.vport == 0):
        return True
    return destination.port in (0, entry.dport)


def _keys(entry: Entry) -> Iterable[ServiceKey]:
    version: Literal[4, 6] = 4 if len(entry.vaddr) == 4 else 6
    if entry.fwmark:
        yield ServiceKey.of_mark(entry.fwmark, version)
    if entry.protocol == 0:
        return
    protocol = next(each for each in Protocol if each.number == entry.protocol)
    vip = IPAddress(int.from_bytes(entry.vaddr, "big"), version)
    yield ServiceKey(protocol, vip, entry.vport)
    yield ServiceKey(protocol, vip, 0)
    if entry.is_template and entry.vport == 0 and protocol is Protocol.TCP:
        yield ServiceKey(protocol, vip, FTP)
