# SPDX-License-Identifier: Apache-2.0
"""Judge an interface for the data path that carries it, or would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from director.checking.findings import Checked, Finding, Level
from director.checking.xdp import LARGEST_FOR_XDP, MERGING, VETH, doubts, hindrances
from director.model.card import Card, Offload
from director.model.configuration import Carriage, DatapathKind


@dataclass(frozen=True, slots=True)
class Bystanders:
    """What others have put where packets come in."""

    xdp: str | None = None
    tcx: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    """Filters that see a packet before the director's."""
    has_ingress_qdisc: bool = False


@dataclass(frozen=True, slots=True)
class Interface:
    """What there is to know of an interface that is to be taken."""

    card: Card
    carriage: Carriage
    mtu: int
    is_ethernet: bool = True
    is_switched_on: bool = True
    has_carrier: bool = True
    master: str | None = None
    bystanders: Bystanders = Bystanders()

    @property
    def name(self) -> str:
        return self.card.name


def check_interface(interface: Interface) -> Checked:
    """Judge an interface that is there."""
    by = interface.carriage
    return Checked.of(
        interface.name, f"{interface.name} by {by.datapath.value} ({by.why})", _findings(interface)
    )


def check_missing(name: str) -> Checked:
    """Judge an interface that was named and is not there."""
    found = Finding(
        name, Level.PROBLEM, "there is no such interface", "it is taken only when it comes",
        "ip -brief link show, and name another with --interface",
    )  # fmt: skip
    return Checked.of(name, name, (found,))


def _findings(interface: Interface) -> Iterator[Finding]:
    if not interface.is_ethernet:
        yield _problem(interface, "it is no Ethernet interface", "it is never taken",
                       "name another with --interface")  # fmt: skip
        return
    yield from _state_findings(interface)
    if interface.carriage.datapath is DatapathKind.XDP:
        yield from hindrances(interface.card)
        yield from doubts(interface.card)
        yield from _size_findings(interface)
    elif Offload.LRO in interface.card.offloads:
        yield _problem(interface, "it merges frames: rx-lro is on", "they can not be forwarded whole",
                       f"ethtool -K {interface.name} {MERGING[Offload.LRO]} off")  # fmt: skip
    yield from _bystander_findings(interface)


def _state_findings(interface: Interface) -> Iterator[Finding]:
    name = interface.name
    if not interface.is_switched_on:
        yield _problem(interface, "it is down", "nothing is forwarded on it", f"ip link set {name} up")
    elif not interface.has_carrier:
        yield _problem(interface, "it has no carrier", "nothing is forwarded on it",
                       "see to its cable, or to its other end")  # fmt: skip
    if interface.master is not None:
        yield _note(interface, f"it is a port of {interface.master}",
                    "only what is sent to the port's own MAC address is forwarded, and not the bridge's",
                    f"--interface {interface.master} instead")  # fmt: skip


def _size_findings(interface: Interface) -> Iterator[Finding]:
    if interface.mtu > LARGEST_FOR_XDP and interface.card.driver != VETH:
        yield _note(interface, f"its MTU is {interface.mtu}", "its driver may refuse the xdp program",
                    f"ip link set {interface.name} mtu {LARGEST_FOR_XDP}, or --datapath tc")  # fmt: skip


def _bystander_findings(interface: Interface) -> Iterator[Finding]:
    name, others = interface.name, interface.bystanders
    if others.has_ingress_qdisc:
        yield _problem(interface, "it has the qdisc `ingress`, in the place of `clsact`",
                       "the director's filter can not be put there",
                       f"tc qdisc delete dev {name} ingress")  # fmt: skip
    if others.xdp is not None:
        remedy = f"ip link set {name} xdp off"
        if interface.carriage.datapath is DatapathKind.XDP:
            yield _problem(interface, f"it has the XDP program {others.xdp}",
                           "the director's can not be put there", remedy)  # fmt: skip
        else:
            yield _note(interface, f"it has the XDP program {others.xdp}",
                        "what that takes is not forwarded", remedy)  # fmt: skip
    for program in others.tcx:
        yield _note(interface, f"the tcx program {program} sees packets first",
                    "what it takes is not forwarded", f"bpftool net show dev {name}")  # fmt: skip
    for one in others.filters:
        yield _note(interface, f"{one} sees packets first", "what it takes is not forwarded",
                    f"tc filter show dev {name} ingress")  # fmt: skip


def _problem(interface: Interface, what: str, means: str, remedy: str) -> Finding:
    return Finding(interface.name, Level.PROBLEM, what, means, remedy)


def _note(interface: Interface, what: str, means: str, remedy: str) -> Finding:
    return Finding(interface.name, Level.NOTE, what, means, remedy)
