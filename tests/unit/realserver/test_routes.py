# SPDX-License-Identifier: Apache-2.0
"""Routes and rules between the kernel's messages and the nouns: nothing that is understood is lost."""

from __future__ import annotations

from typing import Any

from netaddr import IPAddress, IPNetwork

from realserver.routes import parse_route, parse_rule, route_request
from realserver.settings import Hop, Route, RouteKey, RuleKey

HEADER = {
    "family": 2,
    "dst_len": 16,
    "src_len": 0,
    "tos": 0,
    "table": 254,
    "proto": 4,
    "scope": 0,
    "type": 1,
    "flags": 0,
}
NAMES = {2: "eth0", 3: "eth1"}
INDEXES = {name: index for index, name in NAMES.items()}


def message(*attrs: tuple[str, Any], **header: int) -> dict[str, Any]:
    return {**HEADER, **header, "attrs": [("RTA_TABLE", 254), *attrs]}


def test_route_with_everything_is_read_and_written_back_whole() -> None:
    told = message(
        ("RTA_DST", "10.2.0.0"), ("RTA_GATEWAY", "10.0.0.7"), ("RTA_OIF", 2), ("RTA_PREFSRC", "10.0.0.2"),
        ("RTA_PRIORITY", 5), ("RTA_FLOW", 9),
        ("RTA_METRICS", {"attrs": [("RTAX_MTU", 1400), ("RTAX_ADVMSS", 1300)]}),
        flags=4 | 16, tos=8, proto=16,
    )  # fmt: skip
    key, route = parse_route(told, NAMES.__getitem__)
    assert key == RouteKey(254, IPNetwork("10.2.0.0/16"), 5, 8)
    assert route == Route(
        gateway=IPAddress("10.0.0.7"), interface="eth0", source=IPAddress("10.0.0.2"), protocol=16,
        flags=4, metrics=(("advmss", 1300), ("mtu", 1400)), realm=9,
    )  # fmt: skip
    assert route_request(key, route, INDEXES.__getitem__) == {
        "family": 2, "dst": "10.2.0.0/16", "table": 254, "tos": 8, "proto": 16, "scope": 0, "type": 1,
        "flags": 4,
        "gateway": "10.0.0.7", "oif": 2, "prefsrc": "10.0.0.2", "priority": 5, "flow": 9,
        "metrics": {"advmss": 1300, "mtu": 1400},
    }  # fmt: skip


def test_multipath_route_keeps_its_ways_and_weights() -> None:
    ways = [
        {"oif": 2, "hops": 1, "flags": 0, "attrs": [("RTA_GATEWAY", "10.0.0.8")]},
        {"oif": 3, "hops": 2, "flags": 4, "attrs": []},
    ]
    key, route = parse_route(message(("RTA_MULTIPATH", ways), dst_len=0), NAMES.__getitem__)
    assert (key.is_default, route.hops) == (
        True, (Hop(IPAddress("10.0.0.8"), "eth0", 1), Hop(None, "eth1", 2, 4)),
    )  # fmt: skip
    assert route_request(key, route, INDEXES.__getitem__)["multipath"] == [
        {"oif": 2, "hops": 1, "flags": 0, "gateway": "10.0.0.8"}, {"oif": 3, "hops": 2, "flags": 4},
    ]  # fmt: skip


def test_attributes_that_cannot_be_written_back_are_named() -> None:
    way = {"oif": 2, "hops": 0, "flags": 0, "attrs": [("RTA_ENCAP", {}), ("RTA_GATEWAY", "10.0.0.8")]}
    told = message(
        ("RTA_NH_ID", 7), ("RTA_MULTIPATH", [way]), ("RTA_CACHEINFO", {"rta_expires": 90}), src_len=8
    )
    _, route = parse_route(told, NAMES.__getitem__)
    assert route.unwritable == ("encap", "expires", "nh_id", "src")


def test_rule_by_one_source_address_is_read_and_others_are_not() -> None:
    plain = {"src_len": 32, "attrs": [("FRA_SRC", "10.0.0.2"), ("FRA_TABLE", 2000), ("FRA_PRIORITY", 7)]}
    marked = {"src_len": 32, "attrs": [*plain["attrs"], ("FRA_FWMARK", 1)]}  # type: ignore[misc]
    network = {**plain, "src_len": 24}
    assert [parse_rule(each) for each in (plain, marked, network, {"src_len": 0, "attrs": []})] == [
        RuleKey(IPAddress("10.0.0.2"), 2000, 7), None, None, None,
    ]  # fmt: skip
