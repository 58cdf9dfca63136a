# SPDX-License-Identifier: Apache-2.0
"""Services of port 0, which have every port that no other has; and what kernel IPVS knows of FTP's ports."""

from __future__ import annotations

from dataclasses import replace

from director.model import ForwardingMethod, Persistence, Tunables, VirtualService
from tests.packets.case import Case, Entry, Listed, Packet, Send, State, drops, own_id, passes, sends
from tests.packets.frames import tcp, tcp_reply, udp
from tests.packets.network import (
    CLIENT,
    INSIDE,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    TWO,
    VIP,
    destination,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import direct, reset_for, translated, translated_back, unreachable_port

DR = ForwardingMethod.DR
NAT = ForwardingMethod.NAT
HELD = Persistence(50)
FTP = service(destination(ONE, port=21), port=21)
FTP_HELD = replace(service(destination(ONE, port=21), destination(TWO, port=21), port=21), persistence=HELD)


def every_port(method: ForwardingMethod = DR, port: int = 0) -> VirtualService:
    """A persistent service of VIP with port 0 over two servers."""
    return replace(
        service(destination(ONE, method, port), destination(TWO, method, port), port=0), persistence=HELD
    )


def refused(frame: Packet) -> Send:
    return Send(0, OUTSIDE, frame, sends(OUTSIDE, own_id(unreachable_port(frame)), reason="no_dest"))


def goes(frame: Packet, server: str) -> Send:
    return Send(0, OUTSIDE, frame, sends(INSIDE, direct(frame, server)))


CASES = (
    Case(
        "what comes from FTP's data port opens nothing: TCP is reset",
        setting(web(DR), tunables=Tunables(sloppy_tcp=1)),
        tuple(
            Send(0, OUTSIDE, frame, sends(OUTSIDE, reset_for(frame), reason="rst_sent"))
            for frame in (tcp("S", port=20), tcp("A", port=20))
        ),
    ),
    Case(
        "what comes from FTP's data port opens nothing: UDP finds nobody",
        setting(names(DR)),
        (
            Send(0, OUTSIDE, udp(port=20), sends(OUTSIDE, own_id(unreachable_port(udp(port=20))))),
            goes(udp(port=21), ONE),
        ),
    ),
    Case(
        "a service of FTP that is not persistent has its own port alone",
        setting(FTP),
        (
            goes(tcp("S", dport=21), ONE),
            *(Send(0, OUTSIDE, tcp("S", dport=port), passes("no_service")) for port in (20, 80, 1024, 65535)),
        ),
    ),
    Case(
        "a persistent service of port 0 has every port that no other has, at one server for each client",
        setting(every_port(), web(DR, (ONE,))),
        (
            goes(tcp("S"), ONE),
            goes(tcp("S", dport=90), TWO),
            goes(tcp("S", port=40001, dport=20), TWO),
            goes(tcp("S", client=OTHER_CLIENT, dport=65535), ONE),
            Send(0, OUTSIDE, udp(), passes("no_service")),
            Listed(
                0,
                frozenset(
                    {
                        Entry(6, f"{CLIENT}:40000", f"{VIP}:80", f"{ONE}:80", State.SYN_RECV, 60),
                        Entry(6, f"{CLIENT}:40000", f"{VIP}:90", f"{TWO}:90", State.SYN_RECV, 60),
                        Entry(6, f"{CLIENT}:40001", f"{VIP}:20", f"{TWO}:20", State.SYN_RECV, 60),
                        Entry(6, f"{OTHER_CLIENT}:40000", f"{VIP}:65535", f"{ONE}:65535", State.SYN_RECV, 60),
                        Entry(6, f"{CLIENT}:0", f"{VIP}:0", f"{TWO}:0", State.NONE, 50),
                        Entry(6, f"{OTHER_CLIENT}:0", f"{VIP}:0", f"{ONE}:0", State.NONE, 50),
                    }
                ),
            ),
        ),
    ),
    Case(
        "what belongs to no connection of it is reset",
        setting(every_port()),
        (
            Send(
                0,
                OUTSIDE,
                tcp("A", dport=91),
                sends(OUTSIDE, reset_for(tcp("A", dport=91)), reason="rst_sent"),
            ),
            Send(0, OUTSIDE, tcp("R", dport=91), drops("rst_unknown")),
        ),
    ),
    Case(
        "NAT keeps the client's port, whatever its servers' is",
        setting(every_port(NAT, 8080)),
        (
            Send(0, OUTSIDE, tcp("S", dport=90), sends(INSIDE, translated(tcp("S", dport=90), TWO, TWO, 90))),
            Send(
                0,
                INSIDE,
                tcp_reply(TWO, "SA", sport=90),
                sends(OUTSIDE, translated_back(tcp_reply(TWO, "SA", sport=90), 90)),
            ),
        ),
    ),
    Case(
        "without a server it is refused at every port",
        setting(replace(service(port=0), persistence=HELD)),
        (refused(tcp("S", dport=90)),),
    ),
    Case(
        "a persistent service of FTP has the ports of data connections, at the server of its client",
        setting(FTP_HELD),
        (
            goes(tcp("S", dport=21), TWO),
            goes(tcp("S", dport=20), TWO),
            goes(tcp("S", dport=2000), TWO),
            Send(0, OUTSIDE, tcp("S"), passes("no_service")),
            goes(tcp("S", client=OTHER_CLIENT, dport=1024), ONE),
            Listed(
                0,
                frozenset(
                    {
                        *(
                            Entry(6, f"{CLIENT}:40000", f"{VIP}:{port}", f"{TWO}:{port}", State.SYN_RECV, 60)
                            for port in (20, 21, 2000)
                        ),
                        Entry(6, f"{OTHER_CLIENT}:40000", f"{VIP}:1024", f"{ONE}:1024", State.SYN_RECV, 60),
                        Entry(6, f"{CLIENT}:0", f"{VIP}:0", f"{TWO}:0", State.NONE, 50),
                        Entry(6, f"{OTHER_CLIENT}:0", f"{VIP}:0", f"{ONE}:0", State.NONE, 50),
                    }
                ),
            ),
        ),
    ),
    Case(
        "a persistent service of FTP without a server refuses its port, and resets others",
        setting(replace(service(port=21), persistence=HELD)),
        (
            refused(tcp("S", dport=21)),
            Send(0, OUTSIDE, tcp("S", dport=2000), sends(OUTSIDE, reset_for(tcp("S", dport=2000)))),
        ),
    ),
    Case(
        "a service of FTP that is not persistent keeps data connections from a service of port 0",
        setting(every_port(), FTP),
        (
            goes(tcp("S", dport=21), ONE),
            Send(0, OUTSIDE, tcp("S", dport=2000), passes("no_service")),
            goes(tcp("S", dport=80), TWO),
        ),
    ),
)
