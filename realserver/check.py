# SPDX-License-Identifier: Apache-2.0
"""Judges a set-up: what is wrong, in words, and what to do about it. Pure: is handed host and evidence.

It does not trust the memory of what `up` did: a host that was set up by hand passes, one that was changed
since fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from netaddr import EUI, IPAddress

from realserver.bpf import Reason
from realserver.evidence import Answers, Evidence, Unwrapping
from realserver.settings import (
    LOOPBACK,
    MAIN_TABLE,
    PRESENT,
    TUNNEL_DEVICE,
    AddressKey,
    Duty,
    HostState,
    Interface,
    LinkKey,
    LinkState,
    Method,
    Route,
    RouteKey,
    RuleKey,
    SysctlKey,
)
from realserver.targets import (
    SILENT_ARP_IGNORE,
    advmss_of,
    answering_routes,
    overhead_of,
    prefix_of,
    told_mss,
    uses_program,
)
from realserver.words import key_words

STRICT, LOOSE = 1, 2  # rp_filter: the source must be routed back by the same interface; by any


class Level(Enum):
    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that could not be proven (a note), and the remedy."""

    vip: IPAddress
    level: Level
    what: str
    remedy: str


def check(have: HostState, duties: tuple[Duty, ...], evidence: Evidence) -> tuple[Finding, ...]:
    """Judge every duty; what two duties for one VIP have in common is told once."""
    found = (finding for duty in duties for finding in _check_duty(have, duty, evidence))
    return tuple({(finding.vip, finding.what): finding for finding in found}.values())


def answer_findings(
    vip: IPAddress, interface: str, answerers: frozenset[EUI], rightful: frozenset[EUI]
) -> Iterator[Finding]:
    """Judge who answered for a VIP on a segment; with no rightful holder known, one answerer counts as it."""
    strangers = answerers - rightful
    if rightful and strangers:
        yield Finding(
            vip, Level.PROBLEM,
            f"{_macs(strangers)} on {interface}'s segment answers ARP for {vip}, and is not the director",
            "find the machine with that MAC address and run `realserver up` there, or take the VIP off it",
        )  # fmt: skip
    if not rightful and len(answerers) > 1:
        yield Finding(
            vip, Level.PROBLEM,
            f"{len(answerers)} machines on {interface}'s segment answer ARP for {vip}: {_macs(answerers)}",
            "only the director may; run `realserver up` on the others (--director ADDRESS tells them apart)",
        )  # fmt: skip


def ask_findings(
    have: HostState, interface: Interface, director: IPAddress | None, vip: IPAddress, answers: Answers
) -> tuple[Finding, ...]:
    """Judge who answered for a VIP, seen from any host on the segment; one that has it bound is rightful."""
    rightful = answers.by_address.get(director, frozenset()) if director else frozenset()
    if have.get(AddressKey(interface.name, vip, prefix_of(vip))) is PRESENT and interface.mac is not None:
        rightful |= {interface.mac}
    return tuple(answer_findings(vip, interface.name, answers.by_address.get(vip, frozenset()), rightful))


def _check_duty(have: HostState, duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    if have.interface(duty.interface) is None:
        yield _problem(duty, f"interface {duty.interface} does not exist", "run `realserver up` with another")
        return
    if duty.binds_vip:
        yield from _vip_findings(have, duty)
        yield from _filter_findings(have, duty)
        yield from _silence_findings(have, duty, evidence)
    if duty.method is Method.TUN:
        yield from _decap_findings(have, duty, evidence)
        yield from _mtu_findings(have, duty)
        yield from _offload_findings(duty, evidence)
    if duty.method is Method.NAT:
        yield from _route_findings(have, duty)
    yield from _service_findings(duty, evidence)


def _problem(duty: Duty, what: str, remedy: str) -> Finding:
    return Finding(duty.vip, Level.PROBLEM, what, remedy)


def _note(duty: Duty, what: str, remedy: str) -> Finding:
    return Finding(duty.vip, Level.NOTE, what, remedy)


def _again(duty: Duty) -> str:
    return f"realserver up --vip {duty.vip} --method {duty.method.value} --interface {duty.interface}"


def _vip_findings(have: HostState, duty: Duty) -> Iterator[Finding]:
    loopback = have.interface(LOOPBACK)
    if loopback is None or not loopback.is_up:
        yield _problem(duty, "lo is down, and the VIP with it", "ip link set lo up")
    holders = [key for key in have.settings if isinstance(key, AddressKey) and key.address == duty.vip]
    if not any(key.interface == LOOPBACK for key in holders):
        yield _problem(duty, f"{duty.vip} is not on lo, so this host refuses its packets", _again(duty))
    for key in holders:
        if key.interface != LOOPBACK:
            yield _problem(
                duty, f"{duty.vip} is on {key.interface} too, where ARP answers for it",
                f"ip address delete {duty.vip}/{key.prefix} dev {key.interface}",
            )  # fmt: skip
        elif key.prefix != prefix_of(duty.vip):
            yield _problem(
                duty, f"{duty.vip}/{key.prefix} on lo makes the whole network local",
                f"ip address delete {duty.vip}/{key.prefix} dev lo; {_again(duty)}",
            )  # fmt: skip


def _effective(have: HostState, interface: str, name: str) -> int:
    values = (have.get(SysctlKey("ipv4", each, name)) for each in ("all", interface))
    return max(int(value) for value in values if isinstance(value, str) and value)


def _filter_findings(have: HostState, duty: Duty) -> Iterator[Finding]:
    entrances = [duty.interface]
    if have.get(LinkKey(TUNNEL_DEVICE)) is LinkState.UP and duty.method is Method.TUN:
        entrances.append(TUNNEL_DEVICE)
    for interface in entrances if duty.vip.version == 4 else ():
        strictness = _effective(have, interface, "rp_filter")
        if strictness == STRICT or (strictness == LOOSE and not _has_default_route(have)):
            own, everywhere = (have.get(SysctlKey("ipv4", each, "rp_filter")) for each in (interface, "all"))
            yield _problem(
                duty, f"rp_filter is {strictness} on {interface} (the larger of its own {own} and `all`'s "
                f"{everywhere}): it drops clients that are not routed back that way",
                _again(duty),
            )  # fmt: skip


def _has_default_route(have: HostState) -> bool:
    return any(
        isinstance(key, RouteKey)
        and key.is_default
        and key.table == MAIN_TABLE
        and key.destination.version == 4
        for key in have.settings
    )


def _silence_findings(have: HostState, duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    if duty.vip.version != 4:
        return
    if str(_effective(have, duty.interface, "arp_ignore")) not in SILENT_ARP_IGNORE:
        yield _problem(duty, f"arp_ignore lets {duty.interface} answer ARP for {duty.vip}", _again(duty))
    if _effective(have, duty.interface, "arp_announce") != 2:
        yield _problem(
            duty, f"arp_announce lets {duty.interface} name {duty.vip} in its own ARP requests", _again(duty)
        )
    yield from _own_answer_findings(duty, evidence)
    yield from _segment_findings(duty, evidence)


def _own_answer_findings(duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    own = evidence.own.get(duty.interface)
    if own and own.fault:
        yield _note(duty, own.fault, "its ARP settings were read instead; --ask from another host proves it")
    if own and duty.vip in own.addresses:
        yield _problem(
            duty, f"asked for {duty.vip} with {duty.interface}'s settings, this kernel answers", _again(duty)
        )


def _segment_findings(duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    segment = evidence.segments.get(duty.interface)
    if segment is None:
        return
    if segment.fault:
        yield _note(duty, segment.fault, "run check as root, or --ask from another host on the segment")
        return
    rightful = segment.by_address.get(duty.director, frozenset()) if duty.director else frozenset()
    if duty.director and not rightful and duty.method is Method.DR:
        yield _problem(
            duty, f"director {duty.director} does not answer ARP on {duty.interface}'s segment",
            "is it running, and on this segment? --method dr needs that",
        )  # fmt: skip
    answerers = segment.by_address.get(duty.vip, frozenset())
    yield from answer_findings(duty.vip, duty.interface, answerers, rightful)


def _decap_findings(have: HostState, duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    program = next((each for each in evidence.unwrapping if each.interface == duty.interface), None)
    by_kernel = have.get(LinkKey(TUNNEL_DEVICE)) is LinkState.UP
    if program is None:
        if not by_kernel or uses_program(have, duty):
            yield _problem(duty, f"nothing unwraps tunnels on {duty.interface}", _again(duty))
    elif program.fault:
        yield _note(
            duty, f"an unwrapping program is there but was not read: {program.fault}", "run check as root"
        )
    else:
        yield from _program_findings(have, duty, program)


def _program_findings(have: HostState, duty: Duty, program: Unwrapping) -> Iterator[Finding]:
    taken = next((each.tunnels for each in program.vips if each.vip == duty.vip), None)
    if taken is None:
        yield _problem(duty, f"the program on {duty.interface} does not unwrap for {duty.vip}", _again(duty))
    elif taken != duty.tunnels:
        yield _problem(
            duty, f"the program on {duty.interface} unwraps {taken} for {duty.vip}, not {duty.tunnels}",
            _again(duty),
        )  # fmt: skip
    own = {each.address for interface in have.interfaces for each in interface.addresses}
    for endpoint in program.endpoints:
        if endpoint not in own:
            yield _problem(
                duty, f"tunnels are to end at {endpoint}, which is no address of this host", _again(duty)
            )
    arrived = {count.reason: count.packets for count in program.counts}
    if arrived.get(Reason.OUTER_FRAGMENT):
        yield _note(
            duty, f"{arrived[Reason.OUTER_FRAGMENT]} fragments of tunnel packets came: cannot be unwrapped",
            f"raise the MTU between director and server by {overhead_of(have, duty)}, so that none is needed",
        )  # fmt: skip
    if arrived.get(Reason.OTHER_ENDPOINT):
        yield _note(
            duty, f"{arrived[Reason.OTHER_ENDPOINT]} tunnel packets came for another address of this host",
            "add it: --endpoint ADDRESS",
        )  # fmt: skip


def _mtu_findings(have: HostState, duty: Duty) -> Iterator[Finding]:
    interface = have.interface(duty.interface)
    assert interface is not None
    if duty.mtu and duty.mtu > interface.mtu:
        yield _problem(
            duty, f"--mtu {duty.mtu} is more than {duty.interface}'s own {interface.mtu}",
            f"ip link set {duty.interface} mtu {duty.mtu}, or a smaller --mtu",
        )  # fmt: skip
    limit = advmss_of(have, duty)
    for key, route in answering_routes(have.settings, duty.interface, duty.vip.version):
        told = told_mss(have, route, duty.vip.version)
        if told > limit:
            yield _problem(
                duty, f"{key_words(key)} tells clients an MSS of {told}, and {limit} is what fits the tunnel",
                _again(duty),
            )  # fmt: skip


def _offload_findings(duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    if duty.interface in evidence.receive_merging:
        yield _problem(
            duty, f"{duty.interface} merges packets on receipt (LRO), which loses tunnel headers",
            f"ethtool -K {duty.interface} lro off (gro may stay on)",
        )  # fmt: skip


def _route_findings(have: HostState, duty: Duty) -> Iterator[Finding]:
    table = duty.table if duty.source else MAIN_TABLE
    defaults = [
        (key.priority, route)
        for key, route in have.settings.items()
        if isinstance(key, RouteKey) and isinstance(route, Route) and key.table == table and key.is_default
        and key.destination.version == duty.vip.version
    ]  # fmt: skip
    best = min(defaults, key=lambda each: each[0])[1] if defaults else None
    if best is None or best.gateway != duty.director:
        found = f"goes through {best.gateway}" if best else "is missing"
        where = f"of table {table} " if duty.source else ""
        remedy = f"{_again(duty)} --director {duty.director}"
        yield _problem(
            duty, f"the default route {where}{found}, so replies bypass director {duty.director}", remedy
        )
    if duty.source and not _has_rule(have, duty.source, table):
        yield _problem(
            duty, f"no rule sends packets from {duty.source} to table {table}",
            f"{_again(duty)} --director {duty.director} --source {duty.source}",
        )  # fmt: skip


def _has_rule(have: HostState, source: IPAddress, table: int) -> bool:
    rules = (key for key, value in have.settings.items() if isinstance(key, RuleKey) and value is PRESENT)
    return any(rule.source == source and rule.table == table for rule in rules)


def _service_findings(duty: Duty, evidence: Evidence) -> Iterator[Finding]:
    """A NAT server is reached at its own address, which the director chose; there any listener will do."""
    for port in duty.ports:
        found = [
            each
            for each in evidence.listeners
            if (each.transport, each.port) == (port.transport, port.number)
        ]
        if not found:
            yield _problem(duty, f"nobody listens on {port}", "start the service")
        elif duty.binds_vip and not any(each.takes(duty.vip) for each in found):
            places = ", ".join(sorted(str(each.address) for each in found))
            yield _problem(
                duty, f"{port} is listened on at {places} only, not at {duty.vip}",
                f"let the service listen on {duty.vip} or on every address",
            )  # fmt: skip


def _macs(addresses: frozenset[EUI]) -> str:
    return ", ".join(sorted(str(address).replace("-", ":").lower() for address in addresses))
