# SPDX-License-Identifier: Apache-2.0
"""The one place that decides: facts in, orders out.

It holds the configuration, the stable ids and what is known of the network, and turns each event into
commands. It does no I/O, asks no clock and draws no chance: the same events give the same commands. Facts
that change nothing give none, so a shell may tell things twice. `handle_all` takes many events as one: one
image for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netaddr import IPAddress

from director.commands import (
    Command,
    EndConnections,
    Level,
    Remember,
    ResetIds,
    ResolveRoute,
    SetAddresses,
    SolicitNeighbour,
    SwapTables,
)
from director.config.diff import diff
from director.config.sharing import only_in, sharing
from director.events import (
    ConfigurationApplied,
    ConnectionsCounted,
    Event,
    LinkChanged,
    LinkRemoved,
    NeighbourChanged,
    RouteResolved,
    RoutesChanged,
)
from director.guarding import Guards, guard_rules, translated
from director.model import (
    Configuration,
    Destination,
    Link,
    MarkRule,
    Neighbour,
    Route,
    RouteAnswer,
    ServiceKey,
    Settings,
    Timeouts,
    Tunables,
    VirtualService,
    Way,
)
from director.model.counters import NextHopStatus
from director.tables import IdRegistry, ImageCompiler
from director.tables.held import HeldService
from director.tables.ids import ServiceIds
from director.tables.lingering import LingeringServers
from director.tables.next_hops import NextHops, translated_here
from director.tables.wrr_steps import wrr_steps
from director.turn import Turn


class Engine:
    """The director's mind."""

    def __init__(self) -> None:
        self._configuration: Configuration | None = None
        self._settings = Settings()
        self._ids = IdRegistry()
        self._compiler = ImageCompiler()
        self._next_hops = NextHops()
        self._lingering = LingeringServers()
        self._gone: dict[ServiceKey, VirtualService] = {}
        self._guards = Guards()
        self._addresses: frozenset[IPAddress] | None = None
        self._inherited: Configuration | None = None
        self._generation = 0

    @property
    def configuration(self) -> Configuration:
        """Return the configuration in force."""
        return self._configuration if self._configuration is not None else Configuration()

    @property
    def generation(self) -> int:
        """Return the generation of the last image; 0 before the first."""
        return self._generation

    @property
    def addresses(self) -> frozenset[IPAddress]:
        """Return the VIPs that the director holds."""
        return self._addresses or frozenset()

    @property
    def needed_neighbours(self) -> tuple[SolicitNeighbour, ...]:
        """Return the neighbours that must stay resolved: a shell confirms them from time to time."""
        return tuple(SolicitNeighbour(*place) for place in self._next_hops.needed_neighbours)

    def service_id(self, key: ServiceKey) -> int | None:
        """Look up a service's stable id."""
        return self._ids.service(key)

    def destination_id(self, key: ServiceKey, address: IPAddress, port: int) -> int | None:
        """Look up a destination's stable id, by the port it is reached at."""
        return self._ids.destination(key, address, port)

    def numbered(self, key: ServiceKey) -> tuple[VirtualService, ServiceIds] | None:
        """Look up a service as it is in force, and the ids that belong to it."""
        return self._ids.of(key)

    @property
    def id_ends(self) -> tuple[int, int]:
        """Return the first ids that no service and no destination ever had."""
        return self._ids.ends

    def destination_of(self, number: int) -> tuple[ServiceKey, Destination] | None:
        """Look up whose an id is; also of a deleted destination that connections still refer to."""
        return self._ids.holder(number)

    def held(self, key: ServiceKey) -> HeldService:
        """Return what is held for a service, present or gone: all that another process has to know of it."""
        ids = self._ids.held(key)
        if ids is None:
            return HeldService(key)
        present = self._ids.of(key)
        service = present[0] if present is not None else None
        return HeldService(key, ids[0], service, ids[1], self._lingering.servers(key), self._gone.get(key))

    def held_services(self) -> Iterator[HeldService]:
        """Tell what is held for each service."""
        return (self.held(key) for key in self._ids.keys)

    def inherit(self, configuration: Configuration, services: Iterable[HeldService]) -> None:
        """Begin where another process ended, whose tables are in force, before the first configuration.

        That one is then taken as an edit of what was in force: this configuration.
        """
        assert self._configuration is None
        self._inherited = configuration
        self._ids.restore(services)
        for held in services:
            for server in held.lingering:
                self._lingering.leave(held.key, (server.address, server.port), server.id)
            if held.gone is not None:
                self._gone[held.key] = held.gone

    def next_hop(self, address: IPAddress) -> Way | None:
        """Look up the way to a destination's address."""
        return self._next_hops.next_hop(address)

    def next_hop_status(self, key: ServiceKey | None = None) -> Iterator[NextHopStatus]:
        """Tell for each address how far the way to it is known: for one service's destinations, or all."""
        services, addresses = self.configuration.services, self._next_hops.wanted
        if key is not None:
            found = self._ids.of(key)
            services = (found[0],) if found is not None else ()
            addresses = tuple(dict.fromkeys(_addresses(services)))
        return (translated_here(self._next_hops.status(each), services) for each in addresses)

    def why_unresolved(self, address: IPAddress) -> str | None:
        """Say in words what is missing on the way to a destination's address, or None."""
        return self._next_hops.why_unresolved(address)

    def why_refused(self, configuration: Configuration) -> str | None:
        """Say in words why this valid configuration can not be applied now, or None.

        The ids of deleted destinations are kept as long as connections refer to them, so there may be too few
        left.
        """
        return self._ids.lacks_room_for(only_in(configuration, self.configuration))

    def new_addresses(self, configuration: Configuration) -> tuple[IPAddress, ...]:
        """List the addresses that this configuration would send to and the one in force does not."""
        wanted = dict.fromkeys(_addresses(only_in(configuration, self.configuration)))
        return tuple(address for address in wanted if not self._next_hops.wants(address))

    def handle(self, event: Event) -> list[Command]:
        """Take one fact; return what is to be done, in this order."""
        return self.handle_all((event,))

    def handle_all(self, events: Iterable[Event]) -> list[Command]:
        """Take several facts as one."""
        turn = Turn()
        for event in events:
            self._take(event, turn)
        return self._orders(turn)

    def _take(self, event: Event, turn: Turn) -> None:
        match event:
            case ConfigurationApplied(configuration):
                self._apply(configuration, turn)
            case LinkChanged(link):
                self._take_link(link.index, link, turn)
            case LinkRemoved(index):
                self._take_link(index, None, turn)
            case RouteResolved(destination, route):
                self._take_route(destination, route, turn)
            case RoutesChanged():
                for address in self._next_hops.wanted:
                    turn.ask(ResolveRoute(address))
            case NeighbourChanged(neighbour):
                self._take_neighbour(neighbour, turn)
            case ConnectionsCounted(destination_ids) if self._configuration is not None:
                freed = self._ids.census(destination_ids)
                turn.changed_services.update(dict.fromkeys(freed))
                self._release(self._lingering.census(destination_ids), turn)
                self._bury(freed, turn)

    def _orders(self, turn: Turn) -> list[Command]:
        """Guard what is new before the tables know it, and what is gone until they have forgotten it."""
        commands: list[Command] = [*turn.shown_logs()]
        if self._configuration is None:
            return commands
        commands.extend(self._guards.widened())
        commands.extend(turn.questions)
        if turn.reset_services or turn.reset_destinations:
            commands.append(ResetIds(tuple(turn.reset_services), tuple(turn.reset_destinations)))
        if turn.changed_services or turn.options_changed:
            commands.append(Remember(tuple(turn.changed_services)))
        if turn.image_is_stale or self._generation == 0:
            commands.append(self._swap(turn))
        if turn.ended_destinations:
            commands.append(EndConnections(turn.ended_destinations))
        commands.extend(self._set_addresses(self._configuration))
        commands.extend(self._guards.narrowed())
        return commands

    def _swap(self, turn: Turn) -> SwapTables:
        self._generation += 1
        return SwapTables(
            self._compiler.image(self._generation),
            self._generation,
            tuple(turn.wrr_changes),
        )

    def _set_addresses(self, configuration: Configuration) -> Iterator[SetAddresses]:
        addresses = configuration.vips
        if self._settings.bind_vips and addresses != self._addresses:
            self._addresses = addresses
            yield SetAddresses(addresses)

    def _apply(self, configuration: Configuration, turn: Turn) -> None:
        refused = self.why_refused(configuration)
        if refused is not None:
            turn.log(Level.WARNING, "configuration refused", ("why", refused))
            return
        if self._configuration is None:
            self._settings = configuration.settings
            self._configuration = self._begin(configuration, turn)
        configuration = sharing(self._configuration, configuration)
        turn.take(diff(self._configuration, configuration))
        turn.options_changed |= _options(self._configuration) != _options(configuration)
        self._compiler.set_options(*_options(configuration))
        retired = self._ids.retirements
        self._change_services(self._configuration, configuration, turn)
        if configuration.tunables.expire_nodest_conn and self._ids.retirements != retired:
            turn.ended_destinations = self._ids.gone()
        self._configuration = configuration

    def _begin(self, wanted: Configuration, turn: Turn) -> Configuration:
        """Return the configuration that the first one changes: empty, or the inherited one.

        Of what is inherited the questions and the guard are new to this process, and nothing to the tables.
        """
        nothing = Configuration(settings=wanted.settings)
        if self._inherited is None:
            return nothing
        inherited = replace(self._inherited, settings=wanted.settings)
        unheard = Turn()
        for gone in self._gone.values():
            self._keep(gone)
        self._change_services(nothing, inherited, unheard)
        turn.questions.update(unheard.questions)
        turn.image_is_stale = True
        return inherited

    def _change_services(self, before: Configuration, after: Configuration, turn: Turn) -> None:
        """Both share what is equal: the services that they do not share are all that there is to do."""
        old = {service.key: service for service in only_in(before, after)}
        changed = only_in(after, before)
        kept = {service.key for service in changed}
        for address in self._next_hops.want(_addresses(changed)):
            turn.ask(ResolveRoute(address))
        for address in self._next_hops.give_up(_addresses(old.values())):
            self._compiler.set_next_hop(address, None)
        for service in old.values():
            if service.key not in kept:
                self._remove(service, turn)
        for service in changed:
            self._set(old.get(service.key), service, turn)
        self._guards.set_rules(guard_rules(after, self._gone))

    def _remove(self, service: VirtualService, turn: Turn) -> None:
        """Delete a service. As in the kernel its connections' packets stay the data path's until they ended:
        it may come back before.
        """
        gone = self._gone[service.key] = replace(service, destinations=())
        self._linger(service, gone)
        self._ids.release(service.key)
        self._keep(gone)
        turn.changed_services[service.key] = None

    def _keep(self, gone: VirtualService) -> None:
        held = self._ids.held(gone.key)
        assert held is not None
        self._compiler.set_service(gone, ServiceIds(held[0], (), ()), gone=True)
        self._guards.set(gone, self._lingering.of(gone.key))

    def _bury(self, freed: Iterable[ServiceKey], turn: Turn) -> None:
        """Give the stack the packets of deleted services that no connection refers to any more."""
        buried = [key for key in freed if key in self._gone and not self.held(key).destinations]
        for key in buried:
            del self._gone[key]
            self._compiler.remove_service(key)
            self._lingering.forget(key)
            self._guards.remove(key)
        if buried:
            self._guards.set_rules(guard_rules(self.configuration, self._gone))
            turn.image_is_stale = True

    def _linger(self, before: VirtualService, after: VirtualService) -> None:
        for place in translated(before) - translated(after):
            number = self._ids.destination(before.key, *place)
            assert number is not None
            self._lingering.leave(before.key, place, number)

    def _set(self, before: VirtualService | None, service: VirtualService, turn: Turn) -> None:
        self._gone.pop(service.key, None)
        if before is not None:
            self._linger(before, service)
        assignment = self._ids.assign(service)
        turn.reset_services.update(dict.fromkeys(assignment.new_services))
        turn.reset_destinations.update(dict.fromkeys(assignment.new_destinations))
        turn.wrr_changes.extend((assignment.ids.service, *step) for step in wrr_steps(before, service))
        turn.changed_services[service.key] = None
        self._compiler.set_service(service, assignment.ids)
        self._guards.set(service, self._lingering.of(service.key))

    def _release(self, services: Iterable[ServiceKey], turn: Turn) -> None:
        """Give the stack what servers send that linger no more."""
        for key in services:
            service = self.configuration.service(key) or self._gone.get(key)
            turn.changed_services[key] = None
            if service is not None:
                self._guards.set(service, self._lingering.of(service.key))

    def _take_link(self, index: int, link: Link | None, turn: Turn) -> None:
        before = self._next_hops.links
        self._renew(self._next_hops.learn_link(index, link), turn)
        if self._next_hops.links != before:
            self._compiler.set_links(self._next_hops.links)
            turn.image_is_stale = True
            self._solicit(self._next_hops.users_behind(index), turn)

    def _take_route(self, destination: IPAddress, route: RouteAnswer, turn: Turn) -> None:
        was = self._next_hops.why_unresolved(destination)
        changed = self._next_hops.learn_route(destination, route)
        self._renew(changed, turn)
        if self._next_hops.why_unresolved(destination) == was:
            return
        if not isinstance(route, Route) and not changed:
            self._log_way(destination, turn)
        self._solicit((destination,), turn)

    def _take_neighbour(self, neighbour: Neighbour, turn: Turn) -> None:
        changed = self._next_hops.learn_neighbour(neighbour)
        self._renew(changed, turn)
        for address in self._next_hops.unanswered(neighbour):
            if address not in changed:  # else it was said already
                self._log_way(address, turn)
        self._solicit(changed, turn)

    def _renew(self, addresses: Iterable[IPAddress], turn: Turn) -> None:
        """Bring changed next hops into the image."""
        for address in addresses:
            self._compiler.set_next_hop(address, self._next_hops.next_hop(address))
            turn.image_is_stale = True
            self._log_way(address, turn)

    def _solicit(self, addresses: Iterable[IPAddress], turn: Turn) -> None:
        for address in addresses:
            place = self._next_hops.unresolved_neighbour(address)
            if place is not None:
                turn.ask(SolicitNeighbour(*place))

    def _log_way(self, address: IPAddress, turn: Turn) -> None:
        way = translated_here(self._next_hops.status(address), self.configuration.services)
        turn.log_way(address, way, self._next_hops.why_unresolved(address))


def _addresses(services: Iterable[VirtualService]) -> Iterator[IPAddress]:
    return (destination.address for service in services for destination in service.destinations)


def _options(configuration: Configuration) -> tuple[Timeouts, Tunables, tuple[MarkRule, ...]]:
    return configuration.timeouts, configuration.tunables, configuration.marks
