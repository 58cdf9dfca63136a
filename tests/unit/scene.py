# SPDX-License-Identifier: Apache-2.0
"""A small world for the engine's tests: two services, two servers on a link, and how to read commands."""

from __future__ import annotations

from netaddr import EUI, IPAddress

from director.commands import (
    Command,
    GuardKey,
    GuardSide,
    Log,
    Remember,
    SwapTables,
)
from director.engine import Engine
from director.events import (
    ConfigurationApplied,
    Event,
    LinkChanged,
    NeighbourChanged,
    RouteResolved,
)
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Link,
    Neighbour,
    NextHop,
    Protocol,
    Route,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.tables import DecodedImage, decode

DR, TUN, NAT = ForwardingMethod
VIP, OTHER_VIP = IPAddress("192.0.2.1"), IPAddress("192.0.2.2")
RS1, RS2 = IPAddress("10.0.0.2"), IPAddress("10.0.0.3")
DIRECTOR, GATEWAY = IPAddress("10.0.0.1"), IPAddress("10.0.0.254")
KEY = ServiceKey(Protocol.TCP, VIP, 80)
DNS_KEY = ServiceKey(Protocol.UDP, OTHER_VIP, 53)
WEB = VirtualService(
    KEY, Scheduler.WRR, destinations=(Destination(RS1, 80, DR, 4), Destination(RS2, 80, DR, 3))
)
DNS = VirtualService(DNS_KEY, Scheduler.RR, destinations=(Destination(RS1, 5353, NAT, 1),))
TO_WEB = GuardKey(GuardSide.TO, Protocol.TCP, VIP, 80)
TO_DNS = GuardKey(GuardSide.TO, Protocol.UDP, OTHER_VIP, 53)
FROM_DNS = GuardKey(GuardSide.FROM, Protocol.UDP, RS1, 5353)
ETH0 = Link(2, "eth0", EUI("02-00-00-00-00-01"), 1500, up=True)
MAC1, MAC2, MAC_OF_GATEWAY = (EUI(f"02-00-00-00-00-{number}") for number in ("11", "12", "fe"))
ON_LINK = Route(RS1, 2, None, DIRECTOR, 1500)
HOP1 = NextHop(2, EUI("02-00-00-00-00-01"), MAC1, DIRECTOR, 1500)


def applied(*services: VirtualService) -> ConfigurationApplied:
    return ConfigurationApplied(Configuration(services))


def engine_after(*events: Event) -> Engine:
    engine = Engine()
    for event in events:
        engine.handle(event)
    return engine


def kinds(commands: list[Command]) -> list[type[Command]]:
    """Name what is to be done, but for what has to be remembered of it."""
    return [type(command) for command in commands if not isinstance(command, Log | Remember)]


def swap_of(commands: list[Command]) -> SwapTables:
    (swap,) = (command for command in commands if isinstance(command, SwapTables))
    return swap


def image_of(commands: list[Command]) -> DecodedImage:
    return decode(swap_of(commands).image)


def logs_of(commands: list[Command]) -> list[Log]:
    return [command for command in commands if isinstance(command, Log)]


READY = (
    applied(DNS),
    LinkChanged(ETH0),
    RouteResolved(RS1, ON_LINK),
    NeighbourChanged(Neighbour(2, RS1, MAC1)),
)
