# SPDX-License-Identifier: Apache-2.0
"""The way to a tunnel's server is narrower behind a router: uploads get through it, by every kind of tunnel.

Only that router knows. It tells the director, about the tunnel's packet; the director must learn from it, and
tell the client what fits.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

import pytest

from lab import Lab, RunningNode
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
[segment.far]
kind = "cable"

{OUTSIDE}[node.router.interface.lan]
addresses = ["10.1.0.1/24", "192.0.2.254/24", "fd01::1/64", "2001:db8::fffe/64"]
[node.router.interface.far]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[node.router.sysctl]
"net.ipv4.ip_forward" = 1
"net.ipv6.conf.all.forwarding" = 1

[node.director.interface.lan]
addresses = ["10.1.0.2/24", "fd01::2/64"]
[[node.director.route]]
to = "default"
via = "10.1.0.1"
[[node.director.route]]
to = "default"
via = "fd01::1"

[node.rs1.interface.far]
addresses = ["10.0.0.11/24", "fd00::11/64"]
[[node.rs1.route]]
to = "default"
via = "10.0.0.1"
[[node.rs1.route]]
to = "default"
via = "fd00::1"
"""
NARROW = 1400
SIZE = 300_000
TAILS = {("gre", "none"): 4, ("gre", "checksum"): 8, ("ipip", "none"): 0}  # GUE: 12
REMOTE = 8  # more, where a checksum is left to the far end
# Routers cut what has IPv6 inside IPv4: it forbids nothing.
TUNNELS = tunnels(families for families in FAMILIES if families != (6, 4))


def rooms(tunnel: Tunnel) -> set[int]:
    """Say how large the client's packets may be."""
    room = NARROW - (20 if tunnel.outside == 4 else 40) - TAILS.get((tunnel.kind, tunnel.checksum), 12)
    return {room, room - REMOTE} if tunnel.checksum == "remote" else {room}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    topology = tmp_path_factory.mktemp("topology") / "path.toml"
    topology.write_text(TOPOLOGY)
    with Lab.up(str(topology), f"fp{os.getpid()}") as lab:
        server = lab.node("rs1")
        taken = (word for tunnel in TUNNELS for word in ("--vip", tunnel.vip))
        server.output_of(("realserver", "up", "--method", "tun", "--interface", "far", *taken))
        server.start((sys.executable, str(DIGEST_SERVER), str(DIGEST_PORT), "rs1"), log="digest")
        server.wait_port("tcp", "0.0.0.0", DIGEST_PORT, deadline=DEADLINE)
        lab.node("router").output_of(("ip", "link", "set", "far", "mtu", str(NARROW)))
        (lab.node("client").run_directory / "body").write_bytes(content(SIZE))
        yield lab


@pytest.fixture(scope="module", params=DATAPATHS)
def at_work(place: Lab, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with carried(place, request.param, TUNNELS) as it:
        for family in ("-4", "-6"):
            it.client.output_of(("ip", family, "route", "flush", "cache"))
        yield it


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_an_upload_gets_through_a_path_that_a_router_says_is_narrow(at_work: Stage, tunnel: Tunnel) -> None:
    url = f"http://{tunnel.host}:{DIGEST_PORT}/"
    learned = at_work.reasons().get("path_learned", 0)
    done = at_work.client.run(("curl", "-sS", "--max-time", "20", "-H", "Expect:", "-T", "/run/body", url))
    assert (done.stdout.strip(), done.stderr) == (digest(SIZE), ""), at_work.reasons()
    assert at_work.reasons()["path_learned"] > learned
    assert what_it_was_told(at_work.client, tunnel.vip) in rooms(tunnel)


def what_it_was_told(client: RunningNode, vip: str) -> int:
    """Return the MTU that the client's own routes have learned."""
    (mtu,) = re.findall(r"\bmtu (\d+)", client.output_of(("ip", "route", "get", vip)))
    return int(mtu)
