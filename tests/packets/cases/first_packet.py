# SPDX-License-Identifier: Apache-2.0
"""Packets without a connection: what opens one, what is answered with RST, what has nowhere to go."""

from __future__ import annotations

from functools import partial
from itertools import combinations

from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod, Tunables
from tests.packets.case import Case, Packet, Send, Want, drops, own_id, sends, stays
from tests.packets.frames import tcp, udp
from tests.packets.network import (
    INSIDE,
    ONE,
    OUTSIDE,
    SERVERS,
    TWO,
    VIP,
    Setting,
    destination,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import direct, reset_for, unreachable_port

FLAGS = tuple("".join(some) for size in range(9) for some in combinations("FSRPAUEC", size))
WEB = setting(web(ForwardingMethod.DR))
SLOPPY = setting(web(ForwardingMethod.DR), tunables=Tunables(sloppy_tcp=1))
EMPTY = setting(service(), names(ForwardingMethod.DR, ()))
QUIESCED = setting(
    service(destination(ONE, weight=0), destination(TWO, weight=0)),
)


SPOILT = Ether(bytes(tcp("A", b"12345")))
SPOILT[TCP].chksum ^= 0x40
OVERLONG = Ether(bytes(tcp("A")))
OVERLONG[TCP].dataofs = 15
del OVERLONG[TCP].chksum
OVERLONG = Ether(bytes(OVERLONG))


def strict(segment: Packet, flags: str) -> Want:
    """What a segment of no connection gets: SYN opens one, RST is never answered, the rest is reset."""
    if "R" in flags:
        return drops("rst_unknown")
    if "S" in flags:
        return sends(INSIDE, direct(segment, ONE), reason="new")
    return sends(OUTSIDE, reset_for(segment), reason="rst_sent")


def sloppy(segment: Packet, flags: str) -> Want:
    return drops("rst_unknown") if "R" in flags else sends(INSIDE, direct(segment, ONE), reason="new")


def nowhere(segment: Packet, flags: str) -> Want:
    if "R" in flags:
        return drops("rst_unknown")
    if "S" in flags:
        return sends(OUTSIDE, own_id(unreachable_port(segment)), reason="no_dest")
    return sends(OUTSIDE, reset_for(segment), reason="rst_sent")


def lone(name: str, given: Setting, frame: Packet, want: Want) -> Case:
    return Case(name, given, (Send(0, OUTSIDE, frame, want),))


CASES = (
    *(
        lone(f"flags {flags or 'none'} without a connection", WEB, tcp(flags), strict(tcp(flags), flags))
        for flags in FLAGS
    ),
    *(
        lone(
            f"flags {flags or 'none'} with data without a connection",
            WEB,
            tcp(flags, b"12345"),
            strict(tcp(flags, b"12345"), flags),
        )
        for flags in ("", "F", "A", "PA", "FA", "U", "S", "R")
    ),
    *(
        lone(
            f"sloppy_tcp: flags {flags or 'none'} without a connection",
            SLOPPY,
            tcp(flags),
            sloppy(tcp(flags), flags),
        )
        for flags in FLAGS
        if not set(flags) & set("UEC")
    ),
    *(
        lone(f"no destination left: flags {flags or 'none'}", EMPTY, tcp(flags), nowhere(tcp(flags), flags))
        for flags in ("S", "SA", "A", "R", "F", "FA", "")
    ),
    lone(
        "no destination left: a datagram is answered with port unreachable from the VIP",
        EMPTY,
        udp(),
        sends(OUTSIDE, own_id(unreachable_port(udp())), reason="no_dest"),
    ),
    lone(
        "no destination left: the answer quotes a long datagram as far as 576 bytes allow",
        EMPTY,
        udp(b"q" * 1000),
        sends(OUTSIDE, own_id(unreachable_port(udp(b"q" * 1000))), reason="no_dest"),
    ),
    lone(
        "no destination left: the answer's precedence is internetwork control, the rest of TOS copied",
        EMPTY,
        udp(tos=0x1E),
        sends(OUTSIDE, own_id(unreachable_port(udp(tos=0x1E)))),
    ),
    lone(
        "only quiesced destinations are as good as none",
        QUIESCED,
        tcp("S"),
        sends(OUTSIDE, own_id(unreachable_port(tcp("S"))), reason="no_dest"),
    ),
    *(
        lone(
            f"a RST's TOS is the segment's 0x{tos:02x} without ECN",
            WEB,
            tcp("A", tos=tos),
            sends(OUTSIDE, reset_for(tcp("A", tos=tos))),
        )
        for tos in (0x10, 0x03, 0xFF)
    ),
    lone("a segment with a wrong checksum is not answered", WEB, SPOILT, stays("bad_checksum")),
    lone("a segment whose header claims more than there is is not answered", WEB, OVERLONG, stays()),
    *(
        lone(f"a client can not be {source}: {what}", given, frame(client=source), drops("bad_source"))
        for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", VIP)
        for what, given, frame in (
            ("no SYN opens a connection", WEB, partial(tcp, "S")),
            ("no RST is sent", WEB, partial(tcp, "A")),
            ("no error is sent", EMPTY, udp),
        )
    ),
    *(
        lone(f"an error is sent to {source}", EMPTY, frame, sends(OUTSIDE, own_id(unreachable_port(frame))))
        for source in ("0.0.0.1", "240.0.0.1")
        for frame in (udp(client=source),)
    ),
    Case(
        "a RST to the acknowledgement of an unknown connection does not open one",
        setting(web(ForwardingMethod.DR, SERVERS)),
        (
            Send(0, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")))),
            Send(1, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")), reason="rst_sent")),
        ),
    ),
)
