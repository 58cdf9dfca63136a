# SPDX-License-Identifier: Apache-2.0
"""The nouns answer what can be asked of them."""

from pathlib import Path

import pytest
from netaddr import IPAddress

from lab.document import TOPOLOGIES, read_topology
from lab.errors import TopologyError
from lab.topology import Endpoint, Offload

ONE_ARM: Path = TOPOLOGIES / "one-arm-dr.toml"


def test_the_legs_of_a_segment_name_their_ports() -> None:
    topology = read_topology(ONE_ARM)
    ports = {segment.name: [leg.port for leg in topology.legs(segment)] for segment in topology.segments}
    assert ports == {
        "wan": ["client-wan", "router-wan"],
        "lan": ["router-lan", "director-lan", "rs1-lan", "rs2-lan", "rs3-lan"],
    }


def test_an_unknown_node_is_told_together_with_the_known_ones() -> None:
    with pytest.raises(TopologyError) as raised:
        read_topology(ONE_ARM).node("rs4")
    assert str(raised.value) == (
        "topology one-arm-dr: no node 'rs4', expected one of client, router, director, rs1, rs2, rs3"
    )


def test_an_endpoint_is_written_as_its_family_is() -> None:
    written = [str(Endpoint(IPAddress(address), 80)) for address in ("10.0.0.1", "fd00::1")]
    assert written == ["10.0.0.1:80", "[fd00::1]:80"]


def test_every_offload_has_its_kernel_name() -> None:
    assert {offload.value: offload.kernel_name for offload in Offload} == {
        "rx": "rx-checksumming",
        "tx": "tx-checksumming",
        "sg": "scatter-gather",
        "tso": "tcp-segmentation-offload",
        "gso": "generic-segmentation-offload",
        "gro": "generic-receive-offload",
    }
