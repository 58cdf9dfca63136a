# SPDX-License-Identifier: Apache-2.0
"""ICMP: errors about a flow follow the flow; everything else is the local stack's."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from director.model import ForwardingMethod
from tests.packets.case import Case, Departure, Packet, Send, drops, own_id, passes, sends, stays
from tests.packets.frames import PORT, explicit, icmp_error, inside, ipv4, outside, tcp, udp
from tests.packets.network import (
    CLIENT,
    INSIDE,
    INSIDE_MAC,
    ONE,
    OUTSIDE,
    OUTSIDE_MAC,
    ROUTER,
    ROUTER_MAC,
    SERVER_MACS,
    VIP,
    names,
    setting,
    web,
)
from tests.packets.transform import direct, translated, tunnelled

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
ERRORS = (
    ("destination unreachable, host", 3, 1, 0),
    ("fragmentation needed", 3, 4, 1400),
    ("source quench", 4, 0, 0),
    ("time exceeded in transit", 11, 0, 0),
    ("time exceeded in reassembly", 11, 1, 0),
)
PAYLOAD = Raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 500)


def page(source: str, sport: int, **ip: Any) -> Packet:
    """A packet of the flow from the service to the client, as a router beyond saw it."""
    packet = ipv4(source, CLIENT, ttl=59, **ip) / TCP(sport=sport, dport=PORT, flags="PA", seq=5) / PAYLOAD
    return IP(bytes(packet))


def answer(source: str, sport: int) -> Packet:
    return IP(bytes(ipv4(source, CLIENT, ttl=59) / UDP(sport=sport, dport=PORT) / PAYLOAD))


def about(quoted: Packet, error: tuple[str, int, int, int], **more: str) -> Packet:
    _, kind, code, mtu = error
    return icmp_error(bytes(quoted)[:548], kind=kind, code=code, mtu=mtu, **more)


def requoted(quoted: Packet, **changes: Any) -> bytes:
    """The quoted packet with other addresses and ports: its IP checksum right, its L4 checksum as it was."""
    out = quoted.copy()
    ports = {name: changes.pop(name) for name in ("sport", "dport") if name in changes}
    for name, value in changes.items():
        setattr(out, name, value)
    for name, value in ports.items():
        setattr(out.payload, name, value)
    del out.chksum
    return bytes(out)[:548]


def translated_error(error: tuple[str, int, int, int], quoted: bytes) -> Packet:
    """An error from outside, addressed to the real server, about a packet that the real server sent."""
    out = about(Raw(quoted), error, target=ONE)
    out.src, out.dst = INSIDE_MAC, SERVER_MACS[ONE]
    out[IP].ttl -= 1
    del out[IP].chksum
    return explicit(out)


def tcp_opened(method: ForwardingMethod) -> Send:
    made = {
        DR: lambda: direct(tcp("S"), ONE),
        TUN: lambda: tunnelled(tcp("S"), ONE, ONE),
        NAT: lambda: translated(tcp("S"), ONE, ONE, 8080),
    }
    return Send(0, OUTSIDE, tcp("S"), sends(INSIDE, made[method]()))


def tunnelled_error(error: tuple[str, int, int, int]) -> Departure:
    """ICMP errors of the cases come without DF, so the outer id is the director's own."""
    return own_id(tunnelled(about(page(VIP, 80), error), ONE, ONE))


FORWARDED = (
    *(
        Case(
            f"{error[0]} about a DR flow goes to its real server",
            setting(web(DR)),
            (
                tcp_opened(DR),
                Send(
                    1,
                    OUTSIDE,
                    about(page(VIP, 80), error),
                    sends(INSIDE, direct(about(page(VIP, 80), error), ONE), reason="icmp_related"),
                ),
            ),
        )
        for error in ERRORS
    ),
    *(
        Case(
            f"{error[0]} about a TUN flow goes through the tunnel",
            setting(web(TUN)),
            (
                tcp_opened(TUN),
                Send(1, OUTSIDE, about(page(VIP, 80), error), sends(INSIDE, tunnelled_error(error))),
            ),
        )
        for error in ERRORS
    ),
    *(
        Case(
            f"{error[0]} about a NAT flow reaches the real server as about its own packet",
            setting(web(NAT, port=8080)),
            (
                tcp_opened(NAT),
                Send(
                    1,
                    OUTSIDE,
                    about(page(VIP, 80), error),
                    sends(
                        INSIDE,
                        translated_error(error, requoted(page(VIP, 80), src=ONE, sport=8080)),
                        reason="icmp_related",
                    ),
                ),
            ),
        )
        for error in ERRORS
    ),
    Case(
        "an error about a UDP flow follows it with NAT",
        setting(names(NAT, port=5353)),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 5353))),
            Send(
                1,
                OUTSIDE,
                about(answer(VIP, 53), ERRORS[0]),
                sends(INSIDE, translated_error(ERRORS[0], requoted(answer(VIP, 53), src=ONE, sport=5353))),
            ),
        ),
    ),
    Case(
        "an error that quotes no more than eight bytes of the segment is enough",
        setting(web(NAT, port=8080)),
        (
            tcp_opened(NAT),
            Send(
                1,
                OUTSIDE,
                about(Raw(bytes(page(VIP, 80))[:28]), ERRORS[0]),
                sends(
                    INSIDE,
                    translated_error(ERRORS[0], requoted(page(VIP, 80), src=ONE, sport=8080)[:28]),
                ),
            ),
        ),
    ),
    Case(
        "an error about a packet with IP options follows its flow",
        setting(web(NAT, port=8080)),
        (
            tcp_opened(NAT),
            Send(
                1,
                OUTSIDE,
                about(page(VIP, 80, options=[IPOption_NOP()] * 4), ERRORS[0]),
                sends(
                    INSIDE,
                    translated_error(
                        ERRORS[0],
                        requoted(page(VIP, 80, options=[IPOption_NOP()] * 4), src=ONE, sport=8080),
                    ),
                ),
            ),
        ),
    ),
)


def from_server(quoted: bytes, *, source: str, target: str, envelope: Packet, ttl: int = 64) -> Packet:
    error = ipv4(source, target, flags=0, ttl=ttl, tos=0xC0) / ICMP(type=3, code=3) / Raw(quoted)
    return explicit(envelope / error)


SEEN_BY_SERVER = translated(udp(), ONE, ONE, 5353)[IP]
BACK_TO_CLIENT = (
    Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), ONE, ONE, 5353))),
    Send(
        1,
        INSIDE,
        from_server(bytes(SEEN_BY_SERVER), source=ONE, target=CLIENT, envelope=inside(ONE)),
        sends(
            OUTSIDE,
            from_server(
                requoted(SEEN_BY_SERVER, dst=VIP, dport=53),
                source=VIP,
                target=CLIENT,
                envelope=Ether(src=OUTSIDE_MAC, dst=ROUTER_MAC),
                ttl=63,
            ),
            reason="icmp_related",
        ),
    ),
)
ECHO = explicit(outside() / ipv4(CLIENT, VIP) / ICMP(type=8, id=1, seq=1) / Raw(b"ping" * 10))
SPOILT = about(page(VIP, 80), ERRORS[0])
SPOILT[ICMP].chksum ^= 1

CASES = (
    *FORWARDED,
    Case(
        "a NAT real server's port unreachable reaches the client as the VIP's",
        setting(names(NAT, port=5353)),
        BACK_TO_CLIENT,
    ),
    Case(
        "an echo request to the VIP is the stack's to answer",
        setting(web(DR), names(DR)),
        (Send(0, OUTSIDE, ECHO, passes("icmp_query")),),
    ),
    *(
        Case(
            f"an ICMP message of type {kind} is the stack's, whatever it quotes",
            setting(web(DR)),
            (
                tcp_opened(DR),
                Send(1, OUTSIDE, icmp_error(page(VIP, 80), kind=kind), passes("icmp_query")),
            ),
        )
        for kind in (0, 5, 9, 12, 13, 40, 255)
    ),
    Case(
        "an error about a flow that we do not know is the stack's",
        setting(web(DR)),
        (
            Send(0, OUTSIDE, about(page(VIP, 80), ERRORS[0]), passes("icmp_unrelated")),
            tcp_opened(DR),
            Send(1, OUTSIDE, about(page(VIP, 81), ERRORS[0]), passes("icmp_unrelated")),
            Send(2, OUTSIDE, about(page(ROUTER, 80), ERRORS[0]), passes("icmp_unrelated")),
            Send(3, OUTSIDE, about(answer(VIP, 80), ERRORS[0]), passes("icmp_unrelated")),
        ),
    ),
    Case(
        "an error with a wrong checksum is not forwarded",
        setting(web(DR)),
        (tcp_opened(DR), Send(1, OUTSIDE, SPOILT, drops("bad_checksum"))),
    ),
    Case(
        "an error whose own TTL ran out dies silently: no error is sent about an error",
        setting(web(DR)),
        (
            tcp_opened(DR),
            Send(
                1,
                OUTSIDE,
                explicit(
                    outside()
                    / ipv4(ROUTER, VIP, ttl=1)
                    / ICMP(type=3, code=1)
                    / Raw(bytes(page(VIP, 80))[:548])
                ),
                drops("ttl_expired_silent"),
            ),
        ),
    ),
    Case(
        "an error that quotes a later fragment has no ports to go by",
        setting(web(DR)),
        (tcp_opened(DR), Send(1, OUTSIDE, about(page(VIP, 80, frag=100), ERRORS[0]), stays())),
    ),
    Case(
        "an error that quotes less than the ports is not forwarded",
        setting(web(DR)),
        (
            tcp_opened(DR),
            *(
                Send(at, OUTSIDE, icmp_error(bytes(page(VIP, 80))[:at], kind=3, code=1), stays())
                for at in range(1, 24)
            ),
        ),
    ),
    Case(
        "an error that quotes another protocol is the stack's",
        setting(web(DR)),
        (
            tcp_opened(DR),
            Send(
                1,
                OUTSIDE,
                about(IP(bytes(ipv4(VIP, CLIENT) / ICMP())), ERRORS[0]),
                passes("icmp_unrelated"),
            ),
        ),
    ),
)
