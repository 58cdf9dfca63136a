# SPDX-License-Identifier: Apache-2.0
"""The way to every real server: links, routes and neighbours as the kernel told them, added up to next hops.

Facts may come in any order and more than once. Each `learn_*` answers with the wanted addresses whose next
hop changed by it, so that the caller does nothing for news that change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from netaddr import IPAddress

from director.model import Link, Neighbour, NextHop, OwnAddress, Route, RouteAnswer, VirtualService, Way
from director.model.counters import NextHopState, NextHopStatus

NeighbourPlace = tuple[int, IPAddress]
"""An interface, and an address on it."""


class NextHops:
    """What is known of the network, and what is wanted of it."""

    def __init__(self) -> None:
        self._wanted: Counter[IPAddress] = Counter()
        self._links: dict[int, Link] = {}
        self._routes: dict[IPAddress, RouteAnswer] = {}
        self._neighbours: dict[NeighbourPlace, Neighbour] = {}
        self._users: dict[NeighbourPlace, dict[IPAddress, None]] = {}
        self._hops: dict[IPAddress, Way] = {}
        self._unanswered: set[IPAddress] = set()

    @property
    def links(self) -> tuple[Link, ...]:
        """Return all links, the lowest index first."""
        return tuple(self._links[index] for index in sorted(self._links))

    @property
    def wanted(self) -> tuple[IPAddress, ...]:
        """Return the addresses that packets are sent to."""
        return tuple(self._wanted)

    def wants(self, address: IPAddress) -> bool:
        """Tell whether packets are sent to this address."""
        return address in self._wanted

    @property
    def needed_neighbours(self) -> tuple[NeighbourPlace, ...]:
        """Return the neighbours that the wanted addresses are reached through."""
        return tuple(self._users)

    def want(self, addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
        """Take more uses of addresses; return those that had none before."""
        new = []
        for address in addresses:
            if not self._wanted[address]:
                new.append(address)
            self._wanted[address] += 1
        return tuple(new)

    def give_up(self, addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
        """Take uses back; forget the way to addresses that have none left, and return them."""
        gone = []
        for address in addresses:
            self._wanted[address] -= 1
            if not self._wanted[address]:
                del self._wanted[address]
                self._set_route(address, None)
                del self._routes[address]
                self._hops.pop(address, None)
                self._unanswered.discard(address)
                gone.append(address)
        return tuple(gone)

    def learn_link(self, index: int, link: Link | None) -> tuple[IPAddress, ...]:
        """Take a new or changed link, or that it is gone and its neighbours with it."""
        if link is not None:
            self._links[index] = link
        else:
            self._links.pop(index, None)
            for place in [place for place in self._neighbours if place[0] == index]:
                del self._neighbours[place]
        return self._renew(self.users_behind(index))

    def learn_route(self, destination: IPAddress, route: RouteAnswer) -> tuple[IPAddress, ...]:
        """Take the kernel's answer for an address; one that is no longer wanted is ignored."""
        if destination not in self._wanted:
            return ()
        self._set_route(destination, route)
        return self._renew((destination,))

    def learn_neighbour(self, neighbour: Neighbour) -> tuple[IPAddress, ...]:
        """Take news of a neighbour."""
        place = neighbour.interface, neighbour.address
        if neighbour.mac is None:
            self._neighbours.pop(place, None)
        else:
            self._neighbours[place] = neighbour
        return self._renew(tuple(self._users.get(place, ())))

    def unanswered(self, neighbour: Neighbour) -> tuple[IPAddress, ...]:
        """Return the wanted addresses behind a neighbour that gave no answer, each once until found."""
        if neighbour.mac is not None:
            return ()
        users = self._users.get((neighbour.interface, neighbour.address), {})
        news = tuple(address for address in users if address not in self._unanswered)
        self._unanswered.update(news)
        return news

    def next_hop(self, address: IPAddress) -> Way | None:
        """Look up the next hop of a wanted address, if it is known, or that it is the host's own."""
        return self._hops.get(address)

    def unresolved_neighbour(self, address: IPAddress) -> NeighbourPlace | None:
        """Return the neighbour whose MAC alone is missing on the way to an address."""
        route = self._route(address)
        if route is None or not self._is_usable(route.interface):
            return None
        place = route.interface, route.neighbour
        return None if place in self._neighbours else place

    def status(self, address: IPAddress) -> NextHopStatus:
        """Tell how far the way to an address is known."""
        route = self._route(address)
        if route is None:
            return NextHopStatus(address, self._state_without_route(address))
        link = self._links.get(route.interface)
        name = link.name if link is not None else None
        if not self._is_usable(route.interface):
            return NextHopStatus(address, NextHopState.NO_LINK, name, route.neighbour)
        neighbour = self._neighbours.get((route.interface, route.neighbour))
        state = NextHopState.RESOLVED if neighbour is not None else NextHopState.RESOLVING
        return NextHopStatus(address, state, name, route.neighbour, neighbour.mac if neighbour else None)

    def why_unresolved(self, address: IPAddress) -> str | None:
        """Say in words what is missing on the way to an address, or None if nothing is."""
        if address in self._hops:
            return None
        route = self._route(address)
        if route is None:
            return {
                NextHopState.RESOLVING: f"the kernel was not yet asked for a route to {address}",
                NextHopState.NO_ROUTE: f"no route to {address}",
            }[self._state_without_route(address)]
        link = self._links.get(route.interface)
        if link is None:
            return f"the route to {address} leaves by interface {route.interface}, which is not there"
        if not link.up:
            return f"{link.name} is down"
        if link.mac is None:
            return f"{link.name} is not an Ethernet interface"
        return f"{route.neighbour} does not answer on {link.name}"

    def users_behind(self, interface: int) -> tuple[IPAddress, ...]:
        """Return the wanted addresses whose route leaves by an interface."""
        places = (place for place in self._users if place[0] == interface)
        return tuple(address for place in places for address in self._users[place])

    def _route(self, address: IPAddress) -> Route | None:
        found = self._routes.get(address)
        return found if isinstance(found, Route) else None

    def _state_without_route(self, address: IPAddress) -> NextHopState:
        if address not in self._routes:
            return NextHopState.RESOLVING
        own = isinstance(self._routes[address], OwnAddress)
        return NextHopState.LOCAL if own else NextHopState.NO_ROUTE

    def _is_usable(self, interface: int) -> bool:
        link = self._links.get(interface)
        return link is not None and link.up and link.mac is not None

    def _set_route(self, destination: IPAddress, route: RouteAnswer) -> None:
        old = self._route(destination)
        if old is not None:
            place = old.interface, old.neighbour
            del self._users[place][destination]
            if not self._users[place]:
                del self._users[place]
        if isinstance(route, Route):
            self._users.setdefault((route.interface, route.neighbour), {})[destination] = None
        self._routes[destination] = route

    def _renew(self, addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
        """Work the next hops out again; return the addresses where they changed."""
        changed = []
        for address in addresses:
            hop = self._work_out(address)
            if hop == self._hops.get(address):
                continue
            changed.append(address)
            if hop is None:
                del self._hops[address]
            else:
                self._hops[address] = hop
                self._unanswered.discard(address)
        return tuple(changed)

    def _work_out(self, address: IPAddress) -> Way | None:
        answer = self._routes.get(address)
        if isinstance(answer, OwnAddress):
            return answer
        route = self._route(address)
        if route is None or not self._is_usable(route.interface):
            return None
        link = self._links[route.interface]
        neighbour = self._neighbours.get((route.interface, route.neighbour))
        if neighbour is None or neighbour.mac is None or link.mac is None:
            return None
        return NextHop(link.index, link.mac, neighbour.mac, route.source, min(route.mtu, link.mtu))


def translated_here(way: NextHopStatus, services: Iterable[VirtualService]) -> NextHopStatus:
    """Say so where a NAT server of these is on this host: what its stack answers can not be told back."""
    if way.state is not NextHopState.LOCAL:
        return way
    servers = ((service, one) for service in services for one in service.destinations)
    if not any(one.address == way.destination and service.translates(one) for service, one in servers):
        return way
    return replace(way, state=NextHopState.LOCAL_NAT)
