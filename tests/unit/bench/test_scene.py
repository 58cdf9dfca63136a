# SPDX-License-Identifier: Apache-2.0
"""The bench's configuration is valid: the director's own reader takes it, and the lab's the topology."""

from pathlib import Path

import pytest

from bench import scene
from director.config.file import read_configuration
from lab.document import read_topology


@pytest.mark.parametrize("method", ["dr", "tun", "nat"])
def test_the_director_reads_what_is_written_for_it(tmp_path: Path, method: str) -> None:
    file = tmp_path / "director.toml"
    file.write_text(scene.director(method))
    services = read_configuration(file).services
    assert sorted(service.key.port for service in services) == [scene.DISCARD, scene.HTTP, scene.BULK]


def test_the_topology_has_the_addresses_that_the_scene_names() -> None:
    topology = read_topology(scene.TOPOLOGY)
    addresses = {
        str(address.ip)
        for node in topology.nodes
        for leg in node.interfaces
        for address in leg.addresses
    }  # fmt: skip
    named = {
        scene.DIRECTOR_FRONT, scene.DIRECTOR_BACK, scene.SERVER_BACK, scene.SERVER_PAST, scene.CLIENT_PAST,
    }  # fmt: skip
    assert addresses - named == {"10.1.0.10"}


def test_both_proxies_serve_the_ports_of_tcp() -> None:
    for text in (scene.haproxy(), scene.nginx_stream()):
        assert [f"{scene.VIP}:{port}" in text for port in (scene.HTTP, scene.BULK)] == [True, True]
