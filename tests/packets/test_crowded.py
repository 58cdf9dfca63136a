# SPDX-License-Identifier: Apache-2.0
"""A flood fills the table: what is established goes on, and others get through by the stateless choice.

On every host, with a table of a few dozen places, so that a flood is short. The model has no such limit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import pytest
from netaddr import IPAddress
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod, Scheduler, VirtualService
from director.scheduling import stateless
from director.scheduling.hashing import fold, hsiphash_32
from tests.needs import needs
from tests.packets.case import Answer, Arrival, Packet, State
from tests.packets.ebpf_host import EbpfHost
from tests.packets.frames import PORT, tcp, tcp_reply, udp
from tests.packets.network import INSIDE, OUTSIDE, SERVER_MACS, SERVERS, names, setting, web
from tests.packets.table_host import TableHost
from tests.packets.user_host import UserHost

SETS = 8
PLACES = 8 * SETS - 1  # place 0 is nobody's
FLOOD = 4 * PLACES
CROWDED_MS = 10_000
DR, TUN, NAT = ForwardingMethod.DR, ForwardingMethod.TUN, ForwardingMethod.NAT
HOSTS = [
    pytest.param(partial(UserHost, SETS), id="user"),
    pytest.param(partial(EbpfHost, ProgramKind.XDP, SETS), id="xdp", marks=needs("root", "bpf", "netns")),
    pytest.param(partial(EbpfHost, ProgramKind.TC, SETS), id="tc", marks=needs("root", "bpf", "netns")),
]
Make = Callable[[], TableHost]
BY_MAC = {mac: server for server, mac in SERVER_MACS.items() if server in SERVERS}


def address(number: int) -> str:
    return str(IPAddress(int(IPAddress("100.64.0.0")) + number))


def crowded_web(method: ForwardingMethod, scheduler: Scheduler = Scheduler.RR) -> VirtualService:
    return replace(web(method, SERVERS), scheduler=scheduler)


def send(host: TableHost, packet: Packet, now: int = 1000) -> Answer:
    return host.handle(Arrival(OUTSIDE, bytes(packet)), now)


def flood(host: TableHost, clients: Iterable[int], bits: str = "S", now: int = 1000) -> set[str]:
    """Let so many hosts send a segment each; return the reasons that they ended for."""
    template = bytes(tcp(bits))
    return {host.handle(Arrival(OUTSIDE, segment(template, n)), now).reason for n in clients}


def segment(template: bytes, number: int) -> bytes:
    """Make it another client's, quicker than scapy. Its TCP checksum is wrong then: nobody looks."""
    frame = bytearray(template)
    frame[24:26] = b"\0\0"
    frame[26:30] = IPAddress(address(number)).packed
    total = sum(struct.unpack("!10H", frame[14:34]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    frame[24:26] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(frame)


def server(answer: Answer) -> str:
    """Tell which server the frame left for."""
    (departure,) = answer.frames
    return BY_MAC[Ether(departure.frame).dst]


def test_established_connections_go_on_through_a_flood(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR)))
    chosen = {}
    for number in range(8):
        client = address(number)
        chosen[client] = server(send(host, tcp("S", client=client)))
        send(host, tcp("A", client=client))
    flood(host, range(1000, 1000 + FLOOD))
    for client, before in chosen.items():
        answer = send(host, tcp("PA", b"data", client=client))
        assert (answer.reason, server(answer)) == ("hit", before)


@pytest.mark.parametrize("method", [DR, TUN])
def test_a_client_whose_connection_gave_way_keeps_its_server(make: Make, method: ForwardingMethod) -> None:
    host = make()
    host.apply(setting(crowded_web(method)))
    flood(host, range(1000, 1000 + FLOOD))
    legitimate = [address(number) for number in range(30)]
    chosen = {client: send(host, tcp("S", client=client), 1010) for client in legitimate}
    assert {answer.reason for answer in chosen.values()} == {"new_stateless"}
    assert len({server(answer) for answer in chosen.values()}) > 1
    flood(host, range(2000, 2000 + FLOOD), now=1020)
    for client, answer in chosen.items():
        again = send(host, tcp("A", client=client), 1030)
        assert (again.reason, server(again)) == ("new_stateless", server(answer))


def test_the_choice_is_that_of_the_definition(make: Make) -> None:
    host = make()
    service = crowded_web(DR)
    host.apply(setting(service))
    flood(host, range(1000, 1000 + FLOOD))
    listed = service.destinations[::-1]
    table = stateless.populate([stateless.Member(d.address, 80, d.weight) for d in listed])
    for number in range(20):
        client = address(number)
        slot = hsiphash_32(fold(IPAddress(client)) + PORT, 2654435761) % len(table)
        assert slot == stateless.slot(IPAddress(client), PORT, len(table))
        place = table[slot]
        assert place is not None
        assert server(send(host, tcp("S", client=client))) == str(listed[place].address)


def test_a_service_by_maglev_chooses_as_ever(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR, Scheduler.MH)))
    clients = [address(number) for number in range(12)]
    before = [server(send(host, tcp("S", client=client))) for client in clients]
    flood(host, range(1000, 1000 + FLOOD))
    assert [server(send(host, tcp("S", client=client, port=41000))) for client in clients] == before


def fill_with_established(host: TableHost, now: int = 1000) -> None:
    """Have each place taken by a connection that does not give way."""
    frames = bytes(tcp("S")), bytes(tcp("A")), bytes(tcp("A"))
    for number in range(5000, 5000 + 8 * PLACES):
        for frame in frames:
            host.handle(Arrival(OUTSIDE, segment(frame, number)), now)


@pytest.mark.parametrize("method", [DR, TUN])
def test_without_any_place_segments_are_forwarded_all_the_same(make: Make, method: ForwardingMethod) -> None:
    host = make()
    host.apply(setting(crowded_web(method)))
    fill_with_established(host)
    bits = ("S", "A", "PA", "FA", "R")
    for number in range(20):
        answers = [send(host, tcp(each, client=address(number))) for each in bits]
        assert {answer.reason for answer in answers} == {"stateless"}
        assert len({server(answer) for answer in answers}) == 1
    assert {entry.state for entry in host.connections(1000)} == {State.ESTABLISHED}


def test_nat_needs_a_place(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(NAT)))
    fill_with_established(host)
    assert flood(host, range(20)) == {"table_full"}


def test_a_nat_connection_opened_in_a_flood_has_its_replies(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(NAT)))
    flood(host, range(1000, 1000 + FLOOD))
    opened = send(host, tcp("S"))
    assert opened.reason == "new_stateless"
    reply = host.handle(Arrival(INSIDE, bytes(tcp_reply(server(opened), "SA"))), 1000)
    assert (reply.reason, Ether(reply.frames[0].frame)[IP].src) == ("reply", "192.0.2.1")


def test_a_flood_of_acks_gets_no_more_than_half_open_connections(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR)))
    flood(host, range(1000, 1000 + FLOOD))
    assert flood(host, range(3000, 3000 + FLOOD), "A") == {"new_stateless"}
    assert {entry.state for entry in host.connections(1000)} == {State.SYN_RECV}


@pytest.mark.parametrize("method", [DR, NAT])
def test_a_flood_of_first_fragments_takes_nobodys_place(make: Make, method: ForwardingMethod) -> None:
    host = make()
    host.apply(setting(crowded_web(method)))
    before = [address(number) for number in range(8)]
    for client in before:
        send(host, tcp("S", client=client))
    for number in range(FLOOD):
        piece = tcp("S", b"12345678", client=address(5000), id=number, flags="MF", frag=0)
        assert send(host, piece, 1500 + number).reason in {"new", "hit"}
    for client in before:
        assert send(host, tcp("A", client=client), 2000).reason == "hit"
    for number in range(20, 32):
        handshake = [send(host, tcp(bits, client=address(number)), 2000).reason for bits in "SA"]
        assert handshake == ["new", "hit"]


def test_ends_of_unknown_connections_open_none(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR)))
    flood(host, range(1000, 1000 + FLOOD))
    before = host.connections(1000)
    assert flood(host, range(3000, 3020), "FA") == {"stateless"}
    assert flood(host, range(3000, 3020), "R") == {"stateless"}
    assert host.connections(1000) == before


def test_ten_seconds_after_the_last_sign_everything_is_as_ever(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR)))
    flood(host, range(1000, 1000 + FLOOD))
    assert send(host, tcp("A"), 1000 + CROWDED_MS - 1).reason == "new_stateless"
    late = 70_000 + CROWDED_MS  # the half-open ones have expired
    assert send(host, tcp("A", client=address(1)), late).reason == "rst_sent"
    assert send(host, tcp("S", client=address(2)), late).reason == "new"


def test_datagrams_of_a_forgotten_flow_keep_their_server(make: Make) -> None:
    host = make()
    host.apply(setting(names(DR, SERVERS)))
    chosen: dict[str, str] = {}
    datagram = bytes(udp())
    for _ in range(2):
        for number in range(1000, 1000 + FLOOD):
            host.handle(Arrival(OUTSIDE, segment(datagram, number)), 1000)
        seen = {address(n): server(send(host, udp(client=address(n)))) for n in range(20)}
        assert seen == chosen or not chosen
        chosen = seen


def test_a_calm_table_never_counts_as_crowded(make: Make) -> None:
    host = make()
    host.apply(setting(crowded_web(DR)))
    assert flood(host, range(PLACES // 4)) == {"new"}
    assert send(host, tcp("A", client=address(9999))).reason == "rst_sent"


@pytest.fixture(params=HOSTS)
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made
