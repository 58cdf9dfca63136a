# SPDX-License-Identifier: Apache-2.0
"""Each step, duty and value in words, for the terminal. Pure."""

from __future__ import annotations

from realserver.settings import (
    ABSENT,
    ANY_TUNNEL,
    PRESENT,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    Duty,
    Key,
    LinkKey,
    Method,
    ModuleKey,
    Presence,
    Route,
    RouteKey,
    RuleKey,
    Step,
    SysctlKey,
    Value,
)

REASONS = {
    "arp_ignore": "answer ARP only for addresses of the interface that is asked, so never for a VIP on lo",
    "arp_announce": "never name the VIP as the sender in this host's own ARP requests",
    "rp_filter": "let clients in by an interface that does not lead back to them",
}
GIVEN = {"arp_ignore": "1", "arp_announce": "2", "rp_filter": "0"}


def explain(step: Step) -> str:
    """Say what the step does, what was there before, and why `up` wants it."""
    if isinstance(step.key, SysctlKey) and step.after == GIVEN[step.key.name]:
        return f"{describe(step)}: {REASONS[step.key.name]}"
    return describe(step)


def describe(step: Step) -> str:
    """Say what the step does, and what was there before."""
    match step.key:
        case SysctlKey():
            return f"set {step.key} to {step.after} (was {value_words(step.before)})"
        case ModuleKey(name=module):
            return f"load the kernel module {module} (it stays loaded)"
        case LinkKey(name=link):
            return f"set device {link} {value_words(step.after)} (was {value_words(step.before)})"
        case ClsactKey(interface=interface):
            return f"{_verb(step.after)} the clsact hook on {interface}"
        case DecapKey(interface=interface):
            return _decap_words(interface, step.after)
        case RouteKey():
            return _route_step_words(step.key, step)
        case RuleKey() | AddressKey():
            return f"{_verb(step.after)} {key_words(step.key)}"


def key_words(key: Key) -> str:
    match key:
        case SysctlKey():
            return str(key)
        case ModuleKey(name=name):
            return f"kernel module {name}"
        case LinkKey(name=name):
            return f"device {name}"
        case ClsactKey(interface=interface):
            return f"clsact on {interface}"
        case DecapKey(interface=interface):
            return f"the unwrapping program on {interface}"
        case RouteKey():
            table = "" if key.table == 254 else f" of table {key.table}"
            metric = f" metric {key.priority}" if key.priority else ""
            return f"the route to {'default' if key.is_default else key.destination}{metric}{table}"
        case RuleKey(source=source, table=table_number, priority=priority):
            return f"the rule {priority}: from {source} lookup table {table_number}"
        case AddressKey(interface=interface, address=address, prefix=prefix):
            return f"{address}/{prefix} on {interface}"


def value_words(value: Value) -> str:
    match value:
        case Presence():
            return value.value
        case Route():
            return route_words(value)
        case Decap():
            return f"unwrapping (fingerprint {value.fingerprint})"
        case str():
            return value or '""'
        case _:
            return value.value


def route_words(route: Route) -> str:
    via = f"via {route.gateway} " if route.gateway else ""
    ways = f"dev {route.interface}" if route.interface else f"{len(route.hops)} ways"
    metrics = "".join(f" {name} {value}" for name, value in route.metrics)
    return f"{via}{ways}{metrics}"


def duty_words(duty: Duty) -> str:
    extras = {
        Method.DR: "",
        Method.TUN: _tunnel_words(duty),
        Method.NAT: f" through {duty.director}" + (f" for packets from {duty.source}" if duty.source else ""),
    }
    return f"{duty.vip} by {duty.method.value} on {duty.interface}{extras[duty.method]}"


def _tunnel_words(duty: Duty) -> str:
    mtu = f", MTU {duty.mtu}" if duty.mtu else ""
    return mtu if duty.tunnels == ANY_TUNNEL else f" ({duty.tunnels}){mtu}"


def _verb(after: Value) -> str:
    return "remove" if after is ABSENT else "add"


def _decap_words(interface: str, after: Value) -> str:
    if not isinstance(after, Decap):
        return f"remove the unwrapping program from {interface}'s ingress"
    if not after.vips:
        return f"put back the unwrapping program at {interface}'s ingress"
    endpoints, vips = (", ".join(map(str, some)) for some in (after.endpoints, after.vips))
    return f"unwrap tunnels at {interface}'s ingress that end at {endpoints} and hold a packet for {vips}"


def _route_step_words(key: RouteKey, step: Step) -> str:
    what = key_words(key)
    if step.after is ABSENT:
        return f"remove {what} ({value_words(step.before)})"
    if step.before is ABSENT:
        return f"add {what}: {value_words(step.after)}"
    assert step.after is not PRESENT
    return f"change {what} to {value_words(step.after)} (was {value_words(step.before)})"
