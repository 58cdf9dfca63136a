# SPDX-License-Identifier: Apache-2.0
"""What holds for the engine whatever happens, in whatever order.

A small world stands around the engine: a kernel that answers its questions, a data path that guards, swaps
and keeps connections. Each property looks at the whole way of a random history through it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import EUI, IPAddress

from director.commands import GuardKey, GuardSide, ResetIds, ResolveRoute, SetAddresses, SetGuard, SwapTables
from director.engine import Engine
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
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Neighbour,
    Protocol,
    Route,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Timeouts,
    VirtualService,
)
from director.tables import DecodedImage, DecodedService, decode

VIPS = [IPAddress("192.0.2.1"), IPAddress("192.0.2.2"), IPAddress("2001:db8::1")]
SERVERS = [IPAddress(f"10.0.0.{number}") for number in range(2, 7)]
MACS = [EUI(f"02-00-00-00-00-{number:02x}") for number in range(1, 4)]
INTERFACES = (2, 3)

KEYS = st.builds(ServiceKey, st.sampled_from(Protocol), st.sampled_from(VIPS), st.sampled_from((53, 80)))
DESTINATIONS = st.builds(
    Destination,
    st.sampled_from(SERVERS),
    st.sampled_from((80, 8080)),
    st.sampled_from(ForwardingMethod),
    st.sampled_from((0, 1, 2, 4, 6)),
)


def service(
    key: ServiceKey,
    scheduler: Scheduler,
    flags: frozenset[SchedulerFlag],
    destinations: Iterable[Destination],
) -> VirtualService:
    """A service as the configuration allows it: its own flags, and each destination once."""
    bare = VirtualService(key, scheduler, frozenset(flag for flag in flags if flag.scheduler is scheduler))
    unique = {
        (each.address, bare.port_at(each)): replace(each, port=bare.port_at(each)) for each in destinations
    }
    return replace(bare, destinations=tuple(unique.values()))


SERVICES = st.builds(
    service,
    KEYS,
    st.sampled_from([scheduler for scheduler in Scheduler if scheduler is not Scheduler.MH]),
    st.frozensets(st.sampled_from(SchedulerFlag)),
    st.lists(DESTINATIONS, max_size=4),
)
CONFIGURATIONS = st.builds(
    Configuration,
    st.lists(SERVICES, max_size=4, unique_by=lambda each: each.key).map(tuple),
    st.sampled_from((Timeouts(), Timeouts(udp=30))),
)
LINKS = st.builds(
    lambda index, mac, mtu, up: Link(index, f"eth{index}", mac, mtu, up=up),
    st.sampled_from(INTERFACES),
    st.sampled_from((*MACS, None)),
    st.sampled_from((1400, 1500)),
    st.booleans(),
)
NEIGHBOURS = st.builds(
    Neighbour, st.sampled_from(INTERFACES), st.sampled_from(SERVERS), st.sampled_from((*MACS, None))
)
EVENTS = st.one_of(
    CONFIGURATIONS.map(ConfigurationApplied),
    LINKS.map(LinkChanged),
    st.sampled_from(INTERFACES).map(LinkRemoved),
    NEIGHBOURS.map(NeighbourChanged),
    st.just(RoutesChanged()),
    st.integers(0, 2**16 - 1).map(
        lambda bits: ConnectionsCounted(frozenset(n for n in range(16) if bits >> n & 1))
    ),
)
HISTORIES = st.lists(EVENTS, max_size=12)
COUNTED = st.lists(st.tuples(CONFIGURATIONS, st.frozensets(st.integers(1, 8))), max_size=8)


def route_to(address: IPAddress) -> Route | None:
    """The kernel's routing table: each server on its link, the last unreachable."""
    if address == SERVERS[-1]:
        return None
    return Route(address, INTERFACES[int(address) % 2], None, IPAddress("10.0.0.1"), 1500)


@dataclass(slots=True)
class World:
    """The engine, and all that its commands did."""

    engine: Engine = field(default_factory=Engine)
    guard: frozenset[GuardKey] = frozenset()
    addresses: frozenset[IPAddress] = frozenset()
    image: DecodedImage | None = None
    swaps: int = 0
    connections: set[int] = field(default_factory=set)
    """The destination ids that live connections refer to."""

    def tell(self, event: Event) -> None:
        """Tell the engine of an event, carry out what it orders, and only then answer what it asked."""
        if isinstance(event, ConnectionsCounted):
            event = self._count(event.destination_ids)
        asked = []
        for command in self.engine.handle(event):
            match command:
                case SetGuard(keys, _):
                    self.guard = keys
                case SetAddresses(addresses):
                    self.addresses = addresses
                case ResetIds(_, destinations):
                    assert self.connections.isdisjoint(destinations)
                case SwapTables():
                    self._swap(command)
                case ResolveRoute(destination):
                    asked.append(destination)
        for destination in asked:
            self.tell(RouteResolved(destination, route_to(destination)))

    def _count(self, ids: frozenset[int]) -> ConnectionsCounted:
        """End the connections that are not among these ids, open some to those that are, and count."""
        present = self.image.destinations if self.image is not None else {}
        self.connections = {n for n in ids if n in self.connections or n in present}
        return ConnectionsCounted(frozenset(self.connections))

    def _swap(self, swap: SwapTables) -> None:
        """Never may a service be in the old or the new image without a guard, nor a connection's id be given
        away.
        """
        before, self.image = self.image, decode(swap.image)
        assert guarded(self.image) <= self.guard
        assert before is None or guarded(before) <= self.guard
        assert all(d.next_hop == self.engine.next_hop(d.address) for d in self.image.destinations.values())
        assert swap.generation == self.image.generation == self.swaps + 1
        self.swaps += 1


def guarded(image: DecodedImage) -> frozenset[GuardKey]:
    """The keys of packets that an image forwards."""
    services = {found.id: key for key, found in image.services.items()}
    to = {GuardKey(GuardSide.TO, key.protocol, key.address, key.port) for key in image.services}
    replies = {
        GuardKey(GuardSide.FROM, services[d.service].protocol, d.address, d.port)
        for d in image.destinations.values()
        if d.method is ForwardingMethod.NAT
    }
    return frozenset(to | replies)


def content(image: DecodedImage) -> DecodedImage:
    """An image without what may differ between two ways to it: with ids renamed in the services' order."""
    order = sorted(image.services.values(), key=lambda found: str(found.key))
    names = {
        number: place
        for place, number in enumerate((n for s in order for n, _ in reversed(s.listed)), start=1)
    }
    places = {found.id: place for place, found in enumerate(order, start=1)}

    def renamed(found: DecodedService) -> DecodedService:
        return replace(
            found,
            id=places[found.id],
            listed=tuple((names[number], weight) for number, weight in found.listed),
            lookup=tuple(names.get(number, 0) for number in found.lookup),
            stateless=tuple(names.get(number, 0) for number in found.stateless),
        )

    destinations = {
        names[number]: replace(d, id=names[number], service=places[d.service])
        for number, d in image.destinations.items()
    }
    services = {found.key: renamed(found) for found in order}
    return replace(image, generation=0, services=services, destinations=destinations)


def last_facts(history: Iterable[Event]) -> list[Event]:
    """The facts that still hold at the end, told once: links, then neighbours, then the configuration."""
    links: dict[int, Event] = {}
    neighbours: dict[tuple[int, IPAddress], Event] = {}
    configuration: list[Event] = []
    for event in history:
        match event:
            case LinkChanged(link):
                links[link.index] = event
            case LinkRemoved(index):
                links.pop(index, None)
                neighbours = {at: told for at, told in neighbours.items() if at[0] != index}
            case NeighbourChanged(neighbour):
                neighbours[neighbour.interface, neighbour.address] = event
            case ConfigurationApplied():
                configuration = [event]
    return [*links.values(), *neighbours.values(), *configuration]


def after(history: Iterable[Event]) -> World:
    world = World()
    for event in history:
        world.tell(event)
    return world


@settings(max_examples=150, deadline=None)
@given(HISTORIES, CONFIGURATIONS)
def test_any_history_ends_in_the_same_tables_as_its_last_facts_alone(
    history: list[Event], last: Configuration
) -> None:
    nobody = ConnectionsCounted(frozenset())
    history = [*history, ConfigurationApplied(last), nobody, nobody]
    long, short = after(history), after(last_facts(history))
    assert long.image is not None
    assert short.image is not None
    assert content(long.image) == content(short.image)
    assert (long.guard, long.addresses) == (short.guard, short.addresses)
    assert long.guard == guarded(long.image)
    assert long.addresses == {service.key.address for service in last.services}


@settings(max_examples=100, deadline=None)
@given(COUNTED)
def test_no_id_is_given_to_another_while_connections_refer_to_it(
    history: list[tuple[Configuration, frozenset[int]]],
) -> None:
    world = World()
    for configuration, open_connections in history:
        world.tell(ConfigurationApplied(configuration))
        world.tell(ConnectionsCounted(open_connections))
        assert all(world.engine.destination_of(number) for number in world.connections)


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_an_event_told_twice_gives_no_second_swap(history: list[Event]) -> None:
    """But for a count, of which the second says that time has passed."""
    world = World()
    for event in history:
        world.tell(event)
        swaps = world.swaps
        if isinstance(event, ConnectionsCounted):
            continue
        world.tell(event)
        assert world.swaps == swaps


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_the_same_history_gives_the_same_commands(history: list[Event]) -> None:
    one, other = Engine(), Engine()
    for event in history:
        assert one.handle(event) == other.handle(event)


@settings(max_examples=100, deadline=None)
@given(HISTORIES, CONFIGURATIONS)
def test_many_events_at_once_end_where_single_ones_do(history: list[Event], last: Configuration) -> None:
    history = [event for event in history if not isinstance(event, ConnectionsCounted)]
    single, together = Engine(), Engine()
    for event in (*history, ConfigurationApplied(last)):
        single.handle(event)
    together.handle_all((*history, ConfigurationApplied(last)))
    for engine in (single, together):
        for server in SERVERS:
            engine.handle(RouteResolved(server, route_to(server)))
    images = [final_image(engine) for engine in (single, together)]
    assert content(images[0]) == content(images[1])


def final_image(engine: Engine) -> DecodedImage:
    """The image after one more change, which touches nothing else: an image is only told when it changes."""
    another = LinkChanged(Link(9, "eth9", MACS[0], 1500, up=True))
    (swap,) = (command for command in engine.handle(another) if isinstance(command, SwapTables))
    return decode(swap.image)
