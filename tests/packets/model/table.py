# SPDX-License-Identifier: Apache-2.0
"""The model's memory: services with their destinations, connections, fragments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from netaddr import IPAddress

from director.model import (
    Configuration,
    ForwardingMethod,
    MarkRule,
    Persistence,
    ServiceKey,
    Tunables,
    VirtualService,
)
from tests.packets.case import Counts, Entry, State
from tests.packets.model.schedulers import Real, Schedule
from tests.packets.model.tcp import ACTIVE
from tests.packets.model.templates import Key, Template

Ends = tuple[int, str, int, str, int]  # protocol, source, port, destination, port
FRAGMENT_MS = 30_000
TCP, UDP = 6, 17
FTP, FTP_DATA, FREE_PORTS = 21, 20, 1024


@dataclass(slots=True)
class Service:
    """A virtual service: how it schedules, and each destination it ever had."""

    key: ServiceKey
    schedule: Schedule
    reals: dict[tuple[str, int], Real]
    counts: Counts = field(default_factory=Counts)
    present: bool = True
    persistence: Persistence | None = None
    one_packet: bool = False


@dataclass(slots=True)
class Flow:
    """A connection; its method is what the destination's was when it began."""

    ends: Ends
    service: Service
    real: Real
    method: ForwardingMethod
    interface: int
    client_macs: tuple[str, str]
    state: State
    expires: int
    template: Template | None = None

    @property
    def reply_ends(self) -> Ends:
        protocol, client, cport, _, _ = self.ends
        return protocol, self.real.address, self.port, client, cport

    @property
    def port(self) -> int:
        """The port that it has behind the director."""
        key = self.service.key
        if self.template is not None and key.port in (0, FTP) and self.ends[4] != key.port:
            return self.ends[4]
        return self.real.port or self.ends[4]

    def is_over(self, tunables: Tunables) -> bool:
        """Whether a new SYN begins another connection (conn_reuse_mode); none under a template does."""
        mode = tunables.conn_reuse_mode
        if tunables.expire_nodest_conn and self.real.weight == 0:
            return True
        if not mode or self.template is not None:
            return False
        half_seen = self.method is not ForwardingMethod.NAT
        return self.state in (State.TIME_WAIT, State.CLOSE, State.CLOSED) or bool(
            mode & 2 and self.state is State.FIN_WAIT and half_seen
        )

    def enter(self, state: State) -> None:
        """Change the state, and with it the destination's active and inactive connections."""
        if (self.state in ACTIVE) != (state in ACTIVE):
            gained = 1 if state in ACTIVE else -1
            self.real.active += gained
            self.real.inactive -= gained
        self.state = state


@dataclass(slots=True)
class Fragment:
    """Where the later pieces of a datagram go."""

    flow: Flow
    backwards: bool
    expires: int


class Table:
    """Everything the model remembers between frames."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.flows: dict[Ends, Flow] = {}
        self.replies: dict[Ends, Flow] = {}
        self.fragments: dict[tuple[str, str, int, int], Fragment] = {}
        self.marks: tuple[MarkRule, ...] = ()
        self.templates: list[Template] = []

    def apply(self, configuration: Configuration, now: int) -> None:
        before = self._gone()
        self.marks = configuration.marks
        wanted = {str(service.key): service for service in configuration.services}
        for name, service in self.services.items():
            service.present = name in wanted
            if not service.present:
                for real in tuple(service.schedule.reals):
                    _remove(service, real)
        for name, target in wanted.items():
            _update(self._service(name, target), target)
        if configuration.tunables.expire_nodest_conn and not self._gone() <= before:
            self._end_gone(now)

    def _gone(self) -> set[tuple[str, str, int]]:
        """Find the destinations that were deleted, and where."""
        reals = (
            (name, place, real) for name, each in self.services.items() for place, real in each.reals.items()
        )
        return {(name, *place) for name, place, real in reals if not real.present}

    def _end_gone(self, now: int) -> None:
        """End the connections to what is gone, and what would lead clients there."""
        for flow in [flow for flow in self.flows.values() if not flow.real.present]:
            self.close(flow, now)
        for template in [template for template in self.templates if not template.real.present]:
            self.templates.remove(template)
            template.real.persistent -= 1

    def service_of(self, protocol: int, address: str, port: int, *, present: bool = True) -> Service | None:
        """Find a packet's service: by its mark, its address and port, as FTP's data, by its address alone.

        Not `present`: one that was deleted.
        """
        found = self._marked(protocol, address, port, present) or self._at(protocol, address, port, present)
        if found is not None:
            return found
        if protocol == TCP and (port == FTP_DATA or port >= FREE_PORTS):
            ftp = self._at(protocol, address, FTP, present)
            if ftp is not None:
                return ftp if ftp.persistence is not None else None
        return self._at(protocol, address, 0, present)

    def _marked(self, protocol: int, address: str, port: int, present: bool) -> Service | None:
        for rule in self.marks:
            protocols = (rule.protocol.number,) if rule.protocol is not None else (TCP, UDP)
            if (
                protocol in protocols
                and IPAddress(address) in rule.network
                and rule.first_port <= port <= rule.last_port
            ):
                service = self.services.get(f"mark:{rule.mark}")
                return service if service is not None and service.present is present else None
        return None

    def _at(self, protocol: int, address: str, port: int, present: bool) -> Service | None:
        for service in self.services.values():
            key = service.key
            ends = (key.protocol.number, str(key.address), key.port)
            if service.present is present and not key.mark and ends == (protocol, address, port):
                return service
        return None

    def find(self, ends: Ends, now: int) -> Flow | None:
        return self._alive(self.flows.get(ends), now)

    def find_reply(self, ends: Ends, now: int) -> Flow | None:
        return self._alive(self.replies.get(ends), now)

    def translated(self, ends: Ends) -> Real | None:
        """Find NAT's server that sends from there, by itself or for a connection."""
        for service in self.services.values() if ends[2] else ():
            real = service.reals.get((ends[1], ends[2]))
            of_its = service.key.mark or service.key.protocol.number == ends[0]
            if real is not None and real.present and real.method is ForwardingMethod.NAT and of_its:
                return real
        return None

    def open(self, flow: Flow) -> None:
        self.flows[flow.ends] = flow
        flow.real.inactive += 1
        if flow.method is ForwardingMethod.NAT:
            self.replies[flow.reply_ends] = flow
        flow.real.gained()
        if flow.template is not None:
            flow.template.flows += 1

    def close(self, flow: Flow, now: int) -> None:
        flow.enter(State.NONE)
        flow.real.inactive -= 1
        flow.real.lost()
        if flow.template is not None:
            flow.template.wind(now)
            flow.template.flows -= 1
        del self.flows[flow.ends]
        if self.replies.get(flow.reply_ends) is flow:
            del self.replies[flow.reply_ends]

    def sweep(self, now: int) -> None:
        for flow in [flow for flow in self.flows.values() if flow.expires <= now]:
            self.close(flow, now)
        for template in tuple(self.templates):
            template.wind(now)
            if template.expires <= now:
                self.templates.remove(template)
                template.real.persistent -= 1

    def template(self, key: Key, now: int) -> Template | None:
        """Find the template that serves a client."""
        self.sweep(now)
        found = (template for template in self.templates if template.key == key and not template.ended)
        return next(found, None)

    def entries(self, now: int) -> Iterator[Entry]:
        self.sweep(now)
        for flow in self.flows.values():
            protocol, client, cport, vip, vport = flow.ends
            yield Entry(
                protocol=protocol,
                client=f"{client}:{cport}",
                virtual=f"{vip}:{vport}",
                destination=f"{flow.real.address}:{flow.port}",
                state=flow.state,
                expires=round((flow.expires - now) / 1000),
            )
        for template in self.templates:
            yield Entry(
                template.key[0], *template.ends, template.state, round((template.expires - now) / 1000)
            )

    def _alive(self, flow: Flow | None, now: int) -> Flow | None:
        if flow is not None and flow.expires <= now:
            self.close(flow, now)
            return None
        return flow

    def _service(self, name: str, wanted: VirtualService) -> Service:
        if name not in self.services:
            self.services[name] = Service(wanted.key, Schedule(wanted.scheduler), {})
        return self.services[name]


def _update(service: Service, wanted: VirtualService) -> None:
    """Bring a service's list to what is wanted, one destination after the other as an operator would."""
    service.persistence, service.one_packet = wanted.persistence, wanted.one_packet
    by_name = {(str(d.address), d.port): d for d in wanted.destinations}
    for real in tuple(service.schedule.reals):
        if (real.address, real.port) not in by_name:
            _remove(service, real)
    for name, target in by_name.items():
        known = service.reals.get(name)
        if known is None:
            known = service.reals[name] = Real(*name, target.method, target.weight, present=False)
        edited = (known.method, known.weight) != (target.method, target.weight)
        known.method, known.weight = target.method, target.weight
        known.limit(target.upper, target.lower)
        if not known.present:
            known.present = True
            service.schedule.add(known)
        elif edited:
            service.schedule.changed()


def _remove(service: Service, real: Real) -> None:
    real.present = False
    service.schedule.remove(real)


def opened(counts: Counts) -> Counts:
    return replace(counts, connections=counts.connections + 1)


def received(counts: Counts, length: int) -> Counts:
    return replace(counts, packets_in=counts.packets_in + 1, bytes_in=counts.bytes_in + length)


def sent(counts: Counts, length: int) -> Counts:
    return replace(counts, packets_out=counts.packets_out + 1, bytes_out=counts.bytes_out + length)
