# SPDX-License-Identifier: Apache-2.0
"""schedule_icmp over IPv6: an ICMPv6 error about no connection opens one for the packet that it quotes."""

from __future__ import annotations

from scapy.layers.inet import TCP

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Case, Send, passes, sends
from tests.packets.frames_ipv6 import icmp_error, ipv6, tcp
from tests.packets.network import INSIDE, OUTSIDE, setting
from tests.packets.network_ipv6 import CLIENT, ONE, VIP, web
from tests.packets.transform_ipv6 import direct, tunnelled

ON = Tunables(schedule_icmp=1)
QUOTED = bytes(ipv6(VIP, CLIENT) / TCP(sport=80, dport=40000, flags="A"))
ERROR = icmp_error(QUOTED, kind=1)
SEGMENT = tcp("A", port=40000)

CASES = (
    Case(
        "an error opens a connection, and the client's segments follow it",
        setting(web(ForwardingMethod.DR), tunables=ON),
        (
            Send(0, OUTSIDE, ERROR, sends(INSIDE, direct(ERROR, ONE), reason="icmp_related")),
            Send(1, OUTSIDE, SEGMENT, sends(INSIDE, direct(SEGMENT, ONE), reason="hit")),
        ),
    ),
    Case(
        "a tunnel takes it",
        setting(web(ForwardingMethod.TUN), tunables=ON),
        (Send(0, OUTSIDE, ERROR, sends(INSIDE, tunnelled(ERROR, ONE, ONE), reason="icmp_related")),),
    ),
    Case(
        "as long as that is not wanted it is the stack's",
        setting(web(ForwardingMethod.DR)),
        (Send(0, OUTSIDE, ERROR, passes("icmp_unrelated")),),
    ),
)
