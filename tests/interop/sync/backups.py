# SPDX-License-Identifier: Apache-2.0
"""What is told to a backup, and the services it has: put to a kernel for the record, and to us by tests.

Pure: nouns and bytes. The datagrams are such as our own master sends, and such as nobody should send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netaddr import IPAddress

from director.model import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from director.sync.message import OPTIONAL, Entry, Flags, Option, datagrams

SYNCID = 7
VIP, CLIENT, ONE, TWO = (IPAddress(each) for each in ("192.0.2.1", "198.51.100.7", "10.0.0.11", "10.0.0.12"))
VIP6, CLIENT6, ONE6 = (IPAddress(each) for each in ("2001:db8::1", "2001:db8:1::7", "fd00::11"))
DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP


@dataclass(frozen=True, slots=True)
class Backup:
    """Services, what is told, and services that are there only afterwards."""

    services: tuple[VirtualService, ...]
    datagrams: tuple[bytes, ...]
    later: tuple[VirtualService, ...] = ()


def service(
    protocol: Protocol, vip: IPAddress, port: int, method: ForwardingMethod, *servers: tuple[IPAddress, int]
) -> VirtualService:
    destinations = tuple(Destination(address, where, method) for address, where in servers)
    return VirtualService(ServiceKey(protocol, vip, port), Scheduler.RR, destinations=destinations)


WEB = service(TCP, VIP, 80, DR, (ONE, 80), (TWO, 80))
EVERY = (
    WEB,
    service(TCP, VIP, 81, NAT, (ONE, 8080)),
    service(TCP, VIP, 82, TUN, (ONE, 82)),
    service(UDP, VIP, 53, DR, (ONE, 53)),
    service(SCTP, VIP, 9000, DR, (ONE, 9000)),
    service(TCP, VIP6, 80, DR, (ONE6, 80)),
)
SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE = 3, 1, 4, 6
ENTRY = Entry(6, 0x83, ESTABLISHED, 40000, 80, 80, 0, 900, CLIENT.packed, VIP.packed, ONE.packed)
NEXT = replace(ENTRY, cport=40001)
ELSEWHERE = replace(ENTRY, daddr=TWO.packed)
ENDED = replace(ENTRY, flags=0x83 | Flags.INACTIVE, state=CLOSE, timeout=10)
SIX = replace(ENTRY, caddr=CLIENT6.packed, vaddr=VIP6.packed, daddr=ONE6.packed)
ODD = replace(ENTRY, options=(Option(OPTIONAL | 9, b"odd"),))


HELD = Persistence(300)
PERSISTENT = tuple(
    replace(each, persistence=HELD)
    for each in (
        *EVERY,
        service(TCP, TWO, 0, DR, (ONE, 0)),
        replace(service(TCP, VIP, 0, DR, (ONE, 0)), key=ServiceKey.of_mark(7)),
        replace(service(TCP, VIP6, 0, DR, (ONE6, 0)), key=ServiceKey.of_mark(7, 6)),
    )
)
HELD_WEB = PERSISTENT[:1]
TEMPLATE = replace(ENTRY, flags=0x1183, state=1, cport=0, timeout=300)
UNASSURED = replace(TEMPLATE, state=0)
OF_MARK = replace(TEMPLATE, protocol=0, fwmark=7, vaddr=b"\0\0\0\7", vport=0, dport=0)
OF_MARK6 = replace(OF_MARK, caddr=CLIENT6.packed, vaddr=b"\0\0\0\7" + bytes(12), daddr=ONE6.packed)


def told(*entries: Entry, syncid: int = SYNCID) -> tuple[bytes, ...]:
    return tuple(datagrams(entries, syncid, 1472))


def changed(at: int, to: bytes, *entries: Entry) -> tuple[bytes, ...]:
    """Tell entries with a lie in the datagram."""
    (datagram,) = told(*entries)
    return (datagram[:at] + to + datagram[at + len(to) :],)


BACKUPS: Mapping[str, Backup] = {
    "every protocol and method": Backup(
        EVERY,
        told(
            ENTRY,
            replace(ENTRY, flags=0, vport=81, dport=8080),
            replace(ENTRY, flags=0x82, vport=82, dport=82),
            replace(ENTRY, protocol=17, flags=0x183, state=0, vport=53, dport=53, timeout=300),
            replace(ENTRY, protocol=132, state=8, vport=9000, dport=9000),
            SIX,
        ),
    ),
    "states": Backup(
        (WEB,),
        told(
            *(replace(ENTRY, cport=40000 + state, state=state) for state in (1, 3, 10)),
            *(replace(ENDED, cport=40000 + state, state=state) for state in (4, 5, 6, 7)),
        ),
    ),
    "a state that there is not, between others": Backup(
        (WEB,), told(ENTRY, replace(ENTRY, cport=2, state=11), NEXT)
    ),
    "a protocol that there is not, between others": Backup(
        (WEB,), told(ENTRY, replace(ENTRY, cport=2, protocol=1), NEXT)
    ),
    "a connection moves on": Backup((WEB,), told(ENTRY) + told(ENDED)),
    "a connection to another server": Backup((WEB,), told(ENTRY) + told(ELSEWHERE)),
    "the end of a connection that was replaced": Backup((WEB,), told(ELSEWHERE) + told(ENDED)),
    "an option that is passed over, and an odd length": Backup((WEB,), told(ODD, NEXT)),
    "an option that is not known": Backup(
        (WEB,), told(NEXT, replace(ENTRY, options=(Option(9, b"odd"),)), replace(ENTRY, cport=3))
    ),
    "templates": Backup(
        PERSISTENT,
        told(
            TEMPLATE,
            replace(UNASSURED, caddr=TWO.packed),
            replace(TEMPLATE, flags=0x1100, vport=81, dport=8080),
            replace(TEMPLATE, flags=0x1182, vport=82, dport=82),
            replace(TEMPLATE, protocol=17, vport=53, dport=53),
            replace(TEMPLATE, protocol=132, vport=9000, dport=9000),
            replace(TEMPLATE, caddr=CLIENT6.packed, vaddr=VIP6.packed, daddr=ONE6.packed),
            replace(TEMPLATE, vaddr=TWO.packed, vport=0, dport=0),
            OF_MARK,
            OF_MARK6,
        ),
    ),
    "a template is assured": Backup(HELD_WEB, told(UNASSURED) + told(TEMPLATE)),
    "a template without a time": Backup(HELD_WEB, told(replace(TEMPLATE, timeout=0))),
    "a template beside its connection": Backup(HELD_WEB, told(ENTRY, TEMPLATE)),
    "a template in a state that there is not, between others": Backup(
        HELD_WEB, told(ENTRY, replace(TEMPLATE, state=2), NEXT)
    ),
    "a template of a protocol that there is not, between others": Backup(
        HELD_WEB, told(ENTRY, replace(TEMPLATE, protocol=1), NEXT)
    ),
    "a template to another server": Backup(
        HELD_WEB, told(TEMPLATE) + told(replace(TEMPLATE, daddr=TWO.packed))
    ),
    "a template of a service that is not persistent": Backup((WEB,), told(TEMPLATE)),
    "another syncid": Backup((WEB,), told(ENTRY, syncid=8)),
    "another version": Backup((WEB,), changed(5, b"\x02", ENTRY)),
    "an entry of another version": Backup((WEB,), changed(46, b"\x10\x24", NEXT, ENTRY)),
    "a size that is too large": Backup((WEB,), changed(2, b"\0\x51", ENTRY, NEXT)),
    "a size that is too small": Backup((WEB,), changed(2, b"\0\x2c", ENTRY, NEXT)),
    "more entries than there are": Backup((WEB,), changed(4, b"\x05", ENTRY, NEXT)),
    "fewer entries than there are": Backup((WEB,), changed(4, b"\x01", ENTRY, NEXT)),
    "an entry that is too long": Backup((WEB,), changed(46, b"\0\x30", NEXT, ENTRY)),
    "a service that comes later": Backup((), told(ENTRY), (WEB,)),
}
