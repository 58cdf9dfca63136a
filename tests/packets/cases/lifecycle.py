# SPDX-License-Identifier: Apache-2.0
"""Connections while the configuration changes: quiesced, deleted and re-added destinations, re-used ports."""

from __future__ import annotations

from dataclasses import replace

from director.model import ForwardingMethod, Persistence, Scheduler, Tunables
from tests.packets.case import Apply, Case, Listed, Packet, Send, State, Step, drops, own_id, passes, sends
from tests.packets.cases.states import entry
from tests.packets.frames import tcp, tcp_reply, udp
from tests.packets.network import (
    INSIDE,
    ONE,
    OUTSIDE,
    SERVERS,
    TWO,
    Setting,
    destination,
    hop,
    names,
    service,
    setting,
    web,
)
from tests.packets.transform import (
    direct,
    reset_for,
    translated,
    translated_back,
    tunnelled,
    unreachable_port,
)

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT


def to(server: str, flags: str, at: int = 0, port: int = 40000) -> Send:
    frame = tcp(flags, port=port)
    return Send(at, OUTSIDE, frame, sends(INSIDE, direct(frame, server)))


def pair(one: int, two: int, **tunables: int) -> Setting:
    """Two destinations with these weights; a negative weight leaves one out."""
    weights = ((ONE, one), (TWO, two))
    chosen = (destination(server, DR, weight=weight) for server, weight in weights if weight >= 0)
    return setting(service(*chosen), tunables=Tunables(**tunables))


def made(method: ForwardingMethod, frame: Packet) -> Packet:
    return {
        DR: lambda: direct(frame, ONE),
        TUN: lambda: tunnelled(frame, ONE, ONE),
        NAT: lambda: translated(frame, ONE, ONE, 80),
    }[method]()


OPEN = (to(TWO, "S"), to(TWO, "A"))
RESET = Send(2, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")), reason="rst_sent"))


def reuse(mode: int, name: str, until: tuple[str, ...], again: str) -> Case:
    """Bring a connection of TWO into a state; the next SYN of its 4-tuple must reach `again`."""
    steps: tuple[Step, ...] = tuple(to(TWO, flags, at) for at, flags in enumerate(until))
    which = "same" if again == TWO else "next"
    return Case(
        f"conn_reuse_mode {mode}: a SYN on {name} goes to the {which} real server",
        pair(1, 1, conn_reuse_mode=mode),
        (*steps, to(again, "S", 9), to(again, "A", 10)),
    )


IN_STATES = (
    ("SYN_RECV", ("S",), (TWO, TWO, TWO)),
    ("ESTABLISHED", ("S", "A"), (TWO, TWO, TWO)),
    ("FIN_WAIT", ("S", "A", "F"), (TWO, TWO, ONE)),
    ("CLOSE", ("S", "A", "R"), (TWO, ONE, ONE)),
    ("TIME_WAIT", ("S", "F"), (TWO, ONE, ONE)),
)
REUSE = tuple(reuse(mode, name, until, again[mode]) for name, until, again in IN_STATES for mode in range(3))

CASES = (
    *REUSE,
    Case(
        "weight 0 keeps connections and gets no new ones; its weight back, it gets them again",
        pair(1, 1),
        (
            *OPEN,
            Apply(pair(1, 0)),
            to(TWO, "A", 1),
            to(ONE, "S", 2, port=1),
            to(ONE, "S", 3, port=2),
            to(TWO, "A", 4),
            Apply(pair(1, 1)),
            to(TWO, "S", 5, port=3),
            to(ONE, "S", 6, port=4),
        ),
    ),
    Case(
        "a deleted destination's packets are dropped silently, a SYN too, and resume when it is back",
        pair(1, 1),
        (
            *OPEN,
            Apply(pair(1, -1)),
            Send(1, OUTSIDE, tcp("A"), drops("dest_removed")),
            Send(2, OUTSIDE, tcp("S"), drops("dest_removed")),
            to(ONE, "S", 3, port=1),
            Apply(pair(1, 1)),
            to(TWO, "A", 4),
            Listed(
                4,
                entry(State.ESTABLISHED, 900, server=TWO) | entry(State.SYN_RECV, 60, client_port=1),
            ),
        ),
    ),
    Case(
        "a deleted destination's entry dies in its own time",
        pair(1, 1),
        (
            *OPEN,
            Apply(pair(1, -1)),
            Send(899_000, OUTSIDE, tcp("A"), drops("dest_removed")),
            Send(901_000, OUTSIDE, tcp("A"), sends(OUTSIDE, reset_for(tcp("A")))),
        ),
    ),
    Case(
        "expire_nodest_conn: an ACK for a deleted destination is reset",
        pair(1, 1, expire_nodest_conn=1),
        (*OPEN, Apply(pair(1, -1, expire_nodest_conn=1)), RESET),
    ),
    Case(
        "expire_nodest_conn: what a deleted destination had is listed no more, and another's goes on",
        pair(1, 1, expire_nodest_conn=1),
        (
            *OPEN,
            to(ONE, "S", 1, port=1),
            Apply(pair(1, -1, expire_nodest_conn=1)),
            Listed(1, entry(State.SYN_RECV, 60, server=ONE, client_port=1)),
        ),
    ),
    Case(
        "expire_nodest_conn: what a deleted service had is listed no more",
        pair(1, 1, expire_nodest_conn=1),
        (*OPEN, Apply(setting(tunables=Tunables(expire_nodest_conn=1))), Listed(1, frozenset())),
    ),
    *(
        Case(
            f"{scheduler.value}: a closed connection counts until a SYN that reopens it has its destination",
            setting(service(destination(ONE), destination(TWO), scheduler=scheduler)),
            (
                to(TWO, "S"),
                to(TWO, "F", 1),
                to(ONE, "S", 2),
                Listed(2, entry(State.SYN_RECV, 60, server=ONE)),
            ),
        )
        for scheduler in (Scheduler.LC, Scheduler.WLC)
    ),
    Case(
        "a SYN on a closed connection under a template goes on with it: none is opened anew",
        setting(replace(service(destination(ONE), destination(TWO)), persistence=Persistence(50))),
        (
            to(TWO, "S"),
            to(TWO, "F", 1),
            Send(2, OUTSIDE, tcp("S"), sends(INSIDE, direct(tcp("S"), TWO), reason="hit")),
        ),
    ),
    Case(
        "expire_nodest_conn: a SYN for a deleted destination goes to another",
        pair(1, 1, expire_nodest_conn=1),
        (*OPEN, Apply(pair(1, -1, expire_nodest_conn=1)), to(ONE, "S", 2), to(ONE, "A", 3)),
    ),
    Case(
        "expire_nodest_conn: a SYN on a quiesced destination's connection is scheduled anew",
        pair(1, 1, expire_nodest_conn=1),
        (*OPEN, Apply(pair(1, 0, expire_nodest_conn=1)), to(TWO, "A", 1), to(ONE, "S", 2), to(ONE, "A", 3)),
    ),
    Case(
        "expire_nodest_conn: a SYN on a quiesced destination's connection moves with conn_reuse_mode 0, too",
        pair(1, 1, expire_nodest_conn=1, conn_reuse_mode=0),
        (
            *OPEN,
            Apply(pair(1, 0, expire_nodest_conn=1, conn_reuse_mode=0)),
            to(TWO, "A", 1),
            to(ONE, "S", 2),
            to(ONE, "A", 3),
        ),
    ),
    Case(
        "without expire_nodest_conn a SYN on a quiesced destination's connection stays",
        pair(1, 1),
        (*OPEN, Apply(pair(1, 0)), to(TWO, "S", 2)),
    ),
    Case(
        "the last destination deleted: new connections are refused, known ones dropped",
        pair(-1, 1),
        (
            *OPEN,
            Apply(pair(-1, -1)),
            Send(1, OUTSIDE, tcp("A"), drops("dest_removed")),
            Send(
                2,
                OUTSIDE,
                tcp("S", port=1),
                sends(OUTSIDE, own_id(unreachable_port(tcp("S", port=1))), reason="no_dest"),
            ),
        ),
    ),
    Case(
        "the last service is deleted: its connections are dropped, other packets are reset",
        pair(1, 1),
        (
            *OPEN,
            Apply(setting()),
            Send(1, OUTSIDE, tcp("A"), drops("dest_removed")),
            Send(2, OUTSIDE, tcp("S", port=1), sends(OUTSIDE, reset_for(tcp("S", port=1)))),
        ),
    ),
    *(
        Case(
            f"a server's method changed from {old.value} to {new.value}: connections keep the old one",
            setting(web(old)),
            (
                Send(0, OUTSIDE, tcp("S"), sends(INSIDE, made(old, tcp("S")))),
                Apply(setting(web(new))),
                Send(1, OUTSIDE, tcp("A"), sends(INSIDE, made(old, tcp("A")), reason="hit")),
                Send(
                    2,
                    OUTSIDE,
                    tcp("S", port=1),
                    sends(INSIDE, made(new, tcp("S", port=1)), reason="new"),
                ),
            ),
        )
        for old in ForwardingMethod
        for new in ForwardingMethod
        if old is not new
    ),
    Case(
        "a new next hop is followed by connections that exist",
        setting(web(DR)),
        (
            to(ONE, "S"),
            Apply(setting(web(DR)).with_hop(ONE, hop(TWO))),
            Send(1, OUTSIDE, tcp("A"), sends(INSIDE, direct(tcp("A"), hop(TWO)))),
        ),
    ),
    Case(
        "an unresolved next hop drops, and the connection resumes when it is known",
        setting(web(DR)).without_hop(ONE),
        (
            Send(0, OUTSIDE, tcp("S"), drops("dest_unresolved")),
            Apply(setting(web(DR))),
            to(ONE, "S", 1),
            Apply(setting(web(DR)).without_hop(ONE)),
            Send(2, OUTSIDE, tcp("A"), drops("dest_unresolved")),
            Apply(setting(web(DR))),
            to(ONE, "A", 3),
        ),
    ),
    Case(
        "a service added later leaves the connections of others alone",
        setting(web(DR)),
        (
            to(ONE, "S"),
            Send(1, OUTSIDE, udp(), passes("no_service")),
            Apply(setting(web(DR), names(TUN))),
            to(ONE, "A", 2),
            Send(3, OUTSIDE, udp(), sends(INSIDE, tunnelled(udp(), ONE, ONE), reason="new")),
        ),
    ),
    Case(
        "NAT: replies still reach the client when the destination is quiesced",
        setting(web(NAT)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Apply(setting(service(destination(ONE, NAT, weight=0)))),
            Send(1, INSIDE, tcp_reply(ONE, "SA"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA"), 80))),
        ),
    ),
    *(
        Case(
            f"NAT: {number} replies on connections of a deleted destination still reach the client",
            setting(web(NAT, SERVERS[:number])),
            (
                *(
                    Send(
                        0,
                        OUTSIDE,
                        tcp("S", port=port),
                        sends(INSIDE, translated(tcp("S", port=port), real, real, 80)),
                    )
                    for port, real in enumerate(reversed(SERVERS[:number]), start=1)
                ),
                Apply(setting(web(NAT, ()))),
                *(
                    Send(
                        1,
                        INSIDE,
                        tcp_reply(back, "SA", port=port),
                        sends(OUTSIDE, translated_back(tcp_reply(back, "SA", port=port), 80), reason="reply"),
                    )
                    for port, back in enumerate(reversed(SERVERS[:number]), start=1)
                ),
            ),
        )
        for number in (1, 3)
    ),
    Case(
        "NAT: a SYN on a closed connection goes to the next real server, and replies follow it",
        setting(web(NAT, (ONE, TWO))),
        (
            *(
                Send(at, OUTSIDE, tcp(flags), sends(INSIDE, translated(tcp(flags), TWO, TWO, 80)))
                for at, flags in enumerate(("S", "A", "R"))
            ),
            Send(3, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80), reason="new")),
            Send(4, INSIDE, tcp_reply(ONE, "SA"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA"), 80))),
            Send(5, INSIDE, tcp_reply(TWO, "SA"), passes("no_service")),
        ),
    ),
)


def chosen(scheduler: Scheduler, weights: tuple[int, ...], order: tuple[int, ...], name: str) -> Case:
    """A scheduler's sequence as the kernel was seen to give it: 11 is the first server added."""
    added = (destination(server, DR, weight=weight) for server, weight in zip(SERVERS, weights, strict=False))
    steps = tuple(to(f"10.0.0.{last}", "S", at, port=1000 + at) for at, last in enumerate(order))
    return Case(f"{scheduler.value}: {name}", setting(service(*added, scheduler=scheduler)), steps)


CASES += (
    chosen(Scheduler.RR, (1, 1, 1, 1), (14, 13, 12, 11) * 2, "the last added comes first"),
    chosen(Scheduler.RR, (5, 1, 0, 1), (14, 12, 11) * 2, "weight only says whether"),
    chosen(Scheduler.WRR, (4, 3, 2), (13, 12, 11, 11, 12, 11, 13, 12, 11) * 2, "weights 4, 3, 2"),
    chosen(Scheduler.WRR, (1, 2, 3, 4), (14, 13, 12, 11, 14, 14, 13, 14, 13, 12), "weights 1, 2, 3, 4"),
    chosen(Scheduler.WRR, (10, 1), (12, *[11] * 10) * 2, "weights 10 and 1"),
    chosen(Scheduler.LC, (1, 1, 1, 1), (14, 13, 12, 11) * 2, "equal load"),
    chosen(Scheduler.WLC, (4, 3, 2, 1), (14, 13, 12, 11, 11, 12, 13, 11, 12, 11) * 2, "weights 4, 3, 2, 1"),
    chosen(Scheduler.SED, (4, 3, 2, 1), (11, 12, 13, 11, 12, 11, 14, 13, 12, 11), "weights 4, 3, 2, 1"),
    chosen(Scheduler.NQ, (4, 3, 2, 1), (14, 13, 12, 11, 11, 12, 11, 13), "who is idle first"),
    chosen(Scheduler.FO, (1, 5, 3, 2), (12,) * 8, "the highest weight alone"),
    chosen(Scheduler.OVF, (2, 3, 4, 1), (*[13] * 5, *[12] * 4, *[11] * 3, *[14] * 2), "one after the other"),
    chosen(Scheduler.DH, (1, 5, 3, 2), (12,) * 6, "one address has one server"),
)
