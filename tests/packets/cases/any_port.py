# SPDX-License-Identifier: Apache-2.0
"""Services of port 0, which have every port that no other has; and what kernel IPVS knows of FTP's ports."""

from __future__ import annotations

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Case, Packet, Send, own_id, passes, sends
from tests.packets.frames import tcp, udp
from tests.packets.network import INSIDE, ONE, OUTSIDE, destination, names, service, setting, web
from tests.packets.transform import direct, reset_for, unreachable_port

DR = ForwardingMethod.DR
FTP = service(destination(ONE, port=21), port=21)


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
)
