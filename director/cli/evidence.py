# SPDX-License-Identifier: Apache-2.0
"""Gather what `director check` judges: of the host, and of the running director where there is one.

Nothing is changed: programs are loaded and dropped again, and servers are asked for as the stack would. What
can not be seen without rights is left out, which the finding about the rights says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.checking.interfaces import Bystanders, Interface
from director.checking.machine import Machine, Program
from director.checking.services import Surroundings, Way
from director.cli.answers import Status
from director.daemon.choosing import ASKED_FOR, Best
from director.datapath.attachment import (
    FILTER_NAME,
    OUR_NAMES,
    Filter,
    ingress_filters,
    is_held,
    qdiscs,
)
from director.datapath.errors import DatapathError
from director.datapath.guard import Guard
from director.datapath.programs import ProgramKind, Programs, TableSizes
from director.datapath.strangers import program_name, tcx_programs
from director.host import rights, rivals
from director.host.addresses import present_addresses
from director.host.cards import look_at
from director.host.messages import IFF_UP, is_port, link_of
from director.host.neighbours import Neighbours
from director.host.routes import resolve_route
from director.model import Configuration, Link, Route
from director.model.card import Card
from director.model.configuration import Carriage, DatapathKind

PATIENCE = 1.5
"""Seconds in which every server has to answer ARP."""
SMALL = TableSizes(sets=64, image_lines=64)
OUR_XDP = "lb_xdp"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found out; `missing` are interfaces that were named and are not there."""

    machine: Machine
    interfaces: tuple[Interface, ...]
    missing: tuple[str, ...]
    around: Surroundings


@dataclass(frozen=True, slots=True)
class _Found:
    """An interface as the kernel's dump has it, and what stands on it."""

    link: Link
    message: Any
    bystanders: Bystanders
    left: frozenset[str] = frozenset()
    """The names of our programs there, if no living director has them."""


def gather(configuration: Configuration, running: Status | None) -> Evidence:
    """Find out everything about the host that this configuration, or the running director, depends on."""
    machine = _machine()
    found, ways, addresses = asyncio.run(_network(configuration, machine))
    chosen = {one["name"]: one for one in running["interfaces"]} if running else {}
    names = configuration.settings.interfaces or tuple(chosen) or _usual(found)
    machine = _with_left(machine, found.values())
    there = {one.link.name: one for one in found.values()}
    masters = {index: one.link.name for index, one in found.items()}
    interfaces = tuple(
        _interface(there[name], masters, _carriage(configuration, machine, chosen.get(name)))
        for name in names
        if name in there
    )
    around = Surroundings(
        ways=ways,
        addresses=addresses,
        taken=frozenset(one.name for one in interfaces),
        largest_mtu=max((one.mtu for one in interfaces), default=1500),
        binds_vips=configuration.settings.bind_vips and running is None,
        listeners=rivals.listeners(),
        kernel_services=rivals.kernel_services(),
        marks=frozenset(rule.mark for rule in configuration.marks),
        lo_is_strict=rivals.lo_is_strict()
        and any(one.carriage.datapath is DatapathKind.PACKET for one in interfaces),
    )
    return Evidence(machine, interfaces, tuple(name for name in names if name not in there), around)


def _machine() -> Machine:
    return Machine(
        missing_rights=rights.missing_rights(),
        programs=_programs(),
        packet_sockets=rights.packet_socket_refusal(),
        has_bpffs=rights.has_bpffs(),
        forwards=rivals.forwards(),
        netfilter=rivals.packet_filters(),
    )


def _with_left(machine: Machine, found: Iterable[_Found]) -> Machine:
    """Tell on which interfaces a director that is no more left a guard, and on which it forwards still."""
    left = tuple(one for one in found if one.left)
    guarded = tuple(one.link.name for one in left if one.left == {FILTER_NAME})
    return replace(
        machine,
        guarded=guarded,
        left_forwarding=tuple(one.link.name for one in left if one.link.name not in guarded),
    )


def _programs() -> tuple[Program, ...]:
    """Have the kernel take each program, and let it go again."""
    return (
        _tried("guard", Guard.load),
        *(_tried(kind.value, lambda kind=kind: Programs.load(kind, SMALL)) for kind in (  # type: ignore[misc]
            ProgramKind.TC, ProgramKind.XDP)),
    )  # fmt: skip


def _tried(name: str, load: Callable[[], Guard | Programs]) -> Program:
    try:
        load().close()
    except DatapathError as error:
        return Program(name, str(error))
    return Program(name)


def _carriage(configuration: Configuration, machine: Machine, chosen: Any) -> Callable[[Card], Carriage]:
    """Say what carries an interface, or would: as the running director says, else as one would choose."""
    wanted = configuration.settings.datapath
    if chosen is not None:
        return lambda _: Carriage(DatapathKind(chosen["datapath"]), chosen["why"])
    if wanted is not DatapathKind.AUTO:
        return lambda _: Carriage(wanted, ASKED_FOR)
    refusal = next((one.refusal for one in machine.programs if one.name == "tc"), "")
    if refusal:
        return lambda _: Carriage(DatapathKind.PACKET, refusal)
    return lambda card: Best(lambda _: card).carriage(0)


def _usual(found: Mapping[int, _Found]) -> tuple[str, ...]:
    """Name the interfaces that a director takes which was given no names."""
    return tuple(
        one.link.name for one in found.values()
        if one.link.mac is not None and one.link.up and not is_port(one.message)
    )  # fmt: skip


def _interface(found: _Found, names: Mapping[int, str], carriage: Callable[[Card], Carriage]) -> Interface:
    link, message = found.link, found.message
    card = look_at(link.index)
    is_on = bool(message["flags"] & IFF_UP)
    return Interface(
        card=card,
        carriage=carriage(card),
        mtu=link.mtu,
        is_ethernet=link.mac is not None,
        is_switched_on=is_on,
        has_carrier=link.up or not is_on,
        master=names.get(message.get_attr("IFLA_MASTER"), "a bridge or bond") if is_port(message) else None,
        bystanders=found.bystanders,
    )


async def _network(
    configuration: Configuration, machine: Machine
) -> tuple[dict[int, _Found], dict[IPAddress, Way], frozenset[IPAddress]]:
    async with AsyncIPRoute() as kernel:
        messages = [message async for message in await kernel.link("dump")]
        found = {message["index"]: await _found(kernel, message) for message in messages}
        links = {index: one.link for index, one in found.items()}
        servers = {one.address for service in configuration.services for one in service.destinations}
        ways = await _ways(kernel, links, servers)
        if machine.missing_rights:  # then nobody was asked
            ways = {address: way for address, way in ways.items() if way.mac is not None}
        addresses = frozenset(one.address for one in await present_addresses(kernel))
    return found, ways, addresses


async def _found(kernel: AsyncIPRoute, message: Any) -> _Found:
    index = message["index"]
    xdp = message.get_attr("IFLA_XDP")
    number = xdp.get_attr("IFLA_XDP_PROG_ID") if xdp else None
    name = program_name(number) if number else None
    filters = await ingress_filters(kernel, index)
    bystanders = Bystanders(
        xdp=None if name == OUR_XDP else name,
        tcx=tcx_programs(index),
        filters=_before_ours(filters),
        has_ingress_qdisc="ingress" in await qdiscs(kernel, index),
    )
    names = {str(name), *(str(one.name) for one in filters)}
    left = frozenset[str]() if is_held(index) else frozenset(names & {*OUR_NAMES, OUR_XDP})
    return _Found(link_of(message), message, bystanders, left)


def _before_ours(filters: Iterable[Filter]) -> tuple[str, ...]:
    """Name the filters that see a packet before ours, which takes the first free preference."""
    there = [one for one in filters if one.handle]
    taken = {one.preference for one in there if one.name not in OUR_NAMES}
    ours = next(number for number in range(1, 0xFFFF) if number not in taken)
    ours = next((one.preference for one in there if one.name in OUR_NAMES), ours)
    return tuple(
        f"the filter {one.name or one.kind} (preference {one.preference})"
        for one in sorted(there, key=lambda each: each.preference)
        if one.preference < ours
    )


async def _ways(
    kernel: AsyncIPRoute, links: Mapping[int, Link], addresses: Iterable[IPAddress]
) -> dict[IPAddress, Way]:
    """Ask the way to every server, and have each next hop found out."""
    routes = {address: await resolve_route(kernel, address, links) for address in sorted(addresses)}
    neighbours = Neighbours(kernel)
    hops = {(route.interface, route.neighbour): None for route in routes.values() if isinstance(route, Route)}
    for hop in hops:
        await neighbours.solicit(*hop)
    known: dict[tuple[int, IPAddress], Any] = {}
    with suppress(TimeoutError, NetlinkError):
        async with asyncio.timeout(PATIENCE):
            for hop in hops:
                known[hop] = (await neighbours.found(*hop)).mac
    return {
        address: Way(route, links[route.interface].name, known.get((route.interface, route.neighbour)))
        if isinstance(route, Route)
        else Way(route)
        for address, route in routes.items()
    }
