# SPDX-License-Identifier: Apache-2.0
"""What is judged of the machine, by what the configuration asks of it."""

from __future__ import annotations

from functools import partial

import pytest
from netaddr import IPAddress

from director.checking.findings import Checked, Finding, Level
from director.checking.machine import MACHINE, REMEDY, Machine, Program, check_machine
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Protocol,
    ServiceKey,
    Settings,
    VirtualService,
)
from director.model.configuration import DatapathKind

ALL = tuple(Program(name) for name in ("guard", "tc", "xdp"))
Problem = partial(Finding, MACHINE, Level.PROBLEM)
Note = partial(Finding, MACHINE, Level.NOTE)
KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)


def refusing(*names: str) -> Machine:
    return Machine(programs=tuple(Program(one.name, "no" if one.name in names else "") for one in ALL))


def asking(kind: DatapathKind, *methods: ForwardingMethod) -> Configuration:
    destinations = tuple(Destination(IPAddress("10.0.0.2"), 80, method) for method in methods)
    services = (VirtualService(KEY, destinations=destinations),) if methods else ()
    return Configuration(services, settings=Settings(datapath=kind))


REFUSED = "the kernel refuses the program {} (no)"
FILTERS = Note(
    "it has packet filters (nftables ip nat)",
    "their rules do not hold for services: the director takes those packets before them",
    "filter at the servers, or before the director",
)
CASES = {
    "nothing of a machine that is fit": (Machine(programs=ALL), asking(DatapathKind.AUTO), ()),
    "rights that lack, and nothing that follows from it": (
        Machine(missing_rights=("CAP_BPF",), programs=(Program("guard", "no"),), has_bpffs=False),
        asking(DatapathKind.AUTO),
        (
            Problem(
                "this process lacks CAP_BPF",
                "`director run` can not start with its rights, and not all can be seen",
                "run it as root",
            ),
        ),
    ),
    "the guard refused": (
        refusing("guard"),
        asking(DatapathKind.PACKET),
        (Problem(REFUSED.format("guard"), "the director can not start", REMEDY),),
    ),
    "tc refused, for auto": (
        refusing("tc", "xdp"),
        asking(DatapathKind.AUTO),
        (
            Note(REFUSED.format("tc"), "packet carries all", REMEDY),
            Note(REFUSED.format("xdp"), "tc carries what xdp would", REMEDY),
        ),
    ),
    "tc refused, for xdp, which is loaded beside it": (
        refusing("tc"),
        asking(DatapathKind.XDP),
        (Problem(REFUSED.format("tc"), "there is no data path xdp", f"{REMEDY}, or --datapath packet"),),
    ),
    "nothing of programs that are not asked for": (
        refusing("tc", "xdp"),
        asking(DatapathKind.PACKET),
        (),
    ),
    "packet sockets that are not there": (
        Machine(programs=ALL, packet_sockets="address family not supported"),
        asking(DatapathKind.PACKET),
        (
            Problem(
                "it has no packet sockets (address family not supported)",
                "the director can not start",
                "needs CONFIG_PACKET in the kernel",
            ),
        ),
    ),
    "a bpf file system that is not there": (
        Machine(programs=ALL, has_bpffs=False),
        asking(DatapathKind.TC),
        (
            Note(
                "there is no bpf file system at /sys/fs/bpf",
                "nothing of tc and xdp is kept over a restart of the director",
                "mount -t bpf bpf /sys/fs/bpf",
            ),
        ),
    ),
    "packet filters beside services, and forwarding beside NAT": (
        Machine(programs=ALL, forwards=True, netfilter=("nftables ip nat",)),
        asking(DatapathKind.TC, ForwardingMethod.DR, ForwardingMethod.NAT),
        (
            Note(
                "it forwards packets itself (net.ipv4.ip_forward is 1)",
                "what a NAT server sends that belongs to no connection goes out untranslated",
                "sysctl -w net.ipv4.ip_forward=0, unless it is a router as well",
            ),
            FILTERS,
        ),
    ),
    "no forwarding beside direct routing": (
        Machine(programs=ALL, forwards=True, netfilter=("nftables ip nat",)),
        asking(DatapathKind.TC, ForwardingMethod.DR),
        (FILTERS,),
    ),
    "the guard that a director left, whose packets it drops": (
        Machine(programs=ALL, guarded=("eth0", "eth1")),
        asking(DatapathKind.PACKET),
        (
            Problem(
                "a director that is no more left its guard on eth0, eth1",
                "all packets of its services are dropped there",
                "run `director run` or `director cleanup`",
            ),
        ),
    ),
    "that forwarding goes on without a director": (
        Machine(programs=ALL, left_forwarding=("eth0",)),
        asking(DatapathKind.TC),
        (
            Note(
                "forwarding goes on without a director on eth0",
                "no server that moves or goes is noticed",
                "`director run` takes it over, `director cleanup` ends it",
            ),
        ),
    ),
    "neither where nothing is balanced": (
        Machine(programs=ALL, forwards=True, netfilter=("nftables ip nat",)),
        asking(DatapathKind.TC),
        (),
    ),
}


@pytest.mark.parametrize(("machine", "configuration", "wanted"), CASES.values(), ids=CASES)
def test_is_told(machine: Machine, configuration: Configuration, wanted: tuple[Finding, ...]) -> None:
    assert check_machine(machine, configuration).findings == wanted


def test_the_programs_that_the_kernel_took_are_named() -> None:
    told = [check_machine(refusing(*names), Configuration()).words for names in ((), ("xdp",))]
    assert told == [
        "rights, and the eBPF programs: guard, tc, xdp",
        "rights, and the eBPF programs: guard, tc",
    ]
    assert check_machine(Machine(), Configuration()) == Checked(
        MACHINE, "rights, and the eBPF programs: none"
    )
