# SPDX-License-Identifier: Apache-2.0
"""Each tunable with the frames that it is about, and the timeouts that an operator can set.

conn_reuse_mode, expire_nodest_conn and sloppy_tcp are in lifetimes.py too, pmtu_disc in tunnels.py,
sloppy_sctp in sctp.py, expire_quiescent_template in persistence.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from scapy.layers.inet import TCP, UDP
from scapy.packet import Raw

from director.model import ForwardingMethod, Persistence, Protocol, Timeouts, Tunables
from tests.interop.exchange import Exchange, Inject
from tests.interop.exchanges.clients import answer, closed, datagram, opened, reply, segment
from tests.interop.exchanges.ipv6_errors import error
from tests.interop.exchanges.sctp import NAT_PORT, SERVICE, chunk
from tests.interop.exchanges.sctp import PORT as SCTP_PORT
from tests.interop.exchanges.sctp import packet as sctp_packet
from tests.interop.families import (
    FAMILIES,
    V4,
    V6,
    Family,
    destination,
    from_client,
    from_server,
    ip,
    service,
    setting,
    to,
)
from tests.packets.case import Apply, Packet
from tests.packets.frames import icmp_error
from tests.packets.network import INSIDE, OUTSIDE, Setting

DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
PORT = 40000


def sctp_given(family: Family, method: ForwardingMethod = NAT, **tunables: int) -> Setting:
    to_one = destination(family.one, method, NAT_PORT if method is NAT else SERVICE)
    made = service(to_one, family=family, protocol=Protocol.SCTP, port=SERVICE)
    return setting(made, tunables=Tunables(**tunables))


def of_sctp(family: Family) -> dict[str, Any]:
    return {("proto" if family.version == 4 else "nh"): 132}


def answering_strangers() -> Iterator[Exchange]:
    """nat_icmp_send: a NAT server sends what belongs to no connection."""
    for family, send in product(FAMILIES, (0, 1)):
        yield Exchange(
            f"IPv{family.version} nat_icmp_send {send}: TCP",
            setting(service(*to(NAT, family.one), family=family), tunables=Tunables(nat_icmp_send=send)),
            (
                *(answer(bits, family) for bits in ("S", "SA", "A", "FA", "R", "RA", "")),
                answer("A", family, sport=8001),
                answer("A", family, server=family.two),
                segment("S", family),
                answer("SA", family),
                answer("SA", family, port=40001),
            ),
        )


def answering_strangers_beyond_tcp() -> Iterator[Exchange]:
    for family, send in product(FAMILIES, (0, 1)):
        yield Exchange(
            f"IPv{family.version} nat_icmp_send {send}: UDP",
            setting(
                service(*to(NAT, family.one, port=53), family=family, protocol=Protocol.UDP, port=53),
                tunables=Tunables(nat_icmp_send=send),
            ),
            (
                reply(family),
                reply(family, sport=5301),
                datagram(family),
                reply(family),
                reply(family, port=1),
            ),
        )
        yield Exchange(
            f"IPv{family.version} nat_icmp_send {send}: SCTP",
            sctp_given(family, nat_icmp_send=send),
            tuple(
                Inject(
                    INSIDE,
                    bytes(
                        from_server(
                            family, Raw(sctp_packet(NAT_PORT, SCTP_PORT, chunk(kind))), **of_sctp(family)
                        )
                    ),
                )
                for kind in ("DATA", "INIT_ACK", "ABORT", "SHUTDOWN_COMPLETE")
            ),
        )


def strangers_nearby() -> Iterator[Exchange]:
    """What does not go through the host: to a service, to the director's own address, with no hop left."""
    for family, send in product(FAMILIES, (0, 1)):
        layers = [TCP(sport=8000, dport=port, flags=bits, seq=5) for port, bits in ((80, "S"), (40000, "SA"))]
        frames = (
            from_server(family, layers[0], target=family.vip),
            from_server(family, layers[1], target=family.director),
            from_server(family, layers[1], hops=1),
            from_server(family, layers[1], hops=2),
        )
        yield Exchange(
            f"IPv{family.version} nat_icmp_send {send}: what ends here",
            setting(service(*to(NAT, family.one), family=family), tunables=Tunables(nat_icmp_send=send)),
            tuple(Inject(INSIDE, bytes(frame)) for frame in frames),
        )


def error_about(family: Family, layer: Packet, each: tuple[int, int, int], **fields: Any) -> Inject:
    """An error of a router outside about a packet from the VIP to the client."""
    kind, code, value = each
    quoted = bytes(ip(family, family.vip, family.client, **fields) / layer / Raw(b"x" * 64))
    if family.version == 4:
        return Inject(OUTSIDE, bytes(icmp_error(quoted, kind=kind, code=code, mtu=value)))
    message = error(kind, code, value, quoted, family.router, family.vip)
    return Inject(OUTSIDE, bytes(from_client(family, message, client=family.router, nh=58)))


ERRORS = {4: ((3, 1, 0), (3, 4, 1400), (11, 0, 0)), 6: ((1, 0, 0), (2, 0, 1400), (3, 0, 0))}


def scheduling_errors() -> Iterator[Exchange]:
    for family, method, on in product(FAMILIES, ForwardingMethod, (0, 1)):
        for sloppy in (0, 1):
            yield Exchange(
                f"IPv{family.version} by {method.value}, schedule_icmp {on}, sloppy_tcp {sloppy}: TCP",
                setting(
                    service(*to(method, family.one, family.two), family=family),
                    tunables=Tunables(schedule_icmp=on, sloppy_tcp=sloppy),
                ),
                (
                    *(
                        error_about(family, TCP(sport=80, dport=port, flags=bits, seq=5), each)
                        for port, bits in ((40000, "SA"), (40001, "A"), (40002, "S"))
                        for each in ERRORS[family.version]
                    ),
                    segment("S", family),
                    segment("S", family, port=40003),
                    error_about(family, TCP(sport=80, dport=40003, flags="A"), ERRORS[family.version][0]),
                ),
            )
        yield Exchange(
            f"IPv{family.version} by {method.value}, schedule_icmp {on}: UDP",
            setting(
                service(
                    *to(method, family.one, family.two, port=53),
                    family=family,
                    protocol=Protocol.UDP,
                    port=53,
                ),
                tunables=Tunables(schedule_icmp=on),
            ),
            (
                *(
                    error_about(family, UDP(sport=53, dport=port), each)
                    for port in (40000, 40001)
                    for each in ERRORS[family.version]
                ),
                datagram(family),
            ),
        )


def scheduling_other_errors() -> Iterator[Exchange]:
    """What schedules a packet otherwise than by turns schedules an error so, too."""
    for family in FAMILIES:
        segment_out = TCP(sport=80, dport=40000, flags="A")
        first = ERRORS[family.version][0]
        error = error_about(family, segment_out, first)
        for title, made in (
            (
                "persistent",
                service(*to(DR, family.one, family.two), family=family, persistence=Persistence(50)),
            ),
            ("without a destination", service(*to(DR, family.one, weight=0), family=family)),
            ("FTP", service(*to(DR, family.one, port=21), family=family, port=21)),
        ):
            yield Exchange(
                f"IPv{family.version} {title}, schedule_icmp 1",
                setting(made, tunables=Tunables(schedule_icmp=1)),
                (
                    error,
                    error_about(family, TCP(sport=80, dport=40001, flags="A"), first),
                    error_about(family, TCP(sport=21, dport=40000, flags="A"), first),
                    error_about(family, TCP(sport=2000, dport=40000, flags="A"), first),
                    segment("S", family),
                ),
            )


def scheduling_errors_beyond_tcp() -> Iterator[Exchange]:
    for family in FAMILIES:
        first = ERRORS[family.version][0]
        once = service(
            *to(DR, family.one, family.two, port=53),
            family=family,
            protocol=Protocol.UDP,
            port=53,
            one_packet=True,
        )
        yield Exchange(
            f"IPv{family.version} one-packet, schedule_icmp 1",
            setting(once, tunables=Tunables(schedule_icmp=1)),
            (*(error_about(family, UDP(sport=53, dport=40000), first) for _ in range(3)), datagram(family)),
        )
        for method in ForwardingMethod:
            yield Exchange(
                f"IPv{family.version} SCTP by {method.value}, schedule_icmp 1",
                sctp_given(family, method, schedule_icmp=1),
                tuple(
                    error_about(
                        family, Raw(sctp_packet(SCTP_PORT, 40000, chunk(kind))), first, **of_sctp(family)
                    )
                    for kind in ("DATA", "INIT_ACK")
                ),
            )


def dropping() -> Iterator[Exchange]:
    """drop_packet 3 drops one new connection of so many."""
    for rate in (1, 2, 3, 10):
        tunables = Tunables(drop_packet=3, am_droprate=rate)
        yield Exchange(
            f"drop_packet 3, am_droprate {rate}: SYNs",
            setting(service(*to(DR, V4.one, V4.two)), tunables=tunables),
            (*(segment("S", port=40000 + n) for n in range(12)), segment("A", port=40004), segment("A")),
        )
    yield Exchange(
        "drop_packet 3, am_droprate 2: datagrams",
        setting(
            service(*to(DR, V4.one, V4.two, port=53), protocol=Protocol.UDP, port=53),
            tunables=Tunables(drop_packet=3, am_droprate=2),
        ),
        tuple(datagram(port=40000 + n) for n in range(6)),
    )


def securing() -> Iterator[Exchange]:
    """secure_tcp 3: another table of states, and shorter timers."""
    for method in ForwardingMethod:
        yield Exchange(
            f"secure_tcp 3 by {method.value}: a connection opens and closes",
            setting(service(*to(method, V4.one)), tunables=Tunables(secure_tcp=3)),
            (
                segment("S"),
                *((answer("SA"),) if method is NAT else ()),
                segment("A"),
                segment("PA"),
                *((answer("A"), answer("FA")) if method is NAT else ()),
                segment("FA"),
                segment("A"),
                segment("R"),
                segment("S"),
            ),
        )


def set_timeouts() -> Iterator[Exchange]:
    for tcp, fin, udp in ((100, 0, 0), (0, 33, 0), (0, 0, 77), (10, 20, 30), (86400, 7200, 3600)):
        usual = Timeouts()
        timeouts = Timeouts(
            tcp_established=tcp or usual.tcp_established,
            tcp_fin_wait=fin or usual.tcp_fin_wait,
            udp=udp or usual.udp,
        )
        made = (
            service(*to(DR, V4.one)),
            service(*to(DR, V4.one, port=53), protocol=Protocol.UDP, port=53),
        )
        yield Exchange(
            f"timeouts of {tcp}, {fin} and {udp} seconds",
            setting(*made, timeouts=timeouts),
            (*closed(), datagram()),
        )
        yield Exchange(
            f"timeouts of {tcp}, {fin} and {udp} seconds under living connections",
            setting(*made),
            (
                *opened(),
                datagram(),
                Apply(setting(*made, timeouts=timeouts)),
                segment("S", port=40001),
                segment("A"),
                datagram(),
                segment("FA"),
            ),
        )


def reusing() -> Iterator[Exchange]:
    """conn_reuse_mode with IPv6 and with one server quiet, each mode."""
    for mode, end in product(range(4), ("", "FA", "R")):
        tunables = Tunables(conn_reuse_mode=mode)
        both = setting(service(*to(DR, V6.one, V6.two), family=V6), tunables=tunables)
        yield Exchange(
            f"IPv6, conn_reuse_mode {mode}: a SYN after {end or 'ACK'}",
            both,
            (*opened(V6), *((segment(end, V6),) if end else ()), segment("S", V6), segment("S", V6)),
        )
        lasting = (
            destination(V6.one, DR),
            destination(V6.two, DR, weight=0),
        )
        yield Exchange(
            f"IPv6, conn_reuse_mode {mode}, the server quiet: a SYN after {end or 'ACK'}",
            setting(
                service(*to(DR, V6.one, V6.two), family=V6),
                tunables=Tunables(conn_reuse_mode=mode, expire_nodest_conn=1),
            ),
            (
                *opened(V6),
                *((segment(end, V6),) if end else ()),
                Apply(
                    setting(
                        service(*lasting, family=V6),
                        tunables=Tunables(conn_reuse_mode=mode, expire_nodest_conn=1),
                    )
                ),
                segment("S", V6),
                segment("S", V6),
            ),
        )


NAT_ICMP_SEND = (*answering_strangers(), *answering_strangers_beyond_tcp(), *strangers_nearby())
SCHEDULE_ICMP = (*scheduling_errors(), *scheduling_other_errors(), *scheduling_errors_beyond_tcp())
DROP_PACKET = tuple(dropping())
SECURE_TCP = tuple(securing())
TIMEOUTS = tuple(set_timeouts())
CONN_REUSE = tuple(reusing())
