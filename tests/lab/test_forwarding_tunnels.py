# SPDX-License-Identifier: Apache-2.0
"""Every kind of tunnel carries real traffic from each data path to a real server that `realserver` set up.

One network for all: a VIP tells by which tunnel its packets go. Big uploads come as super-frames with partial
checksums where the data path takes them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab
from tests.lab.digest_server import content, digest
from tests.lab.forwarding import (
    DATAPATHS,
    DEADLINE,
    DIGEST_PORT,
    DIGEST_SERVER,
    NEEDS,
    Stage,
)
from tests.lab.tunnels import FAMILIES, OUTSIDE, Tunnel, carried, tunnels
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ethtool")]

TOPOLOGY = f"""
[segment.wan]
kind = "cable"
[segment.lan]
kind = "bridge"

{OUTSIDE}[node.router.interface.lan]
addresses = ["10.0.0.1/24", "192.0.2.254/24", "fd00::1/64", "2001:db8::fffe/64"]
[node.router.sysctl]
"net.ipv4.ip_forward" = 1
"net.ipv6.conf.all.forwarding" = 1

[node.director.interface.lan]
addresses = ["10.0.0.2/24", "fd00::2/64"]
[[node.director.route]]
to = "default"
via = "10.0.0.1"
[[node.director.route]]
to = "default"
via = "fd00::1"

[node.rs1.interface.lan]
addresses = ["10.0.0.11/24", "fd00::11/64"]
[[node.rs1.route]]
to = "default"
via = "10.0.0.1"
[[node.rs1.route]]
to = "default"
via = "fd00::1"
"""
CLIENTS = {4: "198.51.100.10", 6: "2001:db8:7::10"}
DATAGRAMS = Path(__file__).with_name("datagrams.py")
SIZE = 3_000_000
CARRIAGES = (*((datapath, "as it is") for datapath in DATAPATHS), ("tc", "cut"))
"""The data paths, and whether the kernel must cut and complete frames before they leave the director."""


TUNNELS = tunnels(FAMILIES)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    topology = tmp_path_factory.mktemp("topology") / "tunnels.toml"
    topology.write_text(TOPOLOGY)
    with Lab.up(str(topology), f"ft{os.getpid()}") as lab:
        server = lab.node("rs1")
        vips = tuple(tunnel.vip for tunnel in TUNNELS)
        taken = (word for vip in vips for word in ("--vip", vip))
        server.output_of(("realserver", "up", "--method", "tun", "--interface", "lan", *taken))
        server.start((sys.executable, str(DIGEST_SERVER), str(DIGEST_PORT), "rs1"), log="digest")
        server.start((sys.executable, str(DATAGRAMS), "serve", str(DIGEST_PORT), *vips), log="datagrams")
        server.wait_port("tcp", "0.0.0.0", DIGEST_PORT, deadline=DEADLINE)
        server.wait_port("udp", vips[-1], DIGEST_PORT, deadline=DEADLINE)
        for size in (SIZE, *(tunnel.datagram for tunnel in TUNNELS)):
            (lab.node("client").run_directory / str(size)).write_bytes(content(size))
        yield lab


@pytest.fixture(scope="module", params=CARRIAGES, ids="-".join)
def at_work(place: Lab, request: pytest.FixtureRequest) -> Iterator[Stage]:
    datapath, cut = request.param
    with carried(place, datapath, TUNNELS) as it:
        switched = (word for name in ("tx", "tso", "gso") for word in (name, "off" if cut == "cut" else "on"))
        place.node("director").output_of(("ethtool", "-K", "lan", *switched))
        yield it


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_what_is_uploaded_and_downloaded_arrives_whole(at_work: Stage, tunnel: Tunnel) -> None:
    url = f"http://{tunnel.host}:{DIGEST_PORT}/"
    asked = f"curl -sS --max-time 5 {url}10 | sha256sum"
    uploaded = f"curl -sS --max-time 10 -H Expect: -T /run/{SIZE} {url}"
    downloaded = f"curl -sS --max-time 10 {url}{SIZE} | sha256sum"
    done = at_work.client.run(("bash", "-c", f"{asked}; {uploaded}; {downloaded}"))
    got = [line.removesuffix("  -") for line in done.stdout.splitlines()]
    assert (got, done.stderr) == ([digest(10), digest(SIZE), digest(SIZE)], ""), at_work.reasons()


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_large_datagrams_arrive_whole(at_work: Stage, tunnel: Tunnel) -> None:
    asked = ("ask", tunnel.vip, str(DIGEST_PORT), f"/run/{tunnel.datagram}", "4")
    done = at_work.client.run((sys.executable, str(DATAGRAMS), *asked))
    assert (done.stdout.split(), done.stderr) == ([digest(tunnel.datagram)] * 4, ""), at_work.reasons()
