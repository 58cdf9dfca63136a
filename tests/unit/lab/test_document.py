# SPDX-License-Identifier: Apache-2.0
"""A topology's text becomes nouns, and each fault in it a sentence with file, key, found and expected."""

from pathlib import Path

import pytest
from netaddr import EUI, IPAddress, IPNetwork

from lab.document import TOPOLOGIES, find_topology, parse_topology, read_topology
from lab.errors import TopologyError
from lab.topology import (
    Endpoint,
    Interface,
    Neighbour,
    Node,
    Offload,
    OffloadSetting,
    Route,
    Rule,
    Segment,
    SegmentKind,
    Service,
    ServiceKind,
    Switch,
    Sysctl,
    Topology,
)

PATH = Path("small.toml")
EVERYTHING = """
summary = "all there is"
[segment.lan]
kind = "bridge"
mtu = 1400
[node.a]
nameservers = ["10.0.0.53"]
route = [
    { to = "default", via = "10.0.0.2" },
    { to = "fd01::/64", via = "fd00::2", table = 7, advmss = 1220 },
    { to = "192.0.2.0/24", interface = "lan" },
]
rule = [{ from = "fd00::1/128", to = "fd01::/64", table = 7 }]
neighbour = [{ address = "10.0.0.9", mac = "02:00:00:00:00:09", interface = "lan" }]
[node.a.interface.lan]
addresses = ["10.0.0.1/24", "fd00::1/64"]
mac = "02:00:00:00:00:01"
mtu = 1300
offloads = { tx = false, gro = true }
[node.a.sysctl]
"net.ipv4.ip_forward" = 1
"net.ipv4.ip_local_port_range" = "1024 65535"
[node.a.service.web]
kind = "nginx"
listen = ["0.0.0.0:80", "[::]:80"]
"""


PARSED = Topology(
    name="small",
    summary="all there is",
    segments=(Segment("lan", SegmentKind.BRIDGE, 1400),),
    nodes=(
        Node(
            name="a",
            interfaces=(
                Interface(
                    name="lan",
                    segment="lan",
                    addresses=(IPNetwork("10.0.0.1/24"), IPNetwork("fd00::1/64")),
                    mtu=1300,
                    mac=EUI("02:00:00:00:00:01"),
                    offloads=(
                        OffloadSetting(Offload.TX, Switch.OFF),
                        OffloadSetting(Offload.GRO, Switch.ON),
                    ),
                ),
            ),
            routes=(
                Route(IPNetwork("0.0.0.0/0"), IPAddress("10.0.0.2"), None, 254, None),
                Route(IPNetwork("fd01::/64"), IPAddress("fd00::2"), None, 7, 1220),
                Route(IPNetwork("192.0.2.0/24"), None, "lan", 254, None),
            ),
            rules=(Rule(IPNetwork("fd00::1/128"), IPNetwork("fd01::/64"), 7, 1000),),
            neighbours=(Neighbour(IPAddress("10.0.0.9"), EUI("02:00:00:00:00:09"), "lan"),),
            sysctls=(
                Sysctl("net.ipv4.ip_forward", "1"),
                Sysctl("net.ipv4.ip_local_port_range", "1024 65535"),
            ),
            nameservers=(IPAddress("10.0.0.53"),),
            services=(
                Service(
                    "web",
                    ServiceKind.NGINX,
                    (Endpoint(IPAddress("0.0.0.0"), 80), Endpoint(IPAddress("::"), 80)),
                ),
            ),
        ),
    ),
)


def test_every_key_of_a_topology_is_parsed() -> None:
    assert parse_topology(EVERYTHING, PATH) == PARSED


SMALL = """
[segment.lan]
[node.a.interface.lan]
addresses = ["10.0.0.1/24"]
"""
FAULTS = {
    'x = "': ["small.toml: found no TOML, expected TOML: Unterminated string (at end of document)"],
    "[segment.lan]": ["small.toml: node: found nothing, expected this key, which is required"],
    "[segment.lan]\n[node]": ["small.toml: node: found {}, expected at least 1 of them"],
    SMALL + "[segment.wan]\nkind = 'hub'": [
        "small.toml: segment.wan.kind: found 'hub', expected 'bridge' or 'cable'"
    ],
    SMALL + "[segment.wan]\nmtu = 67\n": ["small.toml: segment.wan.mtu: found 67, expected 68 or more"],
    SMALL + "[segment.wan]\nmtu = 65536": [
        "small.toml: segment.wan.mtu: found 65536, expected 65535 or less"
    ],
    SMALL + "[segment.wan]\nmtu = true": ["small.toml: segment.wan.mtu: found True, expected a whole number"],
    SMALL + "gateway = '10.0.0.2'": [
        "small.toml: node.a.interface.lan.gateway: found '10.0.0.2', expected no such key"
    ],
    SMALL + "offloads = { tx = 1, lro = true }": [
        "small.toml: node.a.interface.lan.offloads.tx: found 1, expected true or false",
        (
            "small.toml: node.a.interface.lan.offloads.lro: found 'lro', "
            "expected 'rx', 'tx', 'sg', 'tso', 'gso' or 'gro'"
        ),
    ],
    SMALL + "[node.b.interface.lan]\naddresses = ['10.0.0.2', '10.0.0.300/24']": [
        (
            "small.toml: node.b.interface.lan.addresses[0]: found '10.0.0.2', "
            "expected an address with its prefix length, such as 10.0.0.1/24"
        ),
        (
            "small.toml: node.b.interface.lan.addresses[1]: found '10.0.0.300/24', "
            "expected an address with its prefix length, such as 10.0.0.1/24"
        ),
    ],
    SMALL + "[node.rs-1]": [
        (
            "small.toml: node.rs-1: found 'rs-1', "
            "expected a name: a small letter, then small letters and digits, 14 at most"
        )
    ],
    SMALL + "[[node.a.route]]\nto = '10.1.0.1/24'\nvia = '10.0.0.2'": [
        (
            "small.toml: node.a.route[0].to: found '10.1.0.1/24', "
            'expected a network such as 10.0.0.0/24, no host bits set, or "default"'
        )
    ],
    SMALL + "[[node.a.neighbour]]\naddress = 1\nmac = '02:00'\ninterface = 'lan'": [
        "small.toml: node.a.neighbour[0].address: found 1, expected an address such as 10.0.0.1 or fd00::1",
        (
            "small.toml: node.a.neighbour[0].mac: found '02:00', "
            "expected a MAC address such as 02:00:00:00:00:01"
        ),
    ],
    SMALL + "[node.a.sysctl]\n'kernel.panic' = 1\n'net.ipv4.ip_forward' = true": [
        (
            "small.toml: node.a.sysctl.kernel.panic: found 'kernel.panic', "
            "expected a setting of the network, such as net.ipv4.ip_forward"
        ),
        "small.toml: node.a.sysctl.net.ipv4.ip_forward: found True, expected a whole number or a string",
    ],
    SMALL + "[node.a.service.web]\nkind = 'apache'\nlisten = ['0.0.0.0', '::1:80', '0.0.0.0:0']": [
        "small.toml: node.a.service.web.kind: found 'apache', expected 'nginx' or 'dnsmasq'",
        *(
            f"small.toml: node.a.service.web.listen[{index}]: found {found!r}, "
            "expected an address and a port, such as 0.0.0.0:80 or [::]:80"
            for index, found in enumerate(("0.0.0.0", "::1:80", "0.0.0.0:0"))
        ),
    ],
    SMALL + "[[node.a.route]]\nto = 'default'\nvia = '10.9.0.1'": [
        "small.toml: node.a.route[0]: found via 10.9.0.1, expected an address within a network of the node"
    ],
}


@pytest.mark.parametrize("text", FAULTS)
def test_every_fault_is_told_with_file_key_found_and_expected(text: str) -> None:
    with pytest.raises(TopologyError) as raised:
        parse_topology(text, PATH)
    assert str(raised.value).splitlines() == FAULTS[text]


def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TopologyError, match=r"binary\.toml: cannot be read: .*, expected a TOML file"):
        read_topology(path)


def test_a_name_finds_a_shipped_topology_and_a_path_finds_itself(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(SMALL)
    assert (find_topology("mixed"), find_topology(str(own))) == (TOPOLOGIES / "mixed.toml", own)


def test_an_unknown_topology_is_told_together_with_the_known_ones() -> None:
    with pytest.raises(TopologyError) as raised:
        find_topology("star")
    assert str(raised.value) == (
        "star: no such topology, expected a path to a .toml file or one of "
        "ipv6, mixed, nat-gateway, one-arm-dr, tun-routed, two-arm-dr"
    )


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.toml")), ids=lambda path: path.stem)
def test_each_shipped_topology_is_without_fault_and_says_what_it_is(path: Path) -> None:
    assert read_topology(path).summary
