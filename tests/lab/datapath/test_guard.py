# SPDX-License-Identifier: Apache-2.0
"""The guard in the kernel: real frames over a veth pair, and whose they turn out to be."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, GRE, Dot1Q
from scapy.packet import Packet, Raw

from director.commands import SetGuard
from director.datapath.errors import DatapathError
from director.datapath.guard import Guard
from tests.lab.datapath.guarded import (
    CLIENT,
    KEYS,
    OTHER,
    OURS,
    SERVER,
    SO_ATTACH_BPF,
    TUNNELLED,
    VIP,
    guarded,
    run,
)
from tests.lab.datapath.guarding_cases import CASES_WIDE, WIDE, Case, Owner, error, ether
from tests.lab.segment import Segment, eventually, segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth", "bpf", "clsact", "packet-socket"), pytest.mark.lab]


SYN = IP(src=CLIENT, dst=VIP) / TCP(sport=40000, dport=80, flags="S")
REPLY = IP(src=VIP, dst=CLIENT) / TCP(sport=80, dport=40000, flags="A")
TUNNEL = {"src": OURS, "dst": TUNNELLED}
TRANSLATED = IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=8080, flags="S")


def gue(inside: Packet, extra: bytes = b"", protocol: int = 4) -> Packet:
    """What follows the IP header of a packet in a GUE tunnel; `extra`: the fields of a remote checksum."""
    header = bytes((len(extra) // 4, protocol, 0, 0))
    return UDP(sport=50000, dport=6080, chksum=0) / Raw(header + extra + bytes(inside))


CASES = (
    Case("a SYN to a service", Owner.DIRECTOR, ether() / SYN),
    Case("a datagram to a service", Owner.DIRECTOR, ether() / IP(src=CLIENT, dst=VIP) / UDP(dport=53)),
    Case("a frame longer than the header", Owner.DIRECTOR, ether() / SYN / Raw(bytes(1400))),
    Case(
        "a packet with IP options to a service",
        Owner.DIRECTOR,
        ether() / IP(src=CLIENT, dst=VIP, options=[b"\x01\x01\x01\x00"]) / TCP(dport=80),
    ),
    Case(
        "a first fragment to a service",
        Owner.DIRECTOR,
        ether() / IP(src=CLIENT, dst=VIP, flags="MF") / UDP(dport=53) / Raw(bytes(64)),
    ),
    Case(
        "a later fragment to a service's address",
        Owner.SHARED,
        ether() / IP(src=CLIENT, dst=VIP, frag=9, proto=17) / Raw(bytes(64)),
    ),
    Case("a frame with a priority tag", Owner.DIRECTOR, ether() / Dot1Q(vlan=0, prio=3) / SYN),
    Case("a frame of a VLAN", Owner.STACK, ether() / Dot1Q(vlan=7) / SYN),
    Case("another port of the VIP", Owner.STACK, ether() / IP(src=CLIENT, dst=VIP) / TCP(dport=22)),
    Case("another protocol on the port", Owner.STACK, ether() / IP(src=CLIENT, dst=VIP) / UDP(dport=80)),
    Case("another address", Owner.STACK, ether() / IP(src=CLIENT, dst=OTHER) / TCP(dport=80)),
    Case("a ping of the VIP", Owner.STACK, ether() / IP(src=CLIENT, dst=VIP) / ICMP()),
    Case("a packet that only names the service's port as its source", Owner.STACK, ether() / REPLY),
    Case("a question for the VIP's MAC", Owner.STACK, ether() / ARP(pdst=VIP)),
    Case("a SYN in a frame for another host", Owner.STACK, ether(dst="02:00:00:00:00:77") / SYN),
    Case("a frame cut off within the ports", Owner.STACK, ether() / Raw(bytes(SYN)[:22])),
    Case("a frame cut off within the IP header", Owner.STACK, ether(type=0x800) / Raw(bytes(SYN)[:19])),
    Case(
        "a header length below 5 words",
        Owner.STACK,
        ether() / IP(src=CLIENT, dst=VIP, ihl=4) / TCP(dport=80),
    ),
    Case(
        "a translated server's reply",
        Owner.DIRECTOR,
        ether() / IP(src=SERVER, dst=CLIENT) / TCP(sport=8080, dport=40000),
    ),
    Case(
        "a translated server's later fragment",
        Owner.SHARED,
        ether() / IP(src=SERVER, dst=CLIENT, frag=9, proto=6) / Raw(bytes(64)),
    ),
    Case(
        "a translated server's answer to the director's host itself",
        Owner.STACK,
        ether() / IP(src=SERVER, dst=OURS) / TCP(sport=8080, dport=40000),
    ),
    Case(
        "another port of a translated server",
        Owner.STACK,
        ether() / IP(src=SERVER, dst=CLIENT) / TCP(sport=22, dport=40000),
    ),
    Case("an error about a service's reply", Owner.SHARED, error(REPLY, to=VIP)),
    Case("a time exceeded about a service's reply", Owner.SHARED, error(REPLY, to=VIP, type=11, code=0)),
    Case(
        "an error about a later fragment of a reply",
        Owner.SHARED,
        error(IP(src=VIP, dst=CLIENT, frag=9, proto=17) / Raw(bytes(8)), to=VIP),
    ),
    Case("an error about a translated request", Owner.DIRECTOR, error(TRANSLATED, to=CLIENT)),
    Case(
        "an error about a tunnel that led to a server",
        Owner.SHARED,
        error(IP(src=OURS, dst=TUNNELLED, proto=4) / SYN, to=OURS),
    ),
    Case("an error about a GRE tunnel", Owner.SHARED, error(IP(**TUNNEL) / GRE() / SYN, to=OURS)),
    Case(
        "an error about a GRE tunnel with a checksum",
        Owner.SHARED,
        error(IP(**TUNNEL) / GRE(chksum_present=1) / SYN, to=OURS),
    ),
    Case("an error about a GUE tunnel", Owner.SHARED, error(IP(**TUNNEL) / gue(SYN), to=OURS)),
    Case(
        "an error about a GUE tunnel with a remote checksum",
        Owner.SHARED,
        error(IP(**TUNNEL) / gue(SYN, b"\0\x18\0\x24" + bytes(4)), to=OURS),
    ),
    Case(
        "an error about a datagram of another host's that looks like GUE",
        Owner.STACK,
        error(IP(src=CLIENT, dst=TUNNELLED) / gue(SYN), to=OURS),
    ),
    Case(
        "an error about the host's own datagram",
        Owner.STACK,
        error(IP(**TUNNEL) / UDP(sport=40000, dport=53) / Raw(bytes(40)), to=OURS),
    ),
    Case(
        "an error about a tunnel of the host's that led to no service",
        Owner.STACK,
        error(IP(**TUNNEL) / GRE() / IP(src=CLIENT, dst=OTHER) / TCP(dport=80), to=OURS),
    ),
    Case(
        "an error about a tunnel, cut within the packet inside",
        Owner.STACK,
        error(Raw(bytes(IP(**TUNNEL) / GRE() / SYN)[:40]), to=OURS),
    ),
    Case(
        "an error about a later fragment of a tunnel's packet",
        Owner.STACK,
        error(IP(**TUNNEL, proto=4, frag=9) / SYN, to=OURS),
    ),
    Case(
        "an error about the host's own connection to a server",
        Owner.STACK,
        error(IP(src=OURS, dst=SERVER) / TCP(sport=40000, dport=8080), to=OURS),
    ),
    Case(
        "an error about the VIP's other ports",
        Owner.STACK,
        error(IP(src=VIP, dst=CLIENT) / TCP(sport=22, dport=40000), to=VIP),
    ),
    Case("an error that quotes nothing", Owner.STACK, error(Raw(b""), to=VIP)),
    Case("a redirect about a service's reply", Owner.STACK, error(REPLY, to=VIP, type=5, code=1)),
)  # fmt: skip

VIP6, CLIENT6, SERVER6, OURS6 = "2001:db8::1", "2001:db8:7::7", "fd00::2", "fd00::1"
SYN6 = IPv6(src=CLIENT6, dst=VIP6) / TCP(sport=40000, dport=80, flags="S")
REPLY6 = IPv6(src=VIP6, dst=CLIENT6) / TCP(sport=80, dport=40000, flags="A")
TRANSLATED6 = IPv6(src=CLIENT6, dst=SERVER6) / TCP(sport=40000, dport=8080, flags="S")
EXTENSIONS = IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting(addresses=[OURS6]) / IPv6ExtHdrDestOpt()


def error6(quoted: Packet, to: str, kind: Packet | None = None) -> Packet:
    """An ICMPv6 error from a router about a quoted packet, "packet too big" unless told otherwise."""
    return ether() / IPv6(src="fd00::fe", dst=to) / (kind or ICMPv6PacketTooBig(mtu=1400)) / quoted


CASES_IPV6 = (
    Case("a SYN to a service", Owner.DIRECTOR, ether() / SYN6),
    Case(
        "a SYN behind extension headers",
        Owner.DIRECTOR,
        ether() / IPv6(src=CLIENT6, dst=VIP6) / EXTENSIONS / TCP(dport=80),
    ),
    Case(
        "a SYN behind more extension headers than the director follows",
        Owner.STACK,
        ether() / IPv6(src=CLIENT6, dst=VIP6) / EXTENSIONS / EXTENSIONS / EXTENSIONS / TCP(dport=80),
    ),
    Case(
        "a first fragment to a service",
        Owner.DIRECTOR,
        ether() / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(m=1) / TCP(dport=80) / Raw(bytes(64)),
    ),
    Case(
        "a later fragment to a service's address",
        Owner.SHARED,
        ether() / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(offset=9, nh=60) / Raw(bytes(64)),
    ),
    Case("another port of the VIP", Owner.STACK, ether() / IPv6(src=CLIENT6, dst=VIP6) / TCP(dport=22)),
    Case("another address", Owner.STACK, ether() / IPv6(src=CLIENT6, dst=OURS6) / TCP(dport=80)),
    Case("a ping of the VIP", Owner.STACK, ether() / IPv6(src=CLIENT6, dst=VIP6) / ICMPv6EchoRequest()),
    Case("a question for the VIP's MAC", Owner.STACK, ether() / IPv6(dst=VIP6) / ICMPv6ND_NS(tgt=VIP6)),
    Case("an answer with a MAC", Owner.STACK, ether() / IPv6(dst=VIP6) / ICMPv6ND_NA(tgt=SERVER6)),
    Case("a frame cut off within the ports", Owner.STACK, ether() / Raw(bytes(SYN6)[:42])),
    Case("a frame cut off within the IPv6 header", Owner.STACK, ether(type=0x86DD) / Raw(bytes(SYN6)[:39])),
    Case(
        "a translated server's reply",
        Owner.DIRECTOR,
        ether() / IPv6(src=SERVER6, dst=CLIENT6) / TCP(sport=8080, dport=40000),
    ),
    Case(
        "a translated server's answer to the director's host itself",
        Owner.STACK,
        ether() / IPv6(src=SERVER6, dst=OURS6) / TCP(sport=8080, dport=40000),
    ),
    Case("an error about a service's reply", Owner.SHARED, error6(REPLY6, to=VIP6)),
    Case("a time exceeded about a reply", Owner.SHARED, error6(REPLY6, to=VIP6, kind=ICMPv6TimeExceeded())),
    Case("an error about a translated request", Owner.DIRECTOR, error6(TRANSLATED6, to=CLIENT6)),
    Case(
        "an error about a tunnel that led to a server",
        Owner.SHARED,
        error6(IPv6(src=OURS6, dst="fd00::3") / SYN6, to=OURS6),
    ),
    Case(
        "an error about a GRE tunnel with IPv4 inside",
        Owner.SHARED,
        error6(IPv6(src=OURS6, dst="fd00::3") / GRE() / SYN, to=OURS6),
    ),
    Case(
        "an error about a GUE tunnel",
        Owner.SHARED,
        error6(IPv6(src=OURS6, dst="fd00::3") / gue(SYN6, protocol=41), to=OURS6),
    ),
    Case(
        "an error about the host's own connection to a server",
        Owner.STACK,
        error6(IPv6(src=OURS6, dst=SERVER6) / TCP(sport=40000, dport=8080), to=OURS6),
    ),
    Case("an error that quotes nothing", Owner.STACK, error6(Raw(b""), to=VIP6)),
)  # fmt: skip


def drops(joined: Segment) -> int:
    """How many frames the interface's classifiers have dropped."""
    with IPRoute() as kernel:
        (clsact,) = [one for one in kernel.get_qdiscs(joined.inside) if one.get_attr("TCA_KIND") == "clsact"]
        return int(clsact.get_attr("TCA_STATS2").get_attr("TCA_STATS_QUEUE")["drops"])


def arrives(tap: socket.socket, sentinel: bytes) -> list[bytes]:
    """Read until the sentinel comes and return what came before it."""
    before: list[bytes] = []
    while (frame := tap.recv(65536)) != sentinel:
        before.append(frame)
    return before


@contextmanager
def watching(wanted: SetGuard) -> Iterator[Callable[[bytes], Owner]]:
    """One guarded segment for all cases: what became of a frame that the peer sent."""
    with segment() as joined, asyncio.Runner() as runner:
        context = guarded(joined, wanted)
        made = runner.run(context.__aenter__())
        runner.run(made.attachments.attach(joined.inside))
        with joined.listen() as tap, joined.peer_socket() as peer:
            tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_BPF, made.guard.tap_descriptor)
            yield lambda frame: owner(joined, tap, peer, frame)
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def watched() -> Iterator[Callable[[bytes], Owner]]:
    with watching(KEYS) as it:
        yield it


@pytest.fixture(scope="module")
def watched_widely() -> Iterator[Callable[[bytes], Owner]]:
    with watching(WIDE) as it:
        yield it


SENTINEL = bytes(ether() / IP(src=CLIENT, dst=VIP) / UDP(sport=1, dport=53) / Raw(b"the last word"))


def owner(joined: Segment, tap: socket.socket, peer: socket.socket, frame: bytes) -> Owner:
    """Send the frame and a sentinel after it that the guard is known to drop, and see what came of both."""
    before = drops(joined)
    peer.send(frame)
    peer.send(SENTINEL)
    kept = bool(arrives(tap, SENTINEL))
    eventually(lambda: drops(joined) > before, "the sentinel was not dropped")
    return Owner((drops(joined) - before == 2, kept))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_each_frame_goes_to_its_owner(watched: Callable[[bytes], Owner], case: Case) -> None:
    assert watched(bytes(case.packet)) is case.owner


@pytest.mark.parametrize("case", CASES_IPV6, ids=lambda case: case.sentence)
def test_each_ipv6_frame_goes_to_its_owner(watched: Callable[[bytes], Owner], case: Case) -> None:
    assert watched(bytes(case.packet)) is case.owner


@pytest.mark.parametrize("case", CASES_WIDE, ids=lambda case: case.sentence)
def test_what_no_key_names_in_full_goes_to_its_owner(
    watched_widely: Callable[[bytes], Owner], case: Case
) -> None:
    assert watched_widely(bytes(case.packet)) is case.owner


def connect(joined: Segment, address: str, port: int, patience: float = 5) -> int:
    """Return why a connection failed; a first SYN that is lost is sent again after a second."""
    with joined.peer(), socket.socket() as client:
        client.settimeout(patience)
        try:
            client.connect((address, port))
        except TimeoutError:
            return errno.ETIMEDOUT
        except OSError as failure:
            return failure.errno or 0
    return 0


def test_the_stack_answers_on_the_vip_but_not_for_the_service(joined: Segment) -> None:
    with IPRoute() as kernel:
        kernel.addr("add", index=joined.inside, address=VIP, prefixlen=32)
    with joined.peer(), IPRoute() as kernel:
        kernel.route("add", dst=f"{VIP}/32", gateway=OURS)
    assert connect(joined, VIP, 80) == errno.ECONNREFUSED

    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.attachments.attach(joined.inside)
            assert (connect(joined, VIP, 80, 0.5), connect(joined, VIP, 81)) == (
                errno.ETIMEDOUT,
                errno.ECONNREFUSED,
            )
            made.guard.set(SetGuard(frozenset()))
            assert connect(joined, VIP, 80) == errno.ECONNREFUSED

    run(scenario)


def test_the_host_itself_may_talk_to_a_translated_server(joined: Segment) -> None:
    async def scenario() -> None:
        async with guarded(joined) as made:
            await made.attachments.attach(joined.inside)
            with joined.peer():
                server = socket.create_server((SERVER, 8080))
            with server, socket.create_connection((SERVER, 8080), timeout=5) as client:
                assert client.getpeername() == (SERVER, 8080)

    run(scenario)


def test_an_object_that_is_not_there_is_named() -> None:
    with pytest.raises(DatapathError, match=r"nowhere\.o cannot be read as an eBPF object"):
        Guard.load(Path("/nowhere.o"))
