# SPDX-License-Identifier: Apache-2.0
"""The local node: a server that is the director itself gets its packets as they came, by the local stack."""

from __future__ import annotations

from scapy.layers.inet import IP

from director.model import ForwardingMethod, VirtualService
from tests.packets.case import (
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Send,
    State,
    drops,
    passes,
    sends,
)
from tests.packets.cases.icmp import ERRORS, about, page
from tests.packets.frames import PORT, explicit, outside, tcp, udp
from tests.packets.network import (
    CLIENT,
    DIRECTOR,
    INSIDE,
    ONE,
    OUTSIDE,
    VIP,
    destination,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import direct, fragments_of

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
WEB = f"tcp:{VIP}:80"
LOOPBACK = "127.0.0.1"
OTHER_PORT = PORT + 1
SHORT = tcp("S", ttl=1)
LONG = udp(b"q" * 4000)
PIECES = tuple(explicit(outside() / piece) for piece in fragments_of(LONG[IP], 1500))


def beside(own: str) -> VirtualService:
    """A service with a server inside and the director itself, which gets the first connection."""
    return service(destination(ONE, DR), destination(own, DR))


def entry(port: int, server: str, state: State, expires: int) -> Entry:
    return Entry(6, f"{CLIENT}:{port}", f"{VIP}:80", f"{server}:80", state, expires)


def alone(name: str, made: VirtualService) -> Case:
    return Case(
        name,
        setting(made),
        (Send(0, OUTSIDE, tcp("S"), passes("local")), Send(1, OUTSIDE, tcp("A"), passes("local"))),
    )


CASES = (
    *(
        Case(
            f"the director at {name} is one of two servers: it has its share, counted as any other's",
            setting(beside(own)),
            (
                Send(0, OUTSIDE, tcp("S"), passes("local")),
                Send(
                    1,
                    OUTSIDE,
                    tcp("S", port=OTHER_PORT),
                    sends(INSIDE, direct(tcp("S", port=OTHER_PORT), ONE), reason="new"),
                ),
                Send(2, OUTSIDE, tcp("A"), passes("local")),
                Listed(
                    2,
                    frozenset(
                        {
                            entry(PORT, own, State.ESTABLISHED, 900),
                            entry(OTHER_PORT, ONE, State.SYN_RECV, 60),
                        }
                    ),
                ),
                Counted(
                    WEB,
                    f"{own}:80",
                    Counts(2, 3, 0, 120, 0),
                    DestinationCounts(Counts(1, 2, 0, 80, 0), 1, 0),
                ),
            ),
        )
        for name, own in (("an address of its own", DIRECTOR), ("the VIP", VIP), ("loopback", LOOPBACK))
    ),
    alone("no tunnel leads to the director itself", web(TUN, (DIRECTOR,))),
    alone("NAT has nothing to translate at the VIP and its port", web(NAT, (VIP,))),
    Case(
        "NAT to another port or address of the director is refused: its answers could not be told back",
        setting(web(NAT, (VIP,), 8080), names(NAT, (DIRECTOR,), 53)),
        (
            Send(0, OUTSIDE, tcp("S"), drops("dest_unresolved")),
            Send(0, OUTSIDE, udp(), drops("dest_unresolved")),
        ),
    ),
    Case(
        "what is for the director itself goes no hop further",
        setting(web(DR, (DIRECTOR,))),
        (Send(0, OUTSIDE, SHORT, passes("local")),),
    ),
    Case(
        "an ICMP error about a connection is the director's own as well",
        setting(web(DR, (DIRECTOR,))),
        (
            Send(0, OUTSIDE, tcp("S"), passes("local")),
            Send(1, OUTSIDE, about(page(VIP, 80), ERRORS[0]), passes("local")),
        ),
    ),
    Case(
        "later fragments are left to where the first was",
        setting(names(DR, (DIRECTOR,))),
        tuple(Send(0, OUTSIDE, piece, passes("local")) for piece in PIECES),
    ),
)
