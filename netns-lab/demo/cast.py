# SPDX-License-Identifier: Apache-2.0
"""Who plays in the demo: the services, their real servers and weights, and the director's configuration.

Pure: nouns and text. The addresses are those of the topology `mixed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress

TOPOLOGY = "mixed"
CLIENT = IPAddress("198.51.100.10")
QUESTION = "whoami.lab TXT"


class Method(Enum):
    """How requests are forwarded; the value is the command lines' word."""

    DR = "dr"
    TUN = "tun"
    NAT = "nat"

    @property
    def passes_replies(self) -> bool:
        """Say whether replies go through the director."""
        return self is Method.NAT


class Application(Enum):
    """What is asked for; the value is the demo's word."""

    HTTP = "HTTP"
    DNS = "DNS"

    @property
    def protocol(self) -> str:
        return "tcp" if self is Application.HTTP else "udp"

    @property
    def port(self) -> int:
        return 80 if self is Application.HTTP else 53

    @property
    def program(self) -> str:
        """Name the lab's service that answers."""
        return "nginx" if self is Application.HTTP else "dnsmasq"


@dataclass(frozen=True, slots=True)
class Server:
    """A real server within a service. `leg` is its interface to the network that the method uses."""

    node: str
    address: IPAddress
    leg: str
    weight: int


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service."""

    method: Method
    application: Application
    vip: IPAddress
    servers: tuple[Server, ...]

    @property
    def name(self) -> str:
        return f"{self.method.name} {self.application.value}"

    @property
    def weight(self) -> int:
        return sum(server.weight for server in self.servers)

    def __str__(self) -> str:
        return f"{self.application.protocol}:{self.vip}:{self.application.port}"


VIPS = {
    Method.DR: IPAddress("192.0.2.1"),
    Method.TUN: IPAddress("192.0.2.2"),
    Method.NAT: IPAddress("192.0.2.3"),
}
LEGS = {Method.DR: "lan", Method.TUN: "far", Method.NAT: "inside"}
NETWORKS = {Method.DR: "10.0.0", Method.TUN: "10.2.0", Method.NAT: "10.3.0"}
HOSTS = {"rs1": 11, "rs2": 12, "rs3": 13, "dns": 14}
GATEWAY = IPAddress("10.3.0.1")  # the director's leg to the servers that it translates for


def _service(method: Method, application: Application, *weights: int) -> Service:
    servers = tuple(
        Server(node, IPAddress(f"{NETWORKS[method]}.{HOSTS[node]}"), LEGS[method], weight)
        for node, weight in zip(HOSTS, weights, strict=False)
    )
    return Service(method, application, VIPS[method], servers)


SERVICES = (
    _service(Method.DR, Application.HTTP, 3, 2, 1),
    _service(Method.TUN, Application.HTTP, 1, 2, 3),
    _service(Method.NAT, Application.HTTP, 4, 1, 1),
    _service(Method.DR, Application.DNS, 4, 3, 2, 1),
    _service(Method.TUN, Application.DNS, 1, 2, 3, 4),
    _service(Method.NAT, Application.DNS, 2, 1, 1, 1),
)


def configuration(services: Sequence[Service]) -> str:
    """Write the director's configuration file."""
    return "\n".join(_service_text(service) for service in services)


def _service_text(service: Service) -> str:
    application = service.application
    lines = [
        "[[service]]",
        f'protocol = "{application.protocol}"',
        f'address = "{service.vip}:{application.port}"',
        'scheduler = "wrr"',
    ]
    for server in service.servers:
        lines += [
            "[[service.destination]]",
            f'address = "{server.address}:{application.port}"',
            f'method = "{service.method.value}"',
            f"weight = {server.weight}",
        ]
    return "\n".join(lines) + "\n"


def duties(node: str) -> tuple[tuple[str, ...], ...]:
    """Say the arguments of each `realserver up` that a node needs."""
    assert node in HOSTS
    return (
        ("--vip", str(VIPS[Method.DR]), "--method", "dr", "--interface", LEGS[Method.DR]),
        ("--vip", str(VIPS[Method.TUN]), "--method", "tun", "--interface", LEGS[Method.TUN]),
        ("--vip", str(VIPS[Method.NAT]), "--method", "nat", "--director", str(GATEWAY)),
    )
