# SPDX-License-Identifier: Apache-2.0
"""Judge the machine as a whole: rights, eBPF, and what else on it handles packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from director.checking.findings import Checked, Finding, Level
from director.model import Configuration, ForwardingMethod, VirtualService
from director.model.configuration import DatapathKind

MACHINE = "machine"
REMEDY = "dmesg may say more; lockdown, seccomp and, before Linux 5.11, `ulimit -l` are usual causes"
IN_KERNEL = frozenset({DatapathKind.AUTO, DatapathKind.TC, DatapathKind.XDP})


@dataclass(frozen=True, slots=True)
class Program:
    """An eBPF program that the kernel was given to try; `refusal` is empty where it took it."""

    name: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to know of it."""

    missing_rights: tuple[str, ...] = ()
    programs: tuple[Program, ...] = ()
    packet_sockets: str = ""
    """Why there are none; empty where there are."""
    has_bpffs: bool = True
    forwards: bool = False
    netfilter: tuple[str, ...] = ()
    """Tables of packet filters."""
    guarded: tuple[str, ...] = ()
    """Interfaces on which a director that is no more left its guard, and nothing that forwards."""
    left_forwarding: tuple[str, ...] = ()
    """Interfaces on which its program goes on without it."""


def check_machine(machine: Machine, configuration: Configuration) -> Checked:
    """Judge the machine for what a configuration asks of it."""
    tried = ", ".join(program.name for program in machine.programs if not program.refusal) or "none"
    return Checked.of(MACHINE, f"rights, and the eBPF programs: {tried}", _findings(machine, configuration))


def _service_findings(machine: Machine, services: tuple[VirtualService, ...]) -> Iterator[Finding]:
    """Judge what else on the machine handles packets."""
    methods = {one.method for service in services for one in service.destinations}
    if ForwardingMethod.NAT in methods:
        yield from _forwarding_findings(machine)
    if services:
        yield from _netfilter_findings(machine)


def _forwarding_findings(machine: Machine) -> Iterator[Finding]:
    """Judge the stack's own forwarding, which matters beside NAT."""
    if machine.forwards:
        yield _note("it forwards packets itself (net.ipv4.ip_forward is 1)",
                    "what a NAT server sends that belongs to no connection goes out untranslated",
                    "sysctl -w net.ipv4.ip_forward=0, unless it is a router as well")  # fmt: skip


def _netfilter_findings(machine: Machine) -> Iterator[Finding]:
    """Say that packet filters see none of a service's packets."""
    if machine.netfilter:
        yield _note(f"it has packet filters ({', '.join(machine.netfilter)})",
                    "their rules do not hold for services: the director takes those packets before them",
                    "filter at the servers, or before the director")  # fmt: skip


def _findings(machine: Machine, configuration: Configuration) -> Iterator[Finding]:
    wanted = configuration.settings.datapath
    if machine.missing_rights:
        yield _problem(f"this process lacks {', '.join(machine.missing_rights)}",
                       "`director run` can not start with its rights, and not all can be seen",
                       "run it as root")  # fmt: skip
    else:
        yield from _kernel_findings(machine, wanted)
    yield from _left_findings(machine)
    yield from _service_findings(machine, configuration.services)


def _left_findings(machine: Machine) -> Iterator[Finding]:
    """Judge what a director left behind that was killed, or stopped with forwarding left on."""
    if machine.guarded:
        yield _problem(f"a director that is no more left its guard on {', '.join(machine.guarded)}",
                       "all packets of its services are dropped there",
                       "run `director run` or `director cleanup`")  # fmt: skip
    if machine.left_forwarding:
        yield _note(f"forwarding goes on without a director on {', '.join(machine.left_forwarding)}",
                    "no server that moves or goes is noticed",
                    "`director run` takes it over, `director cleanup` ends it")  # fmt: skip


def _kernel_findings(machine: Machine, wanted: DatapathKind) -> Iterator[Finding]:
    for program in machine.programs:
        yield from _program_findings(program, wanted)
    if machine.packet_sockets:
        yield _problem(f"it has no packet sockets ({machine.packet_sockets})",
                       "the director can not start", "needs CONFIG_PACKET in the kernel")  # fmt: skip
    if wanted in IN_KERNEL and not machine.has_bpffs:
        yield _note("there is no bpf file system at /sys/fs/bpf",
                    "nothing of tc and xdp is kept over a restart of the director",
                    "mount -t bpf bpf /sys/fs/bpf")  # fmt: skip


def _program_findings(program: Program, wanted: DatapathKind) -> Iterator[Finding]:
    if not program.refusal:
        return
    what = f"the kernel refuses the program {program.name} ({program.refusal})"
    if program.name == "guard":
        yield _problem(what, "the director can not start", REMEDY)
    elif wanted is DatapathKind.AUTO:
        instead = "packet carries all" if program.name == "tc" else "tc carries what xdp would"
        yield _note(what, instead, REMEDY)
    elif program.name == wanted.value or (program.name == "tc" and wanted is DatapathKind.XDP):
        yield _problem(what, f"there is no data path {wanted.value}", f"{REMEDY}, or --datapath packet")


def _problem(what: str, means: str, remedy: str) -> Finding:
    return Finding(MACHINE, Level.PROBLEM, what, means, remedy)


def _note(what: str, means: str, remedy: str) -> Finding:
    return Finding(MACHINE, Level.NOTE, what, means, remedy)
