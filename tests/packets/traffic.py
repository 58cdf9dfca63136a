# SPDX-License-Identifier: Apache-2.0
"""Random settings and random traffic for them, as hypothesis strategies.

A move is small and abstract (which client, which flags) and becomes frames by itself, so that a failing
sequence can be read and shortened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from director.model import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    Tunables,
    VirtualService,
)
from tests.packets.case import WHOLE, Arrival, Offload, Packet, Segmentation
from tests.packets.frames import icmp_error, outside, tcp, tcp_reply, udp, udp_reply, undone
from tests.packets.network import (
    CLIENT,
    INSIDE,
    OTHER_CLIENT,
    OUTSIDE,
    SERVERS,
    VIP,
    Setting,
    destination,
    service,
    setting,
)
from tests.packets.transform import fragments_of

BODY = bytes(number % 251 for number in range(5000))
FLAGS = ("S", "S", "S", "A", "A", "PA", "FA", "F", "R", "RA", "SA", "", "P", "SF", "SR", "FPU")
LENGTHS = (0, 1, 5, 700, 1439, 1440, 1441, 1460)
PAUSES = (*(0,) * 20, 1, 1, 900, 900, 5_000, 11_000, 61_000, 121_000, 301_000)  # ms


class Kind(Enum):
    """What comes next."""

    SEGMENT = "segment"
    DATAGRAM = "datagram"
    SUPER_SEGMENT = "super segment"
    SUPER_DATAGRAM = "super datagram"
    FRAGMENTS = "fragments"
    REPLY = "reply"
    REPLY_FRAGMENTS = "reply fragments"
    ERROR = "error"
    SERVER_ERROR = "server error"


@dataclass(frozen=True, slots=True)
class Move:
    """One happening; each kind uses the fields that it has a use for."""

    kind: Kind
    pause: int
    client: str
    port: int
    server: str
    flags: str
    length: int
    ttl: int
    tos: int
    dont_fragment: bool
    unfinished: bool
    udp: bool
    lucky: bool  # the server is the one that has the client's connection, if there is one


KINDS = (*Kind, *(Kind.SEGMENT,) * 5, *(Kind.REPLY,) * 3)
WEIGHTS = (1, 1, 2, 3, 4, 0)
SCHEDULERS = (
    *(Scheduler.RR, Scheduler.WRR, Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ),
    *(Scheduler.FO, Scheduler.OVF, Scheduler.DH, Scheduler.NONE),
)
"""Those that the model knows."""
THRESHOLDS = (*(((0, 0),) * 3), (1, 0), (2, 0), (3, 2), (4, 0))  # upper and lower
METHODS = (*ForwardingMethod, ForwardingMethod.NAT, ForwardingMethod.NAT)

moves = st.builds(
    Move,
    kind=st.sampled_from(KINDS),
    pause=st.sampled_from(PAUSES),
    client=st.sampled_from((CLIENT, CLIENT, CLIENT, OTHER_CLIENT)),
    port=st.sampled_from((40000, 40001)),
    server=st.sampled_from(SERVERS),
    flags=st.sampled_from(FLAGS),
    length=st.sampled_from(LENGTHS),
    ttl=st.sampled_from((*(64,) * 10, 2, 1)),
    tos=st.sampled_from((0, 0x10, 0xFF, 1)),
    dont_fragment=st.booleans(),
    unfinished=st.booleans(),
    udp=st.booleans(),
    lucky=st.sampled_from((True, True, True, False)),
)


def destinations(port: int) -> st.SearchStrategy[tuple[Destination, ...]]:
    """Some of the real servers, each by its own method; NAT to another port."""

    def one(server: str, method: ForwardingMethod, weight: int, limits: tuple[int, int]) -> Destination:
        reached = port + 8000 if method is ForwardingMethod.NAT else port
        upper, lower = limits
        return replace(destination(server, method, reached, weight), upper=upper, lower=lower)

    return st.lists(st.sampled_from(SERVERS), max_size=4, unique=True).flatmap(
        lambda servers: st.tuples(
            *(
                st.builds(
                    one,
                    st.just(server),
                    st.sampled_from(METHODS),
                    st.sampled_from(WEIGHTS),
                    st.sampled_from(THRESHOLDS),
                )
                for server in servers
            )
        )
    )


def services(protocol: Protocol, port: int) -> st.SearchStrategy[VirtualService]:
    schedulers = st.sampled_from(SCHEDULERS)
    return st.builds(
        lambda chosen, scheduler: service(*chosen, protocol=protocol, port=port, scheduler=scheduler),
        destinations(port),
        schedulers,
    )


tunables = st.builds(
    Tunables,
    conn_reuse_mode=st.integers(0, 2),
    expire_nodest_conn=st.integers(0, 1),
    sloppy_tcp=st.integers(0, 1),
    icmp_msgs_per_sec=st.just(0),
)
settings_of_two_services: st.SearchStrategy[Setting] = st.builds(
    lambda web, names, chosen: setting(web, names, tunables=chosen),
    services(Protocol.TCP, 80),
    services(Protocol.UDP, 53),
    tunables,
)


@st.composite
def edited(draw: st.DrawFn, before: Setting) -> Setting:
    """Change destinations as an operator would: weights, deletions, and additions behind those that stay."""
    changed = []
    for virtual in before.configuration.services:
        kept = [
            replace(
                known,
                weight=draw(st.sampled_from(WEIGHTS)),
                method=draw(methods_beside(known)),
                upper=draw(st.sampled_from((known.upper, 0, 1, 3))),
            )
            for known in virtual.destinations
            if draw(st.integers(0, 3))
        ]
        held = {known.address for known in virtual.destinations}
        added = [new for new in draw(destinations(virtual.key.port)) if new.address not in held]
        changed.append(replace(virtual, destinations=(*kept, *added)))
    configuration = replace(before.configuration, services=tuple(changed), tunables=draw(tunables))
    return replace(before, configuration=configuration)


def methods_beside(known: Destination) -> st.SearchStrategy[ForwardingMethod]:
    """The methods that a destination can change to and stay itself: NAT's is another port here."""
    if known.method is ForwardingMethod.NAT:
        return st.just(known.method)
    return st.sampled_from((ForwardingMethod.DR, ForwardingMethod.TUN))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Setting, Setting, Setting]:
    """A setting and two that follow it; the last brings back what the second had deleted."""
    first = draw(settings_of_two_services)
    then = draw(edited(first))
    services_again = [
        replace(now, destinations=now.destinations + tuple(d for d in was.destinations if lost(now, d)))
        for was, now in zip(first.configuration.services, then.configuration.services, strict=True)
    ]
    last = replace(then, configuration=replace(then.configuration, services=tuple(services_again)))
    return first, then, last


def lost(now: VirtualService, was: Destination) -> bool:
    return now.destination(was.address, was.port) is None


def arrivals(move: Move) -> tuple[Arrival, ...]:
    """The frames that a move puts on the wire."""
    build = {
        Kind.SEGMENT: _plain,
        Kind.DATAGRAM: _plain,
        Kind.SUPER_SEGMENT: _super,
        Kind.SUPER_DATAGRAM: _super,
        Kind.FRAGMENTS: _fragments,
        Kind.REPLY: _reply,
        Kind.REPLY_FRAGMENTS: _reply_fragments,
        Kind.ERROR: _error,
        Kind.SERVER_ERROR: _server_error,
    }
    return build[move.kind](move)


def _client_frame(move: Move, length: int, *, datagram: bool) -> Packet:
    fields: dict[str, Any] = {"ttl": move.ttl, "tos": move.tos, "flags": 2 if move.dont_fragment else 0}
    if datagram:
        return udp(BODY[:length], client=move.client, port=move.port, **fields)
    return tcp(move.flags, BODY[:length], client=move.client, port=move.port, **fields)


def _server_frame(move: Move, length: int, **fields: int) -> Packet:
    if move.udp:
        frame = udp_reply(move.server, BODY[:length], sport=8053, port=move.port, **fields)
    else:
        frame = tcp_reply(move.server, move.flags, BODY[:length], sport=8080, port=move.port, **fields)
    frame[IP].dst = move.client
    del frame[IP].chksum, frame[IP].payload.chksum
    return Ether(bytes(frame))


def _given(interface: int, frame: Packet, unfinished: bool) -> Arrival:
    if not unfinished:
        return Arrival(interface, bytes(frame))
    packet, offload = undone(frame)
    return Arrival(interface, bytes(packet), offload)


def _plain(move: Move) -> tuple[Arrival, ...]:
    frame = _client_frame(move, move.length, datagram=move.kind is Kind.DATAGRAM)
    return (_given(OUTSIDE, frame, move.unfinished),)


def _super(move: Move) -> tuple[Arrival, ...]:
    datagram = move.kind is Kind.SUPER_DATAGRAM
    kind = Segmentation.UDP_L4 if datagram else Segmentation.TCPV4
    size = 1472 if datagram and move.unfinished else 1448
    frame, offload = undone(_client_frame(move, 4000, datagram=datagram), kind, size)
    return (Arrival(OUTSIDE, bytes(frame), offload),)


def _fragments(move: Move) -> tuple[Arrival, ...]:
    frame = _client_frame(move, 1200, datagram=move.udp)
    frame[IP].flags = 0
    pieces = fragments_of(Ether(bytes(frame))[IP], 600)
    return tuple(Arrival(OUTSIDE, bytes(outside() / piece)) for piece in pieces)


def _reply(move: Move) -> tuple[Arrival, ...]:
    return (_given(INSIDE, _server_frame(move, move.length, ttl=move.ttl, tos=move.tos), move.unfinished),)


def _reply_fragments(move: Move) -> tuple[Arrival, ...]:
    frame = _server_frame(move, 1200, flags=0)
    pieces = fragments_of(frame[IP], 600)
    return tuple(
        Arrival(INSIDE, bytes(Ether(src=frame.src, dst=frame.dst) / piece), WHOLE) for piece in pieces
    )


def _error(move: Move) -> tuple[Arrival, ...]:
    quoted = _client_frame(move, move.length, datagram=move.udp)[IP]
    turned = IP(src=VIP, dst=move.client, proto=quoted.proto, id=9) / bytes(quoted.payload)
    turned = IP(bytes(turned))
    turned.payload.sport, turned.payload.dport = turned.payload.dport, turned.payload.sport
    error = icmp_error(bytes(turned)[:548], kind=3 if move.dont_fragment else 11, code=1)
    error[IP].ttl = move.ttl
    del error[IP].chksum
    return (Arrival(OUTSIDE, bytes(error)),)


def _server_error(move: Move) -> tuple[Arrival, ...]:
    """A real server says that nobody listens there: it quotes what NAT made of the client's packet."""
    seen = IP(bytes(_client_frame(move, move.length, datagram=True)[IP]))
    seen.dst, seen[UDP].dport = move.server, 8053
    del seen.chksum, seen[UDP].chksum
    error = icmp_error(bytes(seen)[:548], kind=3, code=3, source=move.server, target=move.client)
    envelope = _server_frame(move, 0)
    error.src, error.dst = envelope.src, envelope.dst
    return (Arrival(INSIDE, bytes(error), Offload()),)
