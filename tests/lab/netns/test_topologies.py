# SPDX-License-Identifier: Apache-2.0
"""The shipped topologies carry packets the way that their drawings promise, before any director runs."""

import json
import os
from collections.abc import Iterator

import pytest

from lab import Lab, Services
from tests.needs import needs

pytestmark = [pytest.mark.lab, needs("root", "netns", "veth", "bridge", "ping")]

CLIENT = "198.51.100.10"
THREE, FOUR = (11, 12, 13), (11, 12, 13, 14)


def _servers(networks: str, hosts: tuple[int, ...]) -> set[str]:
    return {f"10.{network}.0.{host}" for network in networks for host in hosts}


# Which addresses of the real servers a client reaches without a director, and which the director does.
REACHED = {
    "one-arm-dr": {"client": _servers("0", THREE), "director": _servers("0", THREE)},
    "two-arm-dr": {"client": _servers("1", THREE), "director": _servers("1", THREE)},
    "tun-routed": {"client": _servers("2", THREE), "director": _servers("2", THREE)},
    "nat-gateway": {"client": set(), "director": _servers("3", THREE)},
    "mixed": {"client": _servers("02", FOUR), "director": _servers("023", FOUR)},
}


@pytest.mark.parametrize("topology", REACHED)
def test_a_director_reaches_all_its_servers_and_a_client_those_not_behind_it(topology: str) -> None:
    with Lab.up(topology, f"t{os.getpid()}-{topology}", services=Services.LEAVE) as lab:
        servers = [node.noun for node in lab.nodes if node.noun.services]
        addresses = {str(it.ip) for node in servers for leg in node.interfaces for it in leg.addresses}
        reached = {
            node: {address for address in addresses if _is_reached(lab, node, address)}
            for node in REACHED[topology]
        }
    assert reached == REACHED[topology]


def _is_reached(lab: Lab, node: str, address: str) -> bool:
    return lab.node(node).run(("ping", "-q", "-c", "1", "-W", "0.5", address)).returncode == 0


@pytest.fixture(scope="module")
def mixed() -> Iterator[Lab]:
    with Lab.up("mixed", f"t{os.getpid()}-legs", services=Services.LEAVE) as lab:
        for vip in ("192.0.2.1", "192.0.2.2"):
            lab.node("rs1").output_of(("ip", "address", "add", f"{vip}/32", "dev", "lo"))
        yield lab


@pytest.mark.parametrize(
    ("source", "leg", "gateway"),
    [
        ("192.0.2.1", "lan", "10.0.0.1"),
        ("192.0.2.2", "far", "10.2.0.1"),
        ("10.3.0.11", "inside", "10.3.0.1"),
        ("10.0.0.11", "lan", "10.0.0.1"),
    ],
)
def test_an_answer_leaves_by_the_leg_of_its_method(mixed: Lab, source: str, leg: str, gateway: str) -> None:
    [route] = json.loads(mixed.node("rs1").output_of(("ip", "-j", "route", "get", CLIENT, "from", source)))
    assert (route["dev"], route["gateway"]) == (leg, gateway)


def test_an_answer_from_the_tunnels_vip_reaches_the_client_past_the_director(mixed: Lab) -> None:
    with mixed.node("rs1").capture("far", f"icmp and src 192.0.2.2 and dst {CLIENT}") as far:
        assert _is_reached(mixed, "client", "192.0.2.2")
    lines = mixed.node("rs1").output_of(("tcpdump", "-n", "-t", "-r", str(far.path))).splitlines()
    assert [line.split(",")[0] for line in lines] == [f"IP 192.0.2.2 > {CLIENT}: ICMP echo reply"]
