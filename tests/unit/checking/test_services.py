# SPDX-License-Identifier: Apache-2.0
"""What is judged of a service that a namespace can not show, or not alone; the rest is in tests/lab/check."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from netaddr import EUI, IPAddress

from director.checking.findings import Checked, Finding, Level
from director.checking.services import Surroundings, Way, check_service
from director.model import (
    Destination,
    ForwardingMethod,
    OwnAddress,
    Protocol,
    Route,
    ServiceKey,
    VirtualService,
)

VIP, SERVER, OTHER = IPAddress("192.0.2.1"), IPAddress("10.0.0.2"), IPAddress("10.0.0.3")
GATEWAY = IPAddress("10.0.0.254")
KEY = ServiceKey(Protocol.UDP, VIP, 53)
SIX = ServiceKey(Protocol.TCP, IPAddress("2001:db8::1"), 80)
SERVER6 = IPAddress("2001:db8::2")
MARKED = ServiceKey.of_mark(7)
NAME = "udp:192.0.2.1:53"
MAC = EUI("02-00-00-00-00-02")
Problem = partial(Finding, NAME, Level.PROBLEM)
Note = partial(Finding, NAME, Level.NOTE)


def route(to: IPAddress, gateway: IPAddress | None = None, mtu: int = 1500) -> Route:
    return Route(to, 2, gateway, IPAddress("10.0.0.1"), mtu)


def service(*destinations: Destination) -> VirtualService:
    return VirtualService(KEY, destinations=destinations)


TUN = Destination(SERVER, 53, ForwardingMethod.TUN)
ONE = service(Destination(SERVER, 53, ForwardingMethod.DR))
FIT = Surroundings({SERVER: Way(route(SERVER), "eth0", MAC)}, taken=frozenset({"eth0"}))
CASES = {
    "nothing of a service that is fit": (ONE, FIT, ()),
    "a VIP that nobody binds": (
        ONE,
        replace(FIT, binds_vips=False),
        (
            Note(
                "192.0.2.1 is no address of this host",
                "nobody here answers ARP for it",
                "route it to this host, or ip address add 192.0.2.1/32 dev IFNAME",
            ),
        ),
    ),
    "an IPv6 VIP that nobody binds": (
        VirtualService(SIX, destinations=(Destination(SERVER6, 80, ForwardingMethod.DR),)),
        Surroundings(binds_vips=False),
        (
            replace(
                Note(
                    "2001:db8::1 is no address of this host",
                    "nobody here answers neighbour discovery for it",
                    "route it to this host, or ip address add 2001:db8::1/128 dev IFNAME",
                ),
                about=str(SIX),
            ),
        ),
    ),
    "a mark that no rule gives": (
        VirtualService(MARKED, destinations=ONE.destinations),
        replace(FIT, marks=frozenset({8})),
        (
            replace(
                Note(
                    "no rule gives a packet the mark 7",
                    "it balances nothing",
                    "director mark add 7 NETWORK",
                ),
                about="mark:7",
            ),
        ),
    ),
    "nothing of a mark that a rule gives": (
        VirtualService(MARKED, destinations=ONE.destinations),
        replace(FIT, marks=frozenset({7})),
        (),
    ),
    "no VIP that is bound": (ONE, replace(FIT, binds_vips=False, addresses=frozenset({VIP})), ()),
    "the kernel's balancer": (
        ONE,
        replace(FIT, kernel_services=frozenset({KEY, replace(KEY, port=54)})),
        (
            Problem(
                "the kernel's IPVS balances it too",
                "two balancers would answer",
                "ipvsadm -D -u 192.0.2.1:53",
            ),
        ),
    ),
    "no socket bound to another protocol's port": (
        ONE,
        replace(FIT, listeners=frozenset({replace(KEY, protocol=Protocol.TCP)})),
        (),
    ),
    "servers that lack": (
        service(),
        FIT,
        (
            Note(
                "it has no server",
                "no client is answered",
                f"director server add {NAME} ADDRESS --method METHOD",
            ),
        ),
    ),
    "weights that are all 0": (
        service(Destination(SERVER, 53, ForwardingMethod.DR, 0)),
        FIT,
        (
            Note(
                "every server has weight 0",
                "no new client is answered",
                f"director server edit {NAME} 10.0.0.2:53 --weight 1",
            ),
        ),
    ),
    "a gateway that does not answer": (
        service(TUN),
        replace(FIT, ways={SERVER: Way(route(SERVER, GATEWAY, 1600), "eth0")}),
        (
            Problem(
                "10.0.0.254, the gateway to server 10.0.0.2, does not answer ARP on eth0",
                "nothing is sent to it",
                "ping -c 1 10.0.0.254",
            ),
        ),
    ),
    "a tunnel that is too small once": (
        service(TUN, replace(TUN, address=OTHER)),
        replace(
            FIT,
            ways={one: Way(route(one), "eth0", MAC) for one in (SERVER, OTHER)},
        ),
        (
            Note(
                "a tunnel to 10.0.0.2 has room for packets of 1480 bytes",
                "clients that send 1500 are told to send less",
                "ip link set eth0 mtu 1520, at the servers as well",
            ),
        ),
    ),
    "no tunnel that is large enough": (
        service(TUN),
        replace(FIT, ways={SERVER: Way(route(SERVER, None, 1520), "eth0", MAC)}),
        (),
    ),
    "nothing of a server that is this host, nor of its socket": (
        ONE,
        replace(FIT, ways={SERVER: Way(OwnAddress())}, listeners=frozenset({KEY})),
        (),
    ),
    "a server that is this host, where lo is strict": (
        ONE,
        replace(FIT, ways={SERVER: Way(OwnAddress())}, lo_is_strict=True),
        (
            Problem(
                "server 10.0.0.2:53 is this host itself, and lo is strict (rp_filter is 1)",
                "nothing reaches its stack",
                "sysctl -w net.ipv4.conf.lo.rp_filter=2",
            ),
        ),
    ),
    "not that lo is strict, for IPv6": (
        VirtualService(SIX, destinations=(Destination(SERVER6, 80, ForwardingMethod.DR),)),
        Surroundings({SERVER6: Way(OwnAddress())}, lo_is_strict=True),
        (),
    ),
    "a NAT server that is this host, at another port": (
        service(Destination(SERVER, 5353, ForwardingMethod.NAT)),
        replace(FIT, ways={SERVER: Way(OwnAddress())}, listeners=frozenset({KEY})),
        (
            Problem(
                "a socket of this host is bound to 192.0.2.1:53",
                "it gets none of its packets while the director runs",
                "ss -lnup 'sport = :53' names its process; stop that",
            ),
            Problem(
                "NAT server 10.0.0.2:5353 is this host itself",
                "nothing is sent to it",
                f"have it serve at the VIP and the service's port, director server delete {NAME} "
                f"10.0.0.2:5353 and director server add {NAME} 10.0.0.2 --method dr",
            ),
        ),
    ),
    "nothing of a way that nobody asked": (ONE, replace(FIT, ways={}), ()),
}


@pytest.mark.parametrize(("asked", "around", "wanted"), CASES.values(), ids=CASES)
def test_is_told(asked: VirtualService, around: Surroundings, wanted: tuple[Finding, ...]) -> None:
    count = len(asked.destinations)
    words = f"{asked.key} with {count} server{'' if count == 1 else 's'}" if count else ""
    assert check_service(asked, around) == Checked(str(asked.key), words, wanted)
