# SPDX-License-Identifier: Apache-2.0
"""Two configurations compared, line by line as an operator reads it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from director.config.diff import diff
from director.config.load import load
from director.model.configuration import Configuration, DatapathKind, Settings
from tests.unit.config.strategies import CONFIGURATIONS

BEFORE = load("""
[timeouts]
udp = 60
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
[[service.destination]]
address = "10.0.0.2:80"
method = "dr"
[[service.destination]]
address = "10.0.0.3:80"
method = "dr"
[[service]]
protocol = "udp"
address = "192.0.2.1:53"
scheduler = "sh"
flags = ["sh-port"]
""")
AFTER = load("""
[sysctl]
sloppy_tcp = 1
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
scheduler = "sh"
flags = ["sh-port", "sh-fallback"]
[[service.destination]]
address = "10.0.0.3:80"
method = "tun"
weight = 3
[[service.destination]]
address = "10.0.0.4:80"
method = "dr"
[[service]]
protocol = "tcp"
address = "192.0.2.1:443"
[[service.destination]]
address = "10.0.0.4:8443"
method = "nat"
weight = 0
""")


def lines(before: Configuration, after: Configuration) -> list[str]:
    return [str(change) for change in diff(before, after)]


def test_a_difference_reads_as_what_would_be_done() -> None:
    assert lines(BEFORE, AFTER) == [
        "~ timeouts.udp 60 -> 300",
        "~ sysctl.sloppy_tcp 0 -> 1",
        "- service udp:192.0.2.1:53 scheduler sh flags sh-port",
        "~ service tcp:192.0.2.1:80 scheduler wlc -> sh flags none -> sh-fallback,sh-port",
        "- server tcp:192.0.2.1:80 -> 10.0.0.2:80 dr weight 1",
        "~ server tcp:192.0.2.1:80 -> 10.0.0.3:80 method dr -> tun weight 1 -> 3",
        "+ server tcp:192.0.2.1:80 -> 10.0.0.4:80 dr weight 1",
        "+ service tcp:192.0.2.1:443 scheduler wlc",
        "+ server tcp:192.0.2.1:443 -> 10.0.0.4:8443 nat weight 0",
    ]


def test_what_waits_for_the_next_start_says_so() -> None:
    settings = Settings(DatapathKind.PACKET, ("eth0", "eth1"), 2, bind_vips=False)
    changes = diff(Configuration(), Configuration(settings=settings))
    assert [str(change) for change in changes] == [
        "~ director.datapath auto -> packet (from the next start)",
        "~ director.interfaces every -> eth0,eth1 (from the next start)",
        "~ director.workers 1 -> 2 (from the next start)",
        "~ director.bind_vips true -> false (from the next start)",
    ]


def test_another_order_is_a_change() -> None:
    web, dns = BEFORE.services
    turned = replace(web, destinations=web.destinations[::-1])
    assert lines(BEFORE, replace(BEFORE, services=(dns, turned))) == [
        "~ service tcp:192.0.2.1:80 order of servers 10.0.0.3:80 10.0.0.2:80",
        "~ order of services udp:192.0.2.1:53 tcp:192.0.2.1:80",
    ]


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_a_difference_is_empty_exactly_between_equals(one: Configuration, other: Configuration) -> None:
    assert (diff(one, other) == ()) == (one == other)


@given(CONFIGURATIONS)
def test_no_configuration_differs_from_itself(configuration: Configuration) -> None:
    assert diff(configuration, replace(configuration)) == ()
