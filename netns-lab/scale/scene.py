# SPDX-License-Identifier: Apache-2.0
"""The large set-up as text and addresses: which services there are, and who serves them.

Pure. The first services are UDP and take the connections; the one after them is asked by the packets that
watch an edit take effect: all its servers have weight 0, so that nothing is forwarded until one gets a
weight. The others are TCP.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

FIRST_VIP = IPv4Address("10.100.0.1")
FIRST_SHARED = IPv4Address("10.2.0.100")
FIRST_DISTINCT = IPv4Address("10.128.0.1")
DISTINCT_NETWORK = "10.128.0.0/14"
ROUTER = "10.2.0.11"
MOST_SHARED = 150  # addresses of the server's subnet
FULL = 10  # services that take the connections
PORT = 80


class Servers(Enum):
    """Who serves: the same machines for each service, on the segment; or others, behind a router."""

    SHARED = "shared"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True)
class Size:
    """How large it all is."""

    services: int
    servers: int
    connections: int
    scheduler: str
    who: Servers


@dataclass(frozen=True, slots=True)
class Named:
    """A service and one of its servers, as the control API names them."""

    vip: IPv4Address
    protocol: str
    server: IPv4Address

    @property
    def path(self) -> str:
        return f"/v1/services/{self.protocol}:{self.vip}:{PORT}/destinations/{self.server}:{PORT}"

    @property
    def service(self) -> str:
        return f"{self.protocol}:{self.vip}:{PORT}"


def vip(service: int) -> IPv4Address:
    return FIRST_VIP + service


def server(size: Size, service: int, number: int) -> IPv4Address:
    """Return the address of a service's server."""
    if size.who is Servers.SHARED:
        return FIRST_SHARED + number
    return FIRST_DISTINCT + service * size.servers + number


def shared_servers(size: Size) -> tuple[IPv4Address, ...]:
    """List the addresses that have to be on the segment."""
    return tuple(FIRST_SHARED + number for number in range(size.servers if size.who is Servers.SHARED else 0))


def flooded() -> tuple[IPv4Address, ...]:
    """List the VIPs of the services that take the connections."""
    return tuple(map(vip, range(FULL)))


def watched(size: Size) -> Named:
    """Name the server whose weight is edited while packets watch."""
    return Named(vip(FULL), "udp", server(size, FULL, size.servers // 2))


def edited(size: Size) -> Named:
    """Name a server in the middle of everything."""
    middle = max(size.services // 2, FULL + 1)
    return Named(vip(middle), "tcp", server(size, middle, size.servers // 2))


def last(size: Size) -> str:
    """Name the last service."""
    return Named(vip(size.services - 1), "tcp", server(size, size.services - 1, 0)).service


def configuration(size: Size) -> str:
    """Write it all as the director's TOML."""
    head = f"[director]\nconnections = {max(size.connections, 1000)}\n"
    return head + "".join(_service(size, number) for number in range(size.services))


def _service(size: Size, number: int) -> str:
    protocol, scheduler = ("udp", "rr") if number <= FULL else ("tcp", size.scheduler)
    head = (
        f'\n[[service]]\nprotocol = "{protocol}"\naddress = "{vip(number)}:{PORT}"\n'
        f'scheduler = "{scheduler}"\n'
    )
    return head + "".join(_destinations(size, number))


def _destinations(size: Size, service: int) -> Iterator[str]:
    for number in range(size.servers):
        weight = 0 if service == FULL else 1 + number % 4
        yield (
            f'[[service.destination]]\naddress = "{server(size, service, number)}:{PORT}"\n'
            f'method = "dr"\nweight = {weight}\n'
        )
