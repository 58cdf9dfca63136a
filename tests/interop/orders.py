# SPDX-License-Identifier: Apache-2.0
"""What an operator types to bring a kernel director to a setting: the lab's network, and ipvsadm's commands.

Pure: settings in, commands out. The lab inside User-Mode Linux is the packet table's network, MACs and
all, so that frames can be compared whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from director.model import Destination, ForwardingMethod, ServiceKey, Tunables, VirtualService
from tests.packets.network import (
    DIRECTOR,
    INSIDE,
    INSIDE_MAC,
    MTU,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER,
    ROUTER_MAC,
    SERVER_MACS,
    Setting,
)

ENDS = {OUTSIDE: "out1", INSIDE: "in1"}
INTERFACES = {end: interface for interface, end in ENDS.items()}
METHODS = {ForwardingMethod.DR: "-g", ForwardingMethod.TUN: "-i", ForwardingMethod.NAT: "-m"}
MODULES = ("veth", "ipip", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh")
KERNEL_TUNABLES = ("conn_reuse_mode", "expire_nodest_conn", "sloppy_tcp")

Step = dict[str, Any]


def network(addresses: tuple[str, ...]) -> Step:
    """Build the lab: veth pairs outside and inside, neighbours known, and these addresses on the director."""
    pairs = (("out", OUTSIDE_MAC, f"{_beside(ROUTER)}/24"), ("in", INSIDE_MAC, f"{DIRECTOR}/24"))
    commands = ["link set lo up", *(f"address add {address}/32 dev lo" for address in addresses)]
    for name, mac, address in pairs:
        commands += [
            f"link add {name}0 address {mac} type veth peer name {name}1",
            f"address add {address} dev {name}0",
            f"link set {name}0 up",
            f"link set {name}1 up",
        ]
    commands += [
        f"route add default via {ROUTER} dev out0",
        f"neigh add {ROUTER} lladdr {ROUTER_MAC} dev out0 nud permanent",
        *(f"neigh add {server} lladdr {mac} dev in0 nud permanent" for server, mac in SERVER_MACS.items()),
    ]
    every = {f"net/ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default")}
    return {
        "before": {**every, "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1"},
        "ip": commands,
        "after": {"net/ipv4/ip_forward": "1", "net/ipv4/icmp_ratelimit": "0"},
    }


def commands(old: Setting | None, new: Setting) -> Step:
    """Say how to get from one setting to another, an operator's way."""
    was = {service.key: service for service in old.configuration.services} if old else {}
    now = {service.key: service for service in new.configuration.services}
    typed: list[tuple[str, ...]] = [("-D", *_key(key)) for key in was if key not in now]
    for key, service in now.items():
        typed += _changes(was.get(key), service)
    return {
        "write": dict(_tunables(old.configuration.tunables if old else None, new.configuration.tunables)),
        "ip": list(_routes(old, new)),
        "ipvsadm": typed,
        "settles": any(word[0] in ("-d", "-D") for word in typed),
    }


def _changes(old: VirtualService | None, new: VirtualService) -> Iterator[tuple[str, ...]]:
    flags = ("-b", ",".join(sorted(flag.value for flag in new.flags))) if new.flags else ()
    if old is None or (old.scheduler, old.flags) != (new.scheduler, new.flags):
        yield ("-A" if old is None else "-E", *_key(new.key), "-s", new.scheduler.value, *flags)
    was = {destination.endpoint: destination for destination in old.destinations} if old else {}
    now = {destination.endpoint: destination for destination in new.destinations}
    for name in was:
        if name not in now:
            yield ("-d", *_key(new.key), "-r", name)
    for name, destination in now.items():
        if was.get(name) != destination:
            yield ("-e" if name in was else "-a", *_key(new.key), *_destination(destination))


def _key(key: ServiceKey) -> tuple[str, str]:
    return f"--{key.protocol.value}-service", f"{key.address}:{key.port}"


def _destination(destination: Destination) -> tuple[str, ...]:
    return "-r", destination.endpoint, METHODS[destination.method], "-w", str(destination.weight)


def _tunables(old: Tunables | None, new: Tunables) -> Iterator[tuple[str, str]]:
    for name in KERNEL_TUNABLES:
        if old is None or getattr(old, name) != getattr(new, name):
            yield f"net/ipv4/vs/{name}", str(getattr(new, name))


def _routes(old: Setting | None, new: Setting) -> Iterator[tuple[str, ...]]:
    for address, way in new.hops.items():
        if way.mtu != (old.hops[address].mtu if old else MTU):
            route = (f"{address}/32", "dev", "in0", "src", DIRECTOR, "mtu", str(way.mtu))
            yield "route", "replace", *route


def _beside(router: str) -> str:
    """Return the director's own address in the router's network."""
    return router.rsplit(".", 1)[0] + ".2"
