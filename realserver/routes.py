# SPDX-License-Identifier: Apache-2.0
"""Between the kernel's route and rule messages and this tool's nouns, for routes to be written back exactly.

An attribute that is not listed here cannot be written back; its route says so (`unwritable`). Knows no host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netaddr import IPAddress, IPNetwork

from realserver.settings import Hop, Route, RouteKey, RuleKey

ONLINK = 4  # RTNH_F_ONLINK; the kernel's other flags tell a state and are not set by anyone
WRITABLE = {
    "RTA_TABLE", "RTA_DST", "RTA_GATEWAY", "RTA_OIF", "RTA_PREFSRC", "RTA_PRIORITY", "RTA_METRICS",
    "RTA_MULTIPATH", "RTA_FLOW", "RTA_PREF",
}  # fmt: skip
TOLD_ONLY = {"RTA_CACHEINFO", "UNKNOWN"}
ANYWHERE = {2: "0.0.0.0/0", 10: "::/0"}
FAMILIES = {2: 4, 10: 6}
NETLINK_FAMILY = {4: 2, 6: 10}

Message = Mapping[str, Any]  # a netlink message: the kernel's names, one level deep
NameOf = Callable[[int], str]
IndexOf = Callable[[str], int]


def parse_route(message: Message, name_of: NameOf) -> tuple[RouteKey, Route]:
    attrs: dict[str, Any] = dict(message["attrs"])
    destination = (
        f"{attrs['RTA_DST']}/{message['dst_len']}" if "RTA_DST" in attrs else ANYWHERE[message["family"]]
    )
    table = int(attrs.get("RTA_TABLE") or message["table"])
    priority: int = attrs.get("RTA_PRIORITY", 0)
    key = RouteKey(table, IPNetwork(destination), priority, message["tos"])
    route = Route(
        gateway=_address(attrs.get("RTA_GATEWAY")),
        interface=name_of(attrs["RTA_OIF"]) if "RTA_OIF" in attrs else "",
        source=_address(attrs.get("RTA_PREFSRC")),
        protocol=message["proto"],
        scope=message["scope"],
        kind=message["type"],
        flags=message["flags"] & ONLINK,
        metrics=_metrics(attrs.get("RTA_METRICS")),
        hops=tuple(_hop(hop, name_of) for hop in attrs.get("RTA_MULTIPATH", ())),
        realm=attrs.get("RTA_FLOW"),
        preference=attrs.get("RTA_PREF") or None,  # 0, medium, is what a route has that says nothing
        unwritable=_unwritable(message, attrs),
    )
    return key, route


def route_request(key: RouteKey, route: Route, index_of: IndexOf) -> dict[str, Any]:
    """Build the arguments with which pyroute2 writes the route; what is not set must not be named."""
    assert not route.unwritable
    optional = {
        "gateway": str(route.gateway) if route.gateway else None,
        "oif": index_of(route.interface) if route.interface else None,
        "prefsrc": str(route.source) if route.source else None,
        "priority": key.priority or None,
        "flow": route.realm,
        "pref": route.preference,
        "metrics": dict(route.metrics) or None,
        "multipath": [_hop_request(hop, index_of) for hop in route.hops] or None,
    }
    return {
        "family": NETLINK_FAMILY[key.destination.version],
        "dst": str(key.destination.cidr),
        "table": key.table,
        "tos": key.tos,
        "proto": route.protocol,
        "scope": route.scope,
        "type": route.kind,
        "flags": route.flags,
        **{name: value for name, value in optional.items() if value is not None},
    }


def parse_rule(message: Message) -> RuleKey | None:
    """Read a plain `from ADDRESS lookup TABLE`; every other rule is nothing to this tool."""
    attrs: dict[str, Any] = dict(message["attrs"])
    told = {"FRA_TABLE", "FRA_SRC", "FRA_PRIORITY", "FRA_SUPPRESS_PREFIXLEN", "FRA_PROTOCOL", "UNKNOWN"}
    if "FRA_SRC" not in attrs or set(attrs) - told:
        return None
    source = IPAddress(attrs["FRA_SRC"])
    if message["src_len"] != (32 if source.version == 4 else 128):
        return None
    return RuleKey(source, attrs["FRA_TABLE"], attrs.get("FRA_PRIORITY", 0))


def rule_request(key: RuleKey) -> dict[str, Any]:
    return {
        "family": NETLINK_FAMILY[key.source.version],
        "src": str(key.source),
        "src_len": 32 if key.source.version == 4 else 128,
        "table": key.table,
        "priority": key.priority,
    }


def _address(text: str | None) -> IPAddress | None:
    return IPAddress(text) if text else None


def _metrics(metrics: Message | None) -> tuple[tuple[str, int | str], ...]:
    if metrics is None:
        return ()
    return tuple(sorted((name.removeprefix("RTAX_").lower(), value) for name, value in metrics["attrs"]))


def _hop(hop: Message, name_of: NameOf) -> Hop:
    attrs = dict(hop["attrs"])
    return Hop(_address(attrs.get("RTA_GATEWAY")), name_of(hop["oif"]), hop["hops"], hop["flags"] & ONLINK)


def _hop_request(hop: Hop, index_of: IndexOf) -> dict[str, Any]:
    request = {"oif": index_of(hop.interface), "hops": hop.weight, "flags": hop.flags}
    return request | ({"gateway": str(hop.gateway)} if hop.gateway else {})


def _unwritable(message: Message, attrs: Message) -> tuple[str, ...]:
    hop_attrs = {name for hop in attrs.get("RTA_MULTIPATH", ()) for name, _ in hop["attrs"]} - {"RTA_GATEWAY"}
    expiring = {"RTA_EXPIRES"} if _expires(attrs.get("RTA_CACHEINFO")) else set()
    sourced = {"RTA_SRC"} if message["src_len"] else set()
    unknown = (set(attrs) - WRITABLE - TOLD_ONLY) | hop_attrs | expiring | sourced
    return tuple(sorted(name.removeprefix("RTA_").lower() for name in unknown))


def _expires(cache: Message | None) -> bool:
    return bool(cache and cache.get("rta_expires"))
