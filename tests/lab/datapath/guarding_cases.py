# SPDX-License-Identifier: Apache-2.0
"""What a frame is to the guard, and frames that no key names in full: of every port, FTP data, marks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netaddr import IPAddress, IPNetwork
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from director.commands import GuardKey, GuardRule, GuardSide, SetGuard
from director.model import Protocol
from tests.lab.datapath.guarded import CLIENT, OURS, SERVER, VIP
from tests.lab.segment import OUR_MAC, PEER_MAC

VIP6 = "2001:db8::1"


class Owner(Enum):
    """Whose a frame is, as (is it dropped before the stack, does the director's socket get it)."""

    STACK = (False, False)
    SHARED = (False, True)
    DIRECTOR = (True, True)


@dataclass(frozen=True)
class Case:
    sentence: str
    owner: Owner
    packet: Packet


def ether(**fields: object) -> Packet:
    return Ether(**{"dst": OUR_MAC, "src": PEER_MAC, **fields})


def error(quoted: Packet, to: str, **icmp: int) -> Packet:
    """An ICMP error from a router about a quoted packet, "fragmentation needed" unless told otherwise."""
    return ether() / IP(src="10.0.0.254", dst=to) / ICMP(**{"type": 3, "code": 4, **icmp}) / quoted


ANY, FTP, KEPT_FTP = "192.0.2.20", "192.0.2.21", "192.0.2.22"
MARKED, MARKED6, MANY = "192.0.2.130", "2001:db8:7::9", "192.0.2.77"


def rule(network: str, protocol: Protocol | None, first: int, last: int, served: bool = True) -> GuardRule:
    return GuardRule(IPNetwork(network), protocol, first, last, served)


WIDE = SetGuard(
    frozenset(
        {
            GuardKey(GuardSide.TO, Protocol.UDP, IPAddress(VIP), 53),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(ANY), 0),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(VIP6), 0),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(FTP), 0),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(FTP), 21),
            GuardKey(GuardSide.TO, Protocol.TCP, IPAddress(KEPT_FTP), 21, data=True),
            GuardKey(GuardSide.FROM, Protocol.TCP, IPAddress(SERVER), 0),
        }
    ),
    (
        (
            rule("192.0.2.128/25", Protocol.TCP, 81, 81, served=False),
            rule("192.0.2.128/25", Protocol.TCP, 80, 89),
            rule("2001:db8:7::/48", Protocol.UDP, 5000, 5001),
            *(rule(f"192.0.2.77/{32 - place % 2}", None, 7, 7, served=False) for place in range(1020)),
            rule(f"{MANY}/32", None, 8, 8),
        ),
        (rule(f"{MARKED}/32", Protocol.TCP, 81, 81, served=False), rule(f"{MARKED}/32", None, 90, 90)),
    ),
)


def tcp_to(address: str, port: int) -> Packet:
    return ether() / IP(src=CLIENT, dst=address) / TCP(dport=port)


def udp_to(address: str, port: int) -> Packet:
    return ether() / IP(src=CLIENT, dst=address) / UDP(dport=port)


CASES_WIDE = (
    Case("any port of a service of port 0", Owner.DIRECTOR, tcp_to(ANY, 22)),
    Case("a high port of a service of port 0", Owner.DIRECTOR, tcp_to(ANY, 60000)),
    Case("another protocol at its address", Owner.STACK, udp_to(ANY, 22)),
    Case("a ping of its address", Owner.STACK, ether() / IP(src=CLIENT, dst=ANY) / ICMP()),
    Case("an IPv6 service of port 0", Owner.DIRECTOR, ether() / IPv6(dst=VIP6) / TCP(dport=9)),
    Case("a question for its IPv6 address", Owner.STACK, ether() / IPv6(dst=VIP6) / ICMPv6ND_NS(tgt=VIP6)),
    Case(
        "an error about a reply of a service of port 0",
        Owner.SHARED,
        error(IP(src=ANY, dst=CLIENT) / TCP(sport=22, dport=40000), to=ANY),
    ),
    Case("any port of a translated server's", Owner.DIRECTOR, ether() / IP(src=SERVER, dst=CLIENT) / TCP()),
    Case("what it sends to the host itself", Owner.STACK, ether() / IP(src=SERVER, dst=OURS) / TCP()),
    Case("data of an FTP service that holds none", Owner.STACK, tcp_to(FTP, 2000)),
    Case("what is not FTP's data beside it", Owner.DIRECTOR, tcp_to(FTP, 80)),
    Case("data of a persistent FTP service", Owner.DIRECTOR, tcp_to(KEPT_FTP, 20)),
    Case("no data of a persistent FTP service", Owner.STACK, tcp_to(KEPT_FTP, 80)),
    Case("a mark's first port", Owner.DIRECTOR, tcp_to(MARKED, 80)),
    Case("a mark's last port", Owner.DIRECTOR, tcp_to(MARKED, 89)),
    Case("a port below the mark's", Owner.STACK, tcp_to(MARKED, 79)),
    Case("an earlier rule whose mark has no service", Owner.STACK, tcp_to(MARKED, 81)),
    Case("a mark of another protocol", Owner.STACK, udp_to(MARKED, 80)),
    Case("the second list, any protocol", Owner.DIRECTOR, udp_to(MARKED, 90)),
    Case("an address outside the mark's network", Owner.STACK, tcp_to("192.0.2.127", 80)),
    Case("the last of many rules", Owner.DIRECTOR, tcp_to(MANY, 8)),
    Case("a port that none of many rules serves", Owner.STACK, tcp_to(MANY, 7)),
    Case("a ping of a mark's address", Owner.STACK, ether() / IP(src=CLIENT, dst=MARKED) / ICMP()),
    Case("an IPv6 mark", Owner.DIRECTOR, ether() / IPv6(dst=MARKED6) / UDP(dport=5001)),
    Case("an IPv6 mark's port above", Owner.STACK, ether() / IPv6(dst=MARKED6) / UDP(dport=5002)),
    Case(
        "a later fragment to a mark's address",
        Owner.SHARED,
        ether() / IP(src=CLIENT, dst=MARKED, frag=9, proto=6) / Raw(bytes(64)),
    ),
    Case(
        "an error about a reply of a mark's service",
        Owner.SHARED,
        error(IP(src=MARKED, dst=CLIENT) / TCP(sport=80, dport=40000), to=MARKED),
    ),
)
