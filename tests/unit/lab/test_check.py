# SPDX-License-Identifier: Apache-2.0
"""What no single value can tell is checked between the parts of a topology."""

from pathlib import Path

import pytest

from lab.document import parse_topology
from lab.errors import TopologyError

SMALL = """
[segment.lan]
[node.a.interface.lan]
addresses = ["10.0.0.1/24"]
[node.b.interface.lan]
addresses = ["10.0.0.2/24"]
"""
FAULTS = {
    "[node.c.interface.wan]": ["node.c.interface.wan.segment: found 'wan', expected one of lan"],
    "[segment.wan]": ["segment.wan: found 0 interfaces in it, expected at least 1"],
    "[segment.wan]\nkind = 'cable'\n[node.c.interface.wan]": [
        "segment.wan: found 1 interfaces in it, expected at least 2"
    ],
    "[segment.w]\nkind = 'cable'\n[node.c.interface.w]\n[node.d.interface.w]\n[node.e.interface.w]": [
        "segment.w: found 3 interfaces in it, expected 2 (it is a cable)"
    ],
    "[node.lan]": ["segment.lan: found a node of the same name, expected names that differ"],
    "[node.c.interface.lo]\nsegment = 'lan'": [
        "node.c.interface.lo: found 'lo', expected another name (every node has its lo)"
    ],
    "[node.cccccccc.interface.lanlanla]\nsegment = 'lan'": [
        (
            "node.cccccccc.interface.lanlanla: found the port name 'cccccccc-lanlanla' (17 characters), "
            "expected at most 15: shorten the node's or the interface's name"
        )
    ],
    "[node.c.interface.lan]\naddresses = ['10.0.0.2/16']": [
        "node.c.interface.lan: found 10.0.0.2, expected an address that node.b.interface.lan has not"
    ],
    "[[node.a.route]]\nto = 'default'": [
        "node.a.route[0]: found neither via nor interface, expected one of them"
    ],
    "[[node.a.route]]\nto = '10.0.0.0/8'\nvia = 'fd00::1'": [
        "node.a.route[0]: found via fd00::1 for 10.0.0.0/8, expected both of one family"
    ],
    "[[node.a.route]]\nto = 'default'\ninterface = 'wan'": [
        "node.a.route[0]: found interface 'wan', expected one of lan"
    ],
    "[[node.a.rule]]\ntable = 7": ["node.a.rule[0]: found neither from nor to, expected one of them"],
    "[[node.a.rule]]\nfrom = '10.0.0.1/32'\nto = 'fd00::/64'\ntable = 7": [
        "node.a.rule[0]: found from 10.0.0.1/32 to fd00::/64, expected both of one family"
    ],
    "[[node.a.rule]]\nfrom = '10.0.0.1/32'\ntable = 7": [
        "node.a.rule[0]: found table 7, expected a table that a route of the node is in"
    ],
    "[[node.a.neighbour]]\naddress = '10.0.0.3'\nmac = '02:00:00:00:00:03'\ninterface = 'wan'": [
        "node.a.neighbour[0]: found interface 'wan', expected one of lan"
    ],
    "[node.a.service.web]\nkind = 'nginx'\nlisten = []": [
        "node.a.service.web.listen: found [], expected an address and a port"
    ],
    "[node.a.service.dns]\nkind = 'dnsmasq'\nlisten = ['0.0.0.0:53', '10.0.0.1:54']": [
        "node.a.service.dns.listen: found ports [53, 54], expected one port (dnsmasq has no more)"
    ],
}


@pytest.mark.parametrize("addition", FAULTS)
def test_each_fault_between_the_parts_is_found(addition: str) -> None:
    with pytest.raises(TopologyError) as raised:
        parse_topology(SMALL + addition, Path("t.toml"))
    assert str(raised.value).splitlines() == [f"t.toml: {fault}" for fault in FAULTS[addition]]
