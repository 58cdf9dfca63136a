# SPDX-License-Identifier: Apache-2.0
"""Persistence: a client keeps its server, by a template that is listed beside its connections."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress, IPNetwork

from director.model import (
    Destination,
    ForwardingMethod,
    MarkRule,
    Persistence,
    Protocol,
    ServiceKey,
    Tunables,
    VirtualService,
)
from tests.packets.case import (
    Apply,
    Case,
    Counted,
    Counts,
    DestinationCounts,
    Entry,
    Listed,
    Packet,
    Send,
    State,
    own_id,
    sends,
)
from tests.packets.frames import tcp, tcp_reply, udp, udp_reply
from tests.packets.network import (
    CLIENT,
    INSIDE,
    ONE,
    OTHER_CLIENT,
    OUTSIDE,
    TWO,
    VIP,
    Setting,
    destination,
    service,
    setting,
)
from tests.packets.transform import direct, translated, translated_back, tunnelled, unreachable_port

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
SYN_MS, HELD_MS = 60_000, 50_000
HELD = Persistence(HELD_MS // 1000)
QUIESCENT = Tunables(expire_quiescent_template=1)
NODEST = Tunables(expire_nodest_conn=1)
WEB = f"{VIP}:80"


def held(*destinations: Destination, persistence: Persistence = HELD, port: int = 80) -> VirtualService:
    return replace(service(*destinations, port=port), persistence=persistence)


def both(method: ForwardingMethod = DR, port: int = 80, weights: tuple[int, int] = (1, 1)) -> VirtualService:
    """A persistent service on VIP:80, round robin over two servers: the second comes first."""
    servers = zip((ONE, TWO), weights, strict=True)
    return held(*(destination(server, method, port, weight) for server, weight in servers))


def goes(frame: Packet, server: str, at: int = 0, reason: str = "new") -> Send:
    return Send(at, OUTSIDE, frame, sends(INSIDE, direct(frame, server), reason=reason))


def refused(frame: Packet, at: int = 0) -> Send:
    return Send(at, OUTSIDE, frame, sends(OUTSIDE, own_id(unreachable_port(frame)), reason="no_dest"))


def template(
    server: str,
    expires: int = HELD_MS,
    *,
    client: str = CLIENT,
    state: State = State.NONE,
    virtual: str = WEB,
    port: int = 80,
    protocol: int = 6,
) -> Entry:
    return Entry(protocol, f"{client}:0", virtual, f"{server}:{port}", state, expires // 1000)


def ended(server: str, expires: int = HELD_MS, state: State = State.NONE) -> Entry:
    return template(server, expires, state=state, virtual=f"{VIP}:65535", port=65535)


def flow(
    server: str, port: int = 40000, state: State = State.SYN_RECV, expires: int = SYN_MS, **more: str
) -> Entry:
    ends = {"client": CLIENT, "virtual": WEB, "reached": "80", **more}
    return Entry(
        6,
        f"{ends['client']}:{port}",
        ends["virtual"],
        f"{server}:{ends['reached']}",
        state,
        expires // 1000,
    )


def listed(at: int, *entries: Entry) -> Listed:
    return Listed(at, frozenset(entries))


def quiesced(weights: tuple[int, int]) -> Setting:
    return setting(both(weights=weights), tunables=QUIESCENT)


MARKED = replace(held(*(destination(each, port=0) for each in (ONE, TWO))), key=ServiceKey.of_mark(7))
RULES = (MarkRule(7, IPNetwork(f"{VIP}/32")),)

CASES = (
    Case(
        "a client's connections go to its server, another's to the next",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            goes(tcp("S", port=40001), TWO),
            goes(tcp("S", client=OTHER_CLIENT), ONE),
            goes(tcp("S", port=40002), TWO),
            listed(
                0,
                template(TWO),
                template(ONE, client=OTHER_CLIENT),
                *(flow(TWO, port) for port in (40000, 40001, 40002)),
                flow(ONE, client=OTHER_CLIENT),
            ),
        ),
    ),
    Case(
        "an established connection assures its template",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            goes(tcp("A"), TWO, reason="hit"),
            listed(
                0, template(TWO, state=State.ASSURED), flow(TWO, state=State.ESTABLISHED, expires=900_000)
            ),
        ),
    ),
    Case(
        "under sloppy_tcp a lone ACK assures it too",
        setting(both(), tunables=Tunables(sloppy_tcp=1)),
        (
            goes(tcp("A"), TWO),
            listed(
                0, template(TWO, state=State.ASSURED), flow(TWO, state=State.ESTABLISHED, expires=900_000)
            ),
        ),
    ),
    Case(
        "each new connection restarts its time, packets of known ones do not",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            goes(tcp("S"), TWO, at=20_000, reason="hit"),
            listed(20_000, template(TWO, 30_000), flow(TWO)),
            goes(tcp("S", port=40001), TWO, at=30_000),
            listed(30_000, template(TWO), flow(TWO, expires=50_000), flow(TWO, 40001)),
        ),
    ),
    Case(
        "it outlives its time while it has connections, a minute at a time",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            listed(52_000, template(TWO, 58_000), flow(TWO, expires=8_000)),
            goes(tcp("S", port=40001), TWO, at=55_000),
            listed(55_000, template(TWO, 60_000), flow(TWO, expires=5_000), flow(TWO, 40001)),
            goes(tcp("S", port=40002), TWO, at=114_000),
            listed(114_000, template(TWO, 60_000), flow(TWO, 40001, expires=1_000), flow(TWO, 40002)),
        ),
    ),
    Case(
        "once its time is over without any, the client is scheduled anew",
        setting(both(), tunables=Tunables(sloppy_tcp=1)),
        (
            Send(0, OUTSIDE, tcp("F"), sends(INSIDE, direct(tcp("F"), TWO))),
            goes(tcp("F", port=40001), TWO, at=49_000),
            listed(60_000, template(TWO, 39_000)),
            Counted(
                f"tcp:{WEB}",
                f"{TWO}:80",
                Counts(2, 2, 0, 80, 0),
                DestinationCounts(Counts(2, 2, 0, 80, 0), persistent=1),
            ),
            goes(tcp("F", port=40002), ONE, at=99_000),
        ),
    ),
    Case(
        "a mask makes one client of a network",
        setting(
            held(
                destination(ONE),
                destination(TWO),
                persistence=Persistence(HELD_MS // 1000, IPAddress("255.255.255.0")),
            )
        ),
        (
            goes(tcp("S"), TWO),
            goes(tcp("S", client=OTHER_CLIENT), TWO),
            listed(0, template(TWO, client="198.51.100.0"), flow(TWO), flow(TWO, client=OTHER_CLIENT)),
        ),
    ),
    Case(
        "NAT: replies find their way, and a datagram's answer assures the template",
        setting(
            replace(
                service(
                    destination(ONE, NAT, 5353), destination(TWO, NAT, 5353), protocol=Protocol.UDP, port=53
                ),
                persistence=HELD,
            )
        ),
        (
            Send(0, OUTSIDE, udp(), sends(INSIDE, translated(udp(), TWO, TWO, 5353))),
            listed(
                0,
                template(TWO, virtual=f"{VIP}:53", port=5353, protocol=17),
                Entry(17, f"{CLIENT}:40000", f"{VIP}:53", f"{TWO}:5353", State.UDP, 300),
            ),
            Send(
                0,
                INSIDE,
                udp_reply(TWO, sport=5353),
                sends(OUTSIDE, translated_back(udp_reply(TWO, sport=5353), 53)),
            ),
            Send(0, OUTSIDE, udp(port=40001), sends(INSIDE, translated(udp(port=40001), TWO, TWO, 5353))),
            listed(
                0,
                template(TWO, virtual=f"{VIP}:53", port=5353, protocol=17, state=State.ASSURED),
                *(
                    Entry(17, f"{CLIENT}:{port}", f"{VIP}:53", f"{TWO}:5353", State.UDP, 300)
                    for port in (40000, 40001)
                ),
            ),
            listed(
                299_000,
                template(TWO, 51_000, virtual=f"{VIP}:53", port=5353, protocol=17, state=State.ASSURED),
                *(
                    Entry(17, f"{CLIENT}:{port}", f"{VIP}:53", f"{TWO}:5353", State.UDP, 1)
                    for port in (40000, 40001)
                ),
            ),
            listed(
                301_000,
                template(TWO, 49_000, virtual=f"{VIP}:53", port=5353, protocol=17, state=State.ASSURED),
            ),
        ),
    ),
    Case(
        "tunnels keep clients as well, and what is persistent is counted apart",
        setting(both(TUN)),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, tunnelled(tcp("S"), TWO, TWO))),
            Counted(
                f"tcp:{WEB}",
                f"{TWO}:80",
                Counts(1, 1, 0, 40, 0),
                DestinationCounts(Counts(1, 1, 0, 40, 0), active=1, persistent=1),
            ),
        ),
    ),
    Case(
        "a server of weight 0 keeps its clients and gets no others",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            Apply(setting(both(weights=(1, 0)))),
            goes(tcp("S", port=40001), TWO),
            goes(tcp("S", client=OTHER_CLIENT), ONE),
        ),
    ),
    Case(
        "expire_quiescent_template: it loses them, and its template is listed with port 65535 until it dies",
        quiesced((1, 1)),
        (
            goes(tcp("S"), TWO),
            Apply(quiesced((1, 0))),
            goes(tcp("S", port=40001), ONE),
            goes(tcp("A"), TWO, reason="hit"),
            Apply(quiesced((0, 1))),
            goes(tcp("S", port=40003), TWO),
            listed(
                0,
                template(TWO),
                ended(ONE),
                ended(TWO, state=State.ASSURED),
                flow(TWO, state=State.ESTABLISHED, expires=900_000),
                flow(ONE, 40001),
                flow(TWO, 40003),
            ),
        ),
    ),
    Case(
        "expire_quiescent_template: where nobody else may take it, the client is refused",
        quiesced((1, 1)),
        (
            goes(tcp("S"), TWO),
            Apply(quiesced((0, 0))),
            refused(tcp("S", port=40001)),
            listed(0, ended(TWO), flow(TWO)),
        ),
    ),
    Case(
        "a deleted server's clients get another, and do not return to it",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            Apply(setting(held(destination(ONE)))),
            goes(tcp("S", port=40001), ONE),
            Apply(setting(both())),
            goes(tcp("S", port=40002), ONE),
            listed(0, template(ONE), ended(TWO), flow(TWO), flow(ONE, 40001), flow(ONE, 40002)),
        ),
    ),
    Case(
        "expire_nodest_conn: a deleted server's templates and connections end with it, at once",
        setting(both(), tunables=NODEST),
        (
            goes(tcp("S"), TWO),
            goes(tcp("A"), TWO, reason="hit"),
            goes(tcp("S", client=OTHER_CLIENT), ONE),
            Apply(setting(held(destination(ONE)), tunables=NODEST)),
            listed(0, template(ONE, client=OTHER_CLIENT), flow(ONE, client=OTHER_CLIENT)),
            goes(tcp("S", port=40001), ONE),
            Apply(setting(both(), tunables=NODEST)),
            goes(tcp("S", port=40002), ONE),
        ),
    ),
    Case(
        "expire_nodest_conn: who was deleted before it was switched on is ended with the next",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            Apply(setting(held(destination(ONE)))),
            Apply(setting(held(destination(ONE)), tunables=NODEST)),
            listed(0, template(TWO), flow(TWO)),
            Apply(setting(held(), tunables=NODEST)),
            listed(0),
        ),
    ),
    Case(
        "a template keeps the time that it was opened with, and counts for nothing once persistence is off",
        setting(both()),
        (
            goes(tcp("S"), TWO),
            Apply(setting(replace(both(), persistence=Persistence(90)))),
            goes(tcp("S", port=40001), TWO),
            listed(0, template(TWO), flow(TWO), flow(TWO, 40001)),
            Apply(setting(replace(both(), persistence=None))),
            goes(tcp("S", port=40002), ONE),
            goes(tcp("S", port=40003), TWO),
        ),
    ),
    Case(
        "thresholds do not turn away a client that a template knows, and templates do not count for them",
        setting(held(replace(destination(ONE), upper=2))),
        (
            goes(tcp("S"), ONE),
            goes(tcp("S", client=OTHER_CLIENT), ONE),
            refused(tcp("S", client="198.51.100.9")),
            goes(tcp("S", port=40001), ONE),
        ),
    ),
    Case(
        "a mark's template has the mark for an address, and keeps every port at one server",
        setting(MARKED, marks=RULES),
        (
            goes(tcp("S"), TWO),
            goes(udp(dport=99), TWO),
            listed(
                0,
                Entry(0, f"{CLIENT}:0", "0.0.0.7:0", f"{TWO}:0", State.NONE, HELD_MS // 1000),
                flow(TWO),
                Entry(17, f"{CLIENT}:40000", f"{VIP}:99", f"{TWO}:99", State.UDP, 300),
            ),
        ),
    ),
    Case(
        "a persistent service of a mark keeps the client's port, whatever its servers' is",
        setting(
            replace(held(destination(ONE, NAT, 8080)), key=ServiceKey.of_mark(7)),
            marks=RULES,
        ),
        (
            Send(0, OUTSIDE, tcp("S"), sends(INSIDE, translated(tcp("S"), ONE, ONE, 80))),
            Send(0, INSIDE, tcp_reply(ONE, "SA"), sends(OUTSIDE, translated_back(tcp_reply(ONE, "SA"), 80))),
        ),
    ),
)
