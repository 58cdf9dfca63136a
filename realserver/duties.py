# SPDX-License-Identifier: Apache-2.0
"""From what was asked for to duties: fills in what the host can tell, or says what must be given. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from realserver.errors import WantedError
from realserver.settings import (
    GUE_PORT,
    LOOPBACK,
    MAIN_TABLE,
    Decapsulation,
    Duty,
    HostState,
    Method,
    Port,
    Route,
    RouteKey,
    Tunnels,
    TunnelType,
)

KERNELS_TABLES = range(253, 256)  # default, main, local
SOURCE_TABLE = 2000  # the routing table for --source where no --table is given


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `up` and `check`, parsed and nothing more."""

    vips: tuple[IPAddress, ...]
    method: Method
    interface: str | None = None
    director: IPAddress | None = None
    source: IPAddress | None = None
    table: int | None = None
    endpoints: tuple[IPAddress, ...] = ()
    mtu: int | None = None
    decapsulation: Decapsulation = Decapsulation.AUTO
    tunnels: tuple[TunnelType, ...] = ()
    tunnel_port: int | None = None
    ports: tuple[Port, ...] = ()


def duties_of(have: HostState, request: Request) -> tuple[Duty, ...]:
    """Make a duty of each VIP that was asked for."""
    _refuse_stray_options(request)
    return tuple(
        Duty(
            method=request.method,
            vip=vip,
            interface=request.interface or _entrance(have, request, vip),
            director=request.director,
            source=request.source,
            table=(request.table or SOURCE_TABLE) if request.source else 0,
            endpoints=request.endpoints,
            mtu=request.mtu,
            decapsulation=request.decapsulation,
            tunnels=_tunnels(request),
            ports=request.ports,
        )
        for vip in dict.fromkeys(request.vips)
    )


def _refuse_stray_options(request: Request) -> None:
    """An option that its method does not heed is a misunderstanding, better told than ignored."""
    given: dict[Method, dict[str, object]] = {
        Method.NAT: {"--source": request.source, "--table": request.table},
        Method.TUN: {
            "--endpoint": request.endpoints,
            "--mtu": request.mtu,
            "--decap": request.decapsulation is not Decapsulation.AUTO,
            "--tunnel": request.tunnels,
            "--tunnel-port": request.tunnel_port,
        },
    }
    for method, options in given.items():
        stray = [name for name, value in options.items() if value and method is not request.method]
        if stray:
            raise WantedError(
                f"{stray[0]} goes with --method {method.value}, not with --method {request.method.value}"
            )
    if request.tunnel_port and request.tunnels and TunnelType.GUE not in request.tunnels:
        raise WantedError("--tunnel-port goes with --tunnel gue: no other has a port")
    if request.table and not request.source:
        raise WantedError("--table goes with --source ADDRESS")
    if request.table in KERNELS_TABLES:
        raise WantedError(f"--table {request.table} is one of the kernel's own (253 to 255): give another")


def _tunnels(request: Request) -> Tunnels:
    """Sort what was asked for, so that the order of the options makes no difference; nothing means all."""
    asked = tuple(each for each in TunnelType if each in request.tunnels)
    return Tunnels(asked or tuple(TunnelType), request.tunnel_port or GUE_PORT)


def _entrance(have: HostState, request: Request, vip: IPAddress) -> str:
    """Find the interface that the director's packets come in by."""
    for reachable in (request.director, *request.endpoints, vip):
        name = _neighbour(have, reachable)
        if name:
            return name
    ethernet = {each.name for each in have.interfaces if each.is_ethernet and each.is_up}
    candidates = _default_interfaces(have) or ethernet
    if len(candidates) == 1:
        return candidates.pop()
    found = ", ".join(sorted(candidates)) or "none"
    raise WantedError(
        f"which interface do the director's packets come in by? give --interface IF (found: {found})"
    )


def _default_interfaces(have: HostState) -> set[str]:
    return {
        route.interface
        for key, route in have.settings.items()
        if isinstance(key, RouteKey)
        and isinstance(route, Route)
        and key.is_default
        and key.table == MAIN_TABLE
        if route.interface
    }


def _neighbour(have: HostState, address: IPAddress | None) -> str | None:
    """Name the interface on whose network this address is."""
    if address is None:
        return None
    found = (
        interface.name
        for interface in have.interfaces
        if interface.name != LOOPBACK and any(own.reaches(address) for own in interface.addresses)
    )
    return next(found, None)
