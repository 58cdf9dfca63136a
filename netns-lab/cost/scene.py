# SPDX-License-Identifier: Apache-2.0
"""What the director under measurement is configured for, as a table image. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from cost.network import INTERFACE, MAC, MTU, PEER
from cost.walk import NOBODY, Ends
from cost.ways import Happening, Way
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    NextHop,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.tables.image import compile_image

VIP, PORT, SERVER_PORT = IPAddress("192.0.2.1"), 53, 5353
OWN = IPAddress("10.0.0.1")
SERVER = IPAddress("10.0.0.2")
"""The first; the others follow it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A configuration of services with so many servers each. Packets are for the first service."""

    services: int
    servers: int
    scheduler: Scheduler

    def image(self, way: Way) -> bytes:
        """Compile the table image. For replies there is one server, since it must be known who answers."""
        servers = 1 if way.happening is Happening.REPLY else self.servers
        nat = way.method is ForwardingMethod.NAT
        services = tuple(
            VirtualService(
                ServiceKey(Protocol.UDP, VIP + number, PORT),
                self.scheduler,
                destinations=tuple(
                    Destination(SERVER + n, SERVER_PORT if nat else PORT, way.method) for n in range(servers)
                ),
            )
            for number in range(self.services)
        )
        hop = NextHop(INTERFACE, MAC, PEER, OWN, MTU)
        hops = {SERVER + number: hop for number in range(servers)}
        return compile_image(
            Configuration(services), hops, links=(Link(INTERFACE, "near", MAC, MTU, up=True),)
        )


REQUEST = Ends(NOBODY, 0, VIP, PORT)
ANSWER = Ends(SERVER, SERVER_PORT, NOBODY, 0)
