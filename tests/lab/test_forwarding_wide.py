# SPDX-License-Identifier: Apache-2.0
"""Services of every port and of firewall marks: they have their packets, and the director's stack has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.lab.forwarding import DIGEST_PORT, NEEDS, TIMEOUTS, WEIGHTS, Stage, Way, venue

pytestmark = [pytest.mark.lab, NEEDS]

SERVICE = '[[service]]\n{key}\nscheduler = "rr"\n'
DESTINATION = '[[service.destination]]\naddress = "{address}:0"\nmethod = "{method}"\n'
EVERY_PORT = 'protocol = "tcp"\naddress = "{vip}:0"\npersistence = 60'
RULE = '[[mark]]\nmark = 7\nnetwork = "{vip}/32"\nprotocol = "{protocol}"\nports = "{ports}"\n'
ASK = """
import socket, sys
for port in map(int, sys.argv[2:]):
    try:
        socket.create_connection((sys.argv[1], port), 3).close()
        print("open")
    except OSError as failure:
        print(type(failure).__name__)
"""


@pytest.fixture(scope="module")
def mixed() -> Iterator[Stage]:
    with venue("mixed") as place, place.carried_by("packet") as it:
        yield it


def service(key: str, way: Way) -> str:
    servers = (DESTINATION.format(address=way.server(node), method=way.method) for node in WEIGHTS)
    return SERVICE.format(key=key) + "".join(servers)


def tried(it: Stage, vip: str, *ports: int) -> list[str]:
    """Say what became of a connection to each of these ports."""
    return it.client.output_of(("python3", "-c", ASK, vip, *map(str, ports))).split()


@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_two_ports_of_a_persistent_service_of_every_port_are_at_one_server(mixed: Stage, method: str) -> None:
    way = mixed.way(method)
    mixed.apply(TIMEOUTS + service(EVERY_PORT.format(vip=way.vip), way))
    [(server, count)] = mixed.curl(way.vip, 6).items()
    assert (server in WEIGHTS, count) == (True, 6)
    assert tried(mixed, way.vip, DIGEST_PORT, DIGEST_PORT) == ["open", "open"]
    assert list(mixed.curl(way.vip, 3)) == [server]


@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_a_mark_s_service_has_its_ports_and_protocols_and_the_stack_the_others(
    mixed: Stage, method: str
) -> None:
    way = mixed.way(method)
    rules = (("tcp", "80-90"), ("udp", "53"))
    text = "".join(RULE.format(vip=way.vip, protocol=protocol, ports=ports) for protocol, ports in rules)
    mixed.apply(TIMEOUTS + text + service("mark = 7", way))
    wanted = dict.fromkeys(WEIGHTS, 4)
    assert mixed.curl(way.vip, 12) == wanted
    assert mixed.dig(way.vip, 12) == Counter(wanted)
    assert tried(mixed, way.vip, 80, DIGEST_PORT) == ["open", "ConnectionRefusedError"]


def test_one_mark_stands_for_two_vips(mixed: Stage) -> None:
    """NAT's servers need not hold either of them."""
    way, other = mixed.way("nat"), mixed.way("dr")
    rules = "".join(
        RULE.format(vip=each.vip, protocol=protocol, ports="50-80")
        for each in (way, other)
        for protocol in ("tcp", "udp")
    )
    mixed.apply(TIMEOUTS + rules + service("mark = 7", way))
    for vip in (way.vip, other.vip):
        assert mixed.curl(vip, 6) == dict.fromkeys(WEIGHTS, 2)
        assert mixed.dig(vip, 6) == dict.fromkeys(WEIGHTS, 2)
    assert tried(mixed, other.vip, DIGEST_PORT) == ["ConnectionRefusedError"]
