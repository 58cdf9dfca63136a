# SPDX-License-Identifier: Apache-2.0
"""The exchanges with a kernel's synchronisation daemons: what is configured, sent to it, and waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkCookieEcho, SCTPChunkData, SCTPChunkInit
from scapy.packet import Packet

from director.model import VirtualService
from director.model.service import endpoint
from tests.interop.lab import network
from tests.interop.sync.backups import BACKUPS, Backup
from tests.packets.network import CLIENT, INSIDE_MAC, ONE, OUTSIDE_MAC, ROUTER_MAC, SERVER_MACS, VIP

MODULES = ("veth", "ipv6", "ipip", "ip_vs", "ip_vs_rr", "sch_ingress", "cls_flower", "act_skbedit")
WIRE, WIRE_MAC, PEER, PEER_MAC = "10.9.0.1", "02:00:00:00:09:01", "10.9.0.2", "02:00:00:00:09:02"
VIP6, CLIENT6, ONE6 = "2001:db8::1", "2001:db8:1::7", "fd00::11"
METHODS = {"dr": "-g", "tun": "-i", "nat": "-m"}
SETTLING = 0.3
LATEST = 6.0  # seconds after which a master has sent what it has

Step = tuple[str, Any]
Exchange = dict[str, Any]


def _network() -> dict[str, Any]:
    """Build the interop's lab, with IPv6 as well and the wire between the directors."""
    found = network((VIP,))
    found["before"] = dict.fromkeys(found["before"], "0")
    found["ip"] = [
        *found["ip"],
        f"address add {VIP6}/128 dev lo",
        "address add fd00::1/64 dev in0 nodad",
        "address add 2001:db8:2::2/64 dev out0 nodad",
        "route add 2001:db8:1::/64 via 2001:db8:2::1 dev out0",
        f"neigh add 2001:db8:2::1 lladdr {ROUTER_MAC} dev out0 nud permanent",
        f"neigh add {ONE6} lladdr {SERVER_MACS[ONE]} dev in0 nud permanent",
        f"link add sync0 address {WIRE_MAC} type veth peer name sync1 address {PEER_MAC}",
        f"address add {WIRE}/24 dev sync0",
        "address add fe80::9:1/64 dev sync0 nodad",
        "link set sync0 up",
        "link set sync1 up",
    ]
    found["after"] = {**found["after"], "net/ipv6/conf/all/forwarding": "1"}
    return found


NETWORK = _network()


def start(role: str, *extra: str) -> Step:
    where = ("--mcast-interface", "sync0", "--syncid", "7")
    return ("run", ("ipvsadm", "--start-daemon", role, *where, *extra))


def master(*extra: str) -> Step:
    return start("master", *extra)


def backup(*extra: str) -> Step:
    return start("backup", *extra)


def service(key: tuple[str, ...], server: str, method: str, *options: str) -> Iterator[Step]:
    yield ("run", ("ipvsadm", "-A", *key, "-s", "rr", *options))
    yield ("run", ("ipvsadm", "-a", *key, "-r", server, METHODS[method]))


def from_client(packet: Packet) -> Step:
    frame = Ether(src=ROUTER_MAC, dst=OUTSIDE_MAC) / packet
    return ("frame", ("out1", bytes(frame).hex()))


def from_server(packet: Packet) -> Step:
    frame = Ether(src=SERVER_MACS[ONE], dst=INSIDE_MAC) / packet
    return ("frame", ("in1", bytes(frame).hex()))


def segments(*flags: str) -> Iterator[Step]:
    for each in flags:
        yield from_client(IP(src=CLIENT, dst=VIP) / TCP(sport=40000, dport=80, flags=each))


EVERY = ("write", {"net/ipv4/vs/sync_threshold": "0 1"})
HEAR = ("hear", (LATEST,))
WEB = ("-t", f"{VIP}:80")
SIX_GROUP = ("--mcast-group", "ff02::51", "--mcast-port", "9000")
ALL = ("-t", f"{VIP}:0")


def exchanges() -> list[Exchange]:
    return [{"name": name, "steps": list(steps)} for name, steps in _all()]


def _all() -> Iterator[tuple[str, list[Step]]]:
    yield from _tcp()
    yield from _datagrams()
    yield from _persistent()
    yield from _other_families()
    yield from _messages()
    yield from _backups()


def _tcp() -> Iterator[tuple[str, list[Step]]]:
    for method, server in (("dr", f"{ONE}:80"), ("tun", f"{ONE}:80"), ("nat", f"{ONE}:8080")):
        yield (
            f"master: tcp {method}, from the handshake to the end",
            [*service(WEB, server, method), EVERY, master(), *segments("S", "A", "PA", "FA", "A", "R"), HEAR],
        )
    yield (
        "master: tcp dr, by the default threshold",
        [*service(WEB, f"{ONE}:80", "dr"), master(), *segments("S", *["A"] * 60), HEAR],
    )
    answer = IP(src=ONE, dst=CLIENT)
    accepts, closes = (
        from_server(answer / TCP(sport=8080, dport=40000, flags=flags)) for flags in ("SA", "FA")
    )
    steps = [EVERY, master(), *segments("S"), accepts, *segments("A"), closes, *segments("A", "FA"), HEAR]
    yield "master: a server that closes", [*service(WEB, f"{ONE}:8080", "nat"), *steps]


def _datagrams() -> Iterator[tuple[str, list[Step]]]:
    key = ("-u", f"{VIP}:53")
    ask = from_client(IP(src=CLIENT, dst=VIP) / UDP(sport=40000, dport=53) / b"ask")
    steps = [EVERY, master(), ask, HEAR]
    yield "master: udp dr", [*service(key, f"{ONE}:53", "dr"), *steps]
    yield "master: udp one-packet", [*service(key, f"{ONE}:53", "dr", "-o"), *steps]
    ip = IP(src=CLIENT, dst=VIP) / SCTP(sport=40000, dport=9000)
    chunks = (SCTPChunkInit(init_tag=1), SCTPChunkCookieEcho(cookie=b"c"), SCTPChunkData(data=b"d"))
    sctp = [EVERY, master(), *(from_client(ip / each) for each in chunks), HEAR]
    yield "master: sctp dr", [*service(("--sctp-service", f"{VIP}:9000"), f"{ONE}:9000", "dr"), *sctp]


def _persistent() -> Iterator[tuple[str, list[Step]]]:
    steps = [EVERY, master(), *segments("S", "A"), HEAR]
    for name, key, server, method in (
        ("a persistent service", WEB, f"{ONE}:80", "dr"),
        ("a persistent service of all ports", ALL, f"{ONE}:0", "dr"),
        ("a persistent service of all ports, nat", ALL, f"{ONE}:0", "nat"),
    ):
        yield f"master: {name}", [*service(key, server, method, "-p", "300"), *steps]
    yield from _templates()


def _templates() -> Iterator[tuple[str, list[Step]]]:
    steps = [EVERY, master(), *segments("S", "A"), HEAR]
    held = ("-p", "300")
    web = list(service(WEB, f"{ONE}:80", "dr", *held))
    masked = service(WEB, f"{ONE}:80", "dr", *held, "-M", "255.255.255.0")
    yield "master: a persistent service by networks", [*masked, *steps]
    yield "master: a persistent service, nat", [*service(WEB, f"{ONE}:8080", "nat", *held), *steps]
    yield "master: a persistent service by the default threshold", [*web, *steps[1:]]
    mode = ("write", {"net/ipv4/vs/sync_persist_mode": "1"})
    yield "master: a persistent service, and sync_persist_mode", [*web, mode, *steps]
    marked = [*service(("-f", "7"), f"{ONE}:0", "dr", *held), *_marking("ip"), *steps]
    yield "master: a persistent mark", marked
    ftp = service(("-t", f"{VIP}:21"), f"{ONE}:21", "dr", *held)
    control = from_client(IP(src=CLIENT, dst=VIP) / TCP(sport=40000, dport=21, flags="S"))
    yield "master: persistent ftp", [*ftp, EVERY, master(), control, HEAR]
    ask = from_client(IP(src=CLIENT, dst=VIP) / UDP(sport=40000, dport=53) / b"ask")
    dns = service(("-u", f"{VIP}:53"), f"{ONE}:53", "dr", *held)
    yield "master: a persistent udp service", [*dns, EVERY, master(), ask, HEAR]
    six = from_client(IPv6(src=CLIENT6, dst=VIP6) / TCP(sport=40000, dport=80, flags="S"))
    six_web = service(("-t", f"[{VIP6}]:80"), f"[{ONE6}]:80", "dr", *held, "-M", "64")
    yield "master: a persistent service over ipv6", [*six_web, EVERY, master(), six, HEAR]
    six_mark = service(("-f", "7", "-6"), f"[{ONE6}]:0", "dr", *held)
    yield "master: a persistent mark over ipv6", [*six_mark, *_marking("ipv6"), EVERY, master(), six, HEAR]


def _marking(family: str) -> Iterator[Step]:
    """Give all TCP that clients send the mark 7."""
    yield ("run", ("tc", "qdisc", "add", "dev", "out0", "clsact"))
    fits = ("protocol", family, "flower", "ip_proto", "tcp", "action", "skbedit", "mark", "7")
    yield ("run", ("tc", "filter", "add", "dev", "out0", "ingress", *fits))


def _other_families() -> Iterator[tuple[str, list[Step]]]:
    six = IPv6(src=CLIENT6, dst=VIP6)
    sent = [from_client(six / TCP(sport=40000, dport=80, flags=each)) for each in ("S", "A", "FA")]
    six_service = service(("-t", f"[{VIP6}]:80"), f"[{ONE6}]:80", "dr")
    yield "master: tcp over ipv6", [*six_service, EVERY, master(), *sent, HEAR]
    over = master(*SIX_GROUP, "--mcast-ttl", "3", "--sync-maxlen", "500")
    four = service(WEB, f"{ONE}:80", "dr")
    yield "master: over an ipv6 group", [*four, EVERY, over, *segments("S", "A"), HEAR]


def _messages() -> Iterator[tuple[str, list[Step]]]:
    many = [
        from_client(IP(src=f"198.51.100.{number}", dst=VIP) / TCP(sport=40000, dport=80, flags=each))
        for number in range(1, 21)
        for each in ("S", "A")
    ]
    web = list(service(WEB, f"{ONE}:80", "dr"))
    yield "master: many clients fill messages", [*web, EVERY, master("--sync-maxlen", "300"), *many, HEAR]
    old = ("write", {"net/ipv4/vs/sync_version": "0"})
    yield "master: version 0", [*web, EVERY, old, master(), *segments("S", "A", "FA"), HEAR]


def _backups() -> Iterator[tuple[str, list[Step]]]:
    for name, each in BACKUPS.items():
        told = [("sync", _on_the_wire(datagram)) for datagram in each.datagrams]
        before, after = map(_services, (each.services, each.later))
        yield f"backup: {name}", [*before, backup(), *told, ("hear", (SETTLING,)), *after, *_probe(each)]


def _services(services: Iterable[VirtualService]) -> Iterator[Step]:
    for each in services:
        key, held = _key(each), () if each.persistence is None else ("-p", str(each.persistence.timeout))
        yield ("run", ("ipvsadm", "-A", *key, "-s", "rr", *held))
        for destination in each.destinations:
            method = METHODS[destination.method.value]
            yield ("run", ("ipvsadm", "-a", *key, "-r", destination.endpoint, method))


def _key(each: VirtualService) -> tuple[str, ...]:
    if each.key.mark:
        return ("-f", str(each.key.mark), *(("-6",) if each.key.address.version == 6 else ()))
    return (f"--{each.key.protocol.value}-service", endpoint(each.key.address, each.key.port))


def _probe(each: Backup) -> Iterator[Step]:
    """Send a packet of the client's on the connection that has come, where it shows more than the list."""
    if each.later:
        yield from segments("A")


def _on_the_wire(datagram: bytes) -> str:
    frame = Ether(src=PEER_MAC, dst="01:00:5e:00:00:51")
    packet = IP(src=PEER, dst="224.0.0.81", ttl=1) / UDP(sport=8848, dport=8848) / datagram
    return bytes(frame / packet).hex()
