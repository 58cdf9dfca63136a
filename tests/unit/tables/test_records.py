# SPDX-License-Identifier: Apache-2.0
"""Single records, byte by byte where the order of bytes matters."""

from __future__ import annotations

import pytest
from netaddr import EUI, IPAddress, IPNetwork

from director.model import (
    Destination,
    ForwardingMethod,
    Link,
    MarkRule,
    NextHop,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.tables.layout import LINE
from director.tables.records import (
    Sections,
    ServicePlaces,
    destination_line,
    details_line,
    header,
    limit_lines,
    link_lines,
    list_lines,
    mark_lines,
    options_line,
    service_slot,
    timeout_set,
    whole_lines,
)

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
HOP = NextHop(3, EUI("02-00-00-00-00-01"), EUI("02-00-00-00-00-02"), IPAddress("10.0.0.1"), 1500)
NO_WORD = "00000000"


def test_the_header_says_where_everything_is() -> None:
    sections = Sections(
        lines=30,
        service_first=1,
        service_mask=7,
        seed=2,
        dest_first=9,
        dest_count=4,
        timeouts_first=29,
        links_first=28,
        links_count=3,
        options=27,
    )
    wanted = Tunables(conn_reuse_mode=2, expire_nodest_conn=1, icmp_msgs_per_sec=500)
    assert header(2**40, sections, wanted).hex(" ", 4).split() == [
        *("4944564c", "02000000", "00000000", "00010000"),
        *("1e000000", "01000000", "07000000", "09000000", "04000000", "02000000", "f4010000"),
        *("02010000", "1d000000", "1c000000", "03000000", "1b000000"),
    ]


def test_a_service_stands_with_address_and_port_as_on_the_wire() -> None:
    service = VirtualService(
        KEY,
        Scheduler.MH,
        frozenset({SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK, SchedulerFlag.SH_PORT}),
        (Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR),),
    )
    line = service_slot(service, 5, (2, 3), ServicePlaces(10, 20, 4093, 30, 61))
    assert line.hex(" ", 4).split() == [
        *("c0000201", NO_WORD, NO_WORD, NO_WORD),
        *("00500604", "05000000", "06030100", "0a000000", "14000000", "fd0f0000", NO_WORD),
        *("02000000", "03000000", "1e000000", "3d000000", NO_WORD),
    ]


def test_a_destination_stands_with_its_next_hop() -> None:
    destination = Destination(IPAddress("10.0.0.2"), 8080, ForwardingMethod.NAT, 7)
    assert destination_line(5, 0, destination, 8080, HOP).hex(" ", 4).split() == [
        *("05000000", "07000000", "03000000"),
        *("0a000002", NO_WORD, NO_WORD, NO_WORD),
        *("0a000001", NO_WORD, NO_WORD, NO_WORD),
        *("02000000", "00010200", "00000002", "1f90dc05", "03030000"),
    ]


def test_a_destination_without_a_next_hop_is_unresolved() -> None:
    destination = Destination(IPAddress("2001:db8::2"), 80, ForwardingMethod.TUN, 0)
    assert destination_line(5, 1, destination, 80, None).hex(" ", 4).split() == [
        *("05000000", NO_WORD, NO_WORD),
        *("20010db8", NO_WORD, NO_WORD, "00000002"),
        *(NO_WORD, NO_WORD, NO_WORD, NO_WORD),
        *(NO_WORD, NO_WORD, NO_WORD, "00500000", "02050100"),
    ]


@pytest.mark.parametrize(
    ("tunnel", "flags", "port"),
    [
        (Tunnel(), 3, "0050"),
        (Tunnel(TunnelType.GRE, checksum=TunnelChecksum.CHECKSUM), 3 + 8 + 32, "0050"),
        (Tunnel(TunnelType.GUE, 6080), 3 + 16, "17c0"),
        (Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE), 3 + 16 + 64, "17c0"),
    ],
)
def test_a_tunnel_stands_in_the_flags_and_its_port_in_the_ports_place(
    tunnel: Tunnel, flags: int, port: str
) -> None:
    destination = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.TUN, tunnel=tunnel)
    line = destination_line(5, 0, destination, 80, HOP)
    assert (line[61], line[56:58].hex()) == (flags, port)


def test_the_options_stand_under_their_names() -> None:
    wanted = Tunables(sloppy_sctp=1, drop_packet=3, pmtu_disc=1, am_droprate=7, lblc_expiration=2)
    assert options_line(wanted, (40, 2), (41, 5)).hex(" ", 4).split() == [
        *("00010003", "00000100", "07000000", "00040000", "d0070000", "005c2605"),
        *("28000000", "02000000", "29000000", "05000000"),
        *(NO_WORD,) * 6,
    ]


def test_details_are_mask_persistence_and_mark() -> None:
    held = VirtualService(KEY, persistence=Persistence(600, IPAddress("255.255.255.0")))
    assert details_line(held).hex(" ", 4).split()[:6] == ["ffffff00", *(NO_WORD,) * 3, "c0270900", NO_WORD]
    marked = VirtualService(ServiceKey.of_mark(7, 6), persistence=Persistence(1))
    assert details_line(marked).hex(" ", 4).split()[:6] == [*("ffffffff",) * 4, "e8030000", "07000000"]


def test_a_marks_slot_belongs_to_no_protocol() -> None:
    line = service_slot(VirtualService(ServiceKey.of_mark(7)), 5, (0, 0), ServicePlaces(10, 0, 0, 0, 0, 50))
    assert line.hex(" ", 4).split()[4:7] == ["00000004", "05000000", "04100000"]


def test_mark_rules_stand_two_to_a_line() -> None:
    rule = MarkRule(7, IPNetwork("192.0.2.0/24"), Protocol.UDP, 8000, 8100)
    lines = mark_lines(((rule, 9),))
    assert (len(lines), lines[:32].hex(" ", 4).split()) == (
        LINE,
        ["c0000200", *(NO_WORD,) * 3, "18110400", "401fa41f", "09000000", NO_WORD],
    )


def test_limits_stand_four_to_a_line() -> None:
    lines = limit_lines(((3, 100, 50),))
    assert (len(lines), lines[:16].hex(" ", 4)) == (LINE, f"03000000 64000000 32000000 {NO_WORD}")


def test_a_list_is_the_reverse_of_the_order_of_adding() -> None:
    line = list_lines((1, 2), (0, 5))
    assert (len(line), line[:16].hex(" ", 4)) == (LINE, "02000000 05000000 01000000 00000000")


def test_links_stand_four_to_a_line() -> None:
    link = Link(3, "eth1", EUI("02-00-00-00-00-01"), 1500, up=True)
    assert link_lines((link,))[:16].hex(" ", 4) == "03000000 02000000 0001dc05 00000000"
    assert [len(link_lines((link,) * count)) for count in (0, 1, 4, 5)] == [0, LINE, LINE, 2 * LINE]


def test_timeouts_are_milliseconds() -> None:
    line = timeout_set(Timeouts(tcp_none=2, udp=2_147_483))
    assert (line[:4], line[44:48]) == ((2000).to_bytes(4, "little"), (2_147_483_000).to_bytes(4, "little"))


def test_a_line_is_filled_up_and_a_whole_one_is_left() -> None:
    assert [len(whole_lines(bytes(size))) for size in (0, 1, 64, 65)] == [0, 64, 64, 128]
