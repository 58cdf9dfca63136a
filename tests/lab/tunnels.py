# SPDX-License-Identifier: Apache-2.0
"""Every kind of tunnel as a service of its own, the client's side of a network for them, and its director."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab import Lab, Wires
from tests.lab.forwarding import DIGEST_PORT, RUN, TIMEOUTS, Stage, endpoint, eventually

OUTSIDE = """
[node.client.interface.wan]
addresses = ["198.51.100.10/24", "2001:db8:7::10/64"]
[[node.client.route]]
to = "default"
via = "198.51.100.1"
[[node.client.route]]
to = "default"
via = "2001:db8:7::1"

[node.router.interface.wan]
addresses = ["198.51.100.1/24", "2001:db8:7::1/64"]
"""
SERVERS = {4: "10.0.0.11", 6: "fd00::11"}
WIRE = 1500
DATAGRAM = 1400
HEADERS = {4: 20, 6: 40}
TAILS = {"ipip": 0, "gre": 8, "gue": 20}  # at most
GUE_PORT = 6080


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A service whose packets go to its server by a tunnel of this kind."""

    number: int  # the VIP's last
    kind: str
    checksum: str = "none"
    inside: int = 4
    outside: int = 4

    @property
    def vip(self) -> str:
        return f"192.0.2.{self.number}" if self.inside == 4 else f"2001:db8::{self.number}"

    @property
    def host(self) -> str:
        """The VIP as a URL has it."""
        return self.vip if self.inside == 4 else f"[{self.vip}]"

    @property
    def datagram(self) -> int:
        """How many bytes a datagram may have that shall fit the wire in any of the data paths."""
        headers = HEADERS[self.outside] + TAILS[self.kind] + HEADERS[self.inside] + 8
        return min(DATAGRAM, WIRE - headers)

    def services(self) -> str:
        """Describe the services of this tunnel."""
        port = f"tunnel_port = {GUE_PORT}\n" if self.kind == "gue" else ""
        return "".join(
            f'[[service]]\nprotocol = "{protocol}"\naddress = "{endpoint(self.vip, DIGEST_PORT)}"\n'
            f'[[service.destination]]\naddress = "{endpoint(SERVERS[self.outside], DIGEST_PORT)}"\n'
            f'method = "tun"\ntunnel = "{self.kind}"\ntunnel_checksum = "{self.checksum}"\n{port}'
            for protocol in ("tcp", "udp")
        )

    def __str__(self) -> str:
        return f"{self.kind}-{self.checksum}-{self.inside}in{self.outside}"


KINDS = (
    ("ipip", "none"),
    ("gre", "none"),
    ("gre", "checksum"),
    ("gue", "none"),
    ("gue", "checksum"),
    ("gue", "remote"),
)
FAMILIES = ((4, 4), (4, 6), (6, 4), (6, 6))  # inside, outside


def tunnels(families: Iterable[tuple[int, int]]) -> tuple[Tunnel, ...]:
    """List all kinds of tunnels of these families, inside and outside."""
    every = ((*kind, *pair) for pair in families for kind in KINDS)
    return tuple(Tunnel(number, *each) for number, each in enumerate(every, start=1))


@contextmanager
def carried(place: Lab, datapath: str, services: Iterable[Tunnel]) -> Iterator[Stage]:
    """Run a director of these services by this data path, whose servers it has found."""
    it = Stage(place, (), (*RUN, "--datapath", datapath))
    place.set_wires("director", Wires.PLAIN if datapath == "xdp" else Wires.OFFLOADED)
    it.write(TIMEOUTS + "".join(tunnel.services() for tunnel in services))
    process = it.start()
    known = set(SERVERS.values())
    eventually(lambda: it.resolved() == known, lambda: f"no way to the server: {process.tail()}")
    assert it.carried_by() == {datapath}
    yield it
    it.end()
