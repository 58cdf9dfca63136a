# SPDX-License-Identifier: Apache-2.0
"""The network inside User-Mode Linux: the packet table's own, MACs and all, in both families.

So frames can be compared whole. What the kernel says unasked there is turned off, or known by its address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.interop.families import FAMILIES, MACS, MARKED, Family
from tests.packets.network import INSIDE, INSIDE_MAC, OUTSIDE, OUTSIDE_MAC, ROUTER_MAC

ENDS = {OUTSIDE: "out1", INSIDE: "in1"}
INTERFACES = {end: interface for interface, end in ENDS.items()}
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "fo", "ovf", "lblc", "lblcr")
MARKING = ("sch_ingress", "cls_flower", "act_skbedit")
MODULES = ("veth", "ipip", "ip_vs", *(f"ip_vs_{scheduler}" for scheduler in SCHEDULERS), *MARKING)
BITS = {4: 32, 6: 128}
SUBNET = {4: 24, 6: 64}
PAIRS = (("out", OUTSIDE_MAC), ("in", INSIDE_MAC))


def network(addresses: tuple[str, ...]) -> dict[str, Any]:
    """Build the lab: veth pairs outside and inside, neighbours known, and these addresses on the director."""
    commands = ["link set lo up", *(f"address add {address} dev lo" for address in addresses)]
    for name, mac in PAIRS:
        commands += [
            f"link add {name}0 address {mac} type veth peer name {name}1",
            *(f"address add {address} dev {name}0{_at_once(address)}" for address in _own(name)),
            f"link set {name}0 up",
            f"link set {name}1 up",
        ]
    for family in FAMILIES:
        commands += _ways(family)
    return {
        "before": dict(_quiet()),
        "ip": commands,
        "unfinished": [f"{name}0" for name, _ in PAIRS],
        "after": _routing(),
    }


def _own(name: str) -> Iterator[str]:
    for family in FAMILIES:
        address = beside(family.router) if name == "out" else family.director
        yield f"{address}/{SUBNET[family.version]}"


def _at_once(address: str) -> str:
    return " nodad" if ":" in address else ""


def _ways(family: Family) -> Iterator[str]:
    """Say where clients and servers are, and which network's every address is the director's own."""
    yield f"route add default via {family.router} dev out0"
    yield f"route add local {MARKED[family.version]} dev lo"
    yield f"neigh add {family.router} lladdr {ROUTER_MAC} dev out0 nud permanent"
    for server in family.servers:
        yield f"neigh add {server} lladdr {MACS[server]} dev in0 nud permanent"


def _quiet() -> Iterator[tuple[str, str]]:
    for which in ("all", "default"):
        yield f"net/ipv4/conf/{which}/rp_filter", "0"
        yield f"net/ipv6/conf/{which}/accept_dad", "0"
        yield f"net/ipv6/conf/{which}/router_solicitations", "0"
    yield "net/ipv6/conf/default/addr_gen_mode", "1"  # no address that nobody gave


def _routing() -> dict[str, str]:
    return {
        "net/ipv4/ip_forward": "1",
        "net/ipv4/icmp_ratelimit": "0",
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv6/icmp/ratelimit": "0",
    }


def beside(router: str) -> str:
    """Return the director's own address in the router's network."""
    return f"{router[:-1]}2"
