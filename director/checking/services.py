# SPDX-License-Identifier: Apache-2.0
"""Judge a virtual service: its VIP, who else serves it on this host, and the way to each of its servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netaddr import EUI, IPAddress

from director.checking.findings import Checked, Finding, Level
from director.model import (
    Destination,
    ForwardingMethod,
    OwnAddress,
    Protocol,
    Route,
    RouteAnswer,
    ServiceKey,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.service import endpoint

_OUTER_IP = {4: 20, 6: 40}
_INNER = {TunnelType.IPIP: 0, TunnelType.GRE: 4, TunnelType.GUE: 12}
_LETTERS = {Protocol.TCP: "t", Protocol.UDP: "u", Protocol.SCTP: "S"}
_KERNEL_OPTIONS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}


@dataclass(frozen=True, slots=True)
class Way:
    """The kernel's answer about an address; `mac` is its neighbour's, None where nobody answered."""

    route: RouteAnswer
    interface: str = ""
    mac: EUI | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What services meet on this host. `binds_vips`: the director binds a VIP, and has not begun yet."""

    ways: Mapping[IPAddress, Way] = field(default_factory=dict)
    addresses: frozenset[IPAddress] = frozenset()
    taken: frozenset[str] = frozenset()
    """The names of interfaces that the director forwards on."""
    largest_mtu: int = 1500
    binds_vips: bool = True
    listeners: frozenset[ServiceKey] = frozenset()
    """What sockets of this host are bound to, but for those bound to every address."""
    kernel_services: frozenset[ServiceKey] = frozenset()
    """What the kernel's IPVS balances."""
    marks: frozenset[int] = frozenset()
    """The marks that rules give."""
    lo_is_strict: bool = False
    """Packets for servers that are this host come to its stack by lo (`packet`), which drops IPv4's."""


def check_service(service: VirtualService, around: Surroundings) -> Checked:
    """Judge a service and the way to its servers."""
    count = len(service.destinations)
    words = f"{service.key} with {count} server{'' if count == 1 else 's'}" if count else ""
    return Checked.of(str(service.key), words, _findings(service, around))


def _findings(service: VirtualService, around: Surroundings) -> Iterator[Finding]:
    key = service.key
    yield from _mark_findings(service, around) if key.mark else _vip_findings(service, around)
    if not service.destinations:
        yield _note(service, "it has no server", "no client is answered",
                    f"director server add {key} ADDRESS --method METHOD")  # fmt: skip
    elif not any(each.weight for each in service.destinations):
        yield _note(service, "every server has weight 0", "no new client is answered",
                    f"director server edit {key} {service.destinations[0].endpoint} --weight 1")  # fmt: skip
    for destination in service.destinations:
        yield from _destination_findings(service, destination, around)
    yield from _tunnel_findings(service, around)


def _mark_findings(service: VirtualService, around: Surroundings) -> Iterator[Finding]:
    mark = service.key.mark
    if mark not in around.marks:
        yield _note(service, f"no rule gives a packet the mark {mark}", "it balances nothing",
                    f"director mark add {mark} NETWORK")  # fmt: skip


def _vip_findings(service: VirtualService, around: Surroundings) -> Iterator[Finding]:
    key = service.key
    vip = key.address
    if vip not in around.addresses and not around.binds_vips:
        yield _note(service, f"{vip} is no address of this host",
                    f"nobody here answers {_discovery(vip)} for it",
                    f"route it to this host, or ip address add {_host(vip)} dev IFNAME")  # fmt: skip
    if key in around.kernel_services:
        option = _KERNEL_OPTIONS[key.protocol]
        yield _problem(service, "the kernel's IPVS balances it too", "two balancers would answer",
                       f"ipvsadm -D {option} {endpoint(vip, key.port)}")  # fmt: skip
    if key in around.listeners and not _serves_here(service, around):
        letter = _LETTERS[key.protocol]
        yield _problem(service, f"a socket of this host is bound to {endpoint(vip, key.port)}",
                       "it gets none of its packets while the director runs",
                       f"ss -ln{letter}p 'sport = :{key.port}' names its process; stop that")  # fmt: skip


def _destination_findings(
    service: VirtualService, destination: Destination, around: Surroundings
) -> Iterator[Finding]:
    way, address = around.ways.get(destination.address), destination.address
    if way is None:
        return
    route = way.route
    if isinstance(route, OwnAddress):
        yield from _own_findings(service, destination, around)
    elif route is None:
        yield _problem(service, f"there is no route to server {address}", "nothing is sent to it",
                       f"ip route get {address}")  # fmt: skip
    else:
        yield from _route_findings(service, destination, way, route)
        if destination.method is ForwardingMethod.NAT and way.interface not in around.taken:
            what = f"server {address} is on {way.interface}, which is not taken"
            yield _problem(service, what, "its replies are not translated", f"--interface {way.interface}")


def _serves_here(service: VirtualService, around: Surroundings) -> bool:
    """Tell whether this host is one of its servers."""
    ways = ((one, around.ways.get(one.address)) for one in service.destinations)
    return any(way and isinstance(way.route, OwnAddress) and not service.translates(one) for one, way in ways)


def _own_findings(
    service: VirtualService, destination: Destination, around: Surroundings
) -> Iterator[Finding]:
    key, there = service.key, destination.endpoint
    if service.translates(destination):
        yield _problem(service, f"NAT server {there} is this host itself", "nothing is sent to it",
                       "have it serve at the VIP and the service's port, "
                       f"director server delete {key} {there} "
                       f"and director server add {key} {destination.address} --method dr")  # fmt: skip
    elif around.lo_is_strict and key.address.version == 4:
        yield _problem(service, f"server {there} is this host itself, and lo is strict (rp_filter is 1)",
                       "nothing reaches its stack", "sysctl -w net.ipv4.conf.lo.rp_filter=2")  # fmt: skip


def _route_findings(
    service: VirtualService, destination: Destination, way: Way, route: Route
) -> Iterator[Finding]:
    address = destination.address
    if way.mac is None:
        who = f"server {address}"
        if route.gateway is not None:
            who = f"{route.gateway}, the gateway to server {address},"
        yield _problem(service, f"{who} does not answer {_discovery(address)} on {way.interface}",
                       "nothing is sent to it", f"ping -c 1 {route.neighbour}")  # fmt: skip
    if destination.method is ForwardingMethod.DR and route.gateway is not None:
        yield _problem(
            service, f"server {address} is behind {route.gateway}",
            "direct routing does not reach it: its frames end at the gateway",
            f"director server edit {service.key} {destination.endpoint} --method tun",
        )  # fmt: skip


def _tunnel_findings(service: VirtualService, around: Surroundings) -> Iterator[Finding]:
    """Say once for a service what does not fit."""
    for destination in service.destinations:
        way = around.ways.get(destination.address)
        if destination.method is not ForwardingMethod.TUN or way is None:
            continue
        route = way.route
        if route is None or isinstance(route, OwnAddress):
            continue
        overhead = _overhead(destination)
        room = route.mtu - overhead
        if room < around.largest_mtu:
            yield _note(service, f"a tunnel to {destination.address} has room for packets of {room} bytes",
                        f"clients that send {around.largest_mtu} are told to send less",
                        f"ip link set {way.interface} mtu {around.largest_mtu + overhead}, at the "
                        "servers as well")  # fmt: skip
            return


def _overhead(destination: Destination) -> int:
    """Return how many bytes a tunnel adds to a packet."""
    tunnel = destination.tunnel
    checksum = 4 if tunnel.type is TunnelType.GRE and tunnel.checksum is not TunnelChecksum.NONE else 0
    option = 8 if tunnel.type is TunnelType.GUE and tunnel.checksum is TunnelChecksum.REMOTE else 0
    return _OUTER_IP[destination.address.version] + _INNER[tunnel.type] + checksum + option


def _host(address: IPAddress) -> str:
    return f"{address}/{32 if address.version == 4 else 128}"


def _discovery(address: IPAddress) -> str:
    return "ARP" if address.version == 4 else "neighbour discovery"


def _problem(service: VirtualService, what: str, means: str, remedy: str) -> Finding:
    return Finding(str(service.key), Level.PROBLEM, what, means, remedy)


def _note(service: VirtualService, what: str, means: str, remedy: str) -> Finding:
    return Finding(str(service.key), Level.NOTE, what, means, remedy)
