# SPDX-License-Identifier: Apache-2.0
"""The record of the tables is read as it was written, or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress

from director.daemon.record import Header, Record, Recorded, is_record, read_record, record_path
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Persistence,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.tables.held import HeldDestination, HeldService, LingeringServer
from tests.unit.scene import DNS, DNS_KEY, KEY, WEB

HEADER = Header("1f2e", "memory", "reasons", 1 << 21, (1 << 64) - 1, 2, datetime(2026, 1, 2, tzinfo=UTC))
FIRST, SECOND = WEB.destinations
WEB_HELD = HeldService(
    KEY,
    1,
    WEB,
    (HeldDestination(1, FIRST, 4, present=True), HeldDestination(2, SECOND, 3, present=True)),
    (LingeringServer(7, IPAddress("10.0.0.9"), 8080),),
)
KEPT = HeldService(
    ServiceKey.of_mark(7, 6),
    3,
    VirtualService(
        ServiceKey.of_mark(7, 6),
        destinations=(
            Destination(
                IPAddress("2001:db8::2"),
                0,
                ForwardingMethod.TUN,
                upper=9,
                lower=3,
                tunnel=Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE),
            ),
        ),
        persistence=Persistence(600, IPAddress("ffff:ffff::")),
        one_packet=True,
        timeouts=(("tcp_close", 3), ("udp", 7)),
    ),
)
DNS_GONE = HeldService(
    DNS_KEY,
    2,
    None,
    (HeldDestination(3, DNS.destinations[0], 1, present=False),),
    gone=VirtualService(DNS_KEY, persistence=Persistence(600), timeouts=(("udp", 7),)),
)


OPTIONS = Configuration(timeouts=Timeouts(udp=30), tunables=Tunables(sloppy_tcp=1))


def recorded(*services: HeldService) -> Recorded:
    return Recorded(HEADER, services, OPTIONS.timeouts, OPTIONS.tunables)


def written(path: Path, *added: HeldService) -> Record:
    record = Record(path, HEADER)
    record.write(OPTIONS, (WEB_HELD, DNS_GONE))
    for one in added:
        record.add(OPTIONS, (one,))
    return record


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "record"
    written(path)
    assert read_record(path) == recorded(WEB_HELD, DNS_GONE)


def test_all_that_a_service_can_have_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "record"
    assert KEPT.service is not None
    (server,) = KEPT.service.destinations
    kept = replace(KEPT, destinations=(HeldDestination(4, server, 1, present=True),))
    written(path, kept)
    assert read_record(path) == recorded(WEB_HELD, DNS_GONE, kept)


def test_the_first_director_of_a_host_finds_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "run" / "director" / "record"
    written(path)
    assert read_record(path) == recorded(WEB_HELD, DNS_GONE)


def test_the_last_that_was_told_of_a_service_counts(tmp_path: Path) -> None:
    path = tmp_path / "record"
    quiet = replace(WEB_HELD, lingering=())
    written(path, quiet, HeldService(DNS_KEY))
    assert read_record(path) == recorded(quiet)


def test_what_was_in_force_is_known() -> None:
    assert recorded(WEB_HELD, DNS_GONE).configuration == replace(OPTIONS, services=(WEB,))


def test_options_of_another_version_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "record"
    written(path)
    text = b'{"timeouts":{"udp":7,"dccp":9},"sysctl":{}}'
    path.write_bytes(path.read_bytes() + b"%08x %s\n" % (crc32(text), text))
    got = read_record(path)
    assert got is not None
    assert (got.timeouts, got.tunables) == (Timeouts(udp=7), Tunables())


def test_where_nothing_was_written_nothing_is_read(tmp_path: Path) -> None:
    assert read_record(tmp_path / "record") is None


def test_a_line_that_a_kill_cut_short_was_not_in_force(tmp_path: Path) -> None:
    path = tmp_path / "record"
    written(path)
    whole = path.read_bytes()
    written(path, HeldService(KEY))
    longer = path.read_bytes()
    for end in range(len(whole), longer.index(b"\n", len(whole))):
        path.write_bytes(longer[:end])
        assert read_record(path) == recorded(WEB_HELD, DNS_GONE)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_record_that_was_damaged_is_refused_or_means_what_it_meant(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "record"
    written(path)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from((len(raw), at)))])
    with suppress(NotARecordError):
        assert read(path) == recorded(WEB_HELD, DNS_GONE)


def test_a_record_that_lacks_lines_it_was_written_with_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record"
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for count in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:count]))
        with pytest.raises(ValueError, match=f"{count - 1} of {len(lines) - 1} lines are there"):
            read_record(path)


ODD = (
    '["timeouts"]',
    '{"timeouts":[]}',
    '{"key":"web"}',
    '{"timeouts":{"udp":1e999}}',
    "7",
    '{"key":[[],[],[]]}',
)


@pytest.mark.parametrize("text", ODD)
def test_an_odd_line_with_a_right_checksum_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record"
    written(path)
    path.write_bytes(path.read_bytes() + b"%08x %s\n" % (crc32(text.encode()), text.encode()))
    with pytest.raises(ValueError, match="not a record of the director's tables"):
        read_record(path)


@pytest.mark.parametrize("change", [{"sets": 3}, {"cpus": 0}, {"since": datetime(2026, 1, 2)}], ids=str)  # noqa: DTZ001
def test_tables_that_there_can_not_be_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "record"
    Record(path, replace(HEADER, **change)).write(OPTIONS, ())
    with pytest.raises(ValueError, match="not a record of the director's tables"):
        read_record(path)


def test_a_directory_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can not be read: Is a directory"):
        read_record(tmp_path)


def test_the_ids_that_connections_may_refer_to_are_told() -> None:
    assert recorded(WEB_HELD, DNS_GONE).destination_ids == {1, 2, 3, 7}


class NotARecordError(Exception):
    """The file was refused, as what it is."""


def read(path: Path) -> Recorded:
    try:
        got = read_record(path)
    except ValueError as error:
        raise NotARecordError from error
    assert got is not None
    return got


@pytest.mark.parametrize("text", ["", "\n", "{}", "mine\n", "00000000 \n", "[]\n" * 3], ids=repr)
def test_another_file_is_not_taken_for_a_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a record of the director's tables"):
        read_record(path)
    assert not is_record(path)


TWICE = {
    "a service's id": replace(DNS_GONE, id=1),
    "a destination's id": replace(DNS_GONE, destinations=(replace(DNS_GONE.destinations[0], id=2),)),
    "no id": replace(DNS_GONE, id=0),
    "an id that there is not": replace(DNS_GONE, id=1 << 30),
}


@pytest.mark.parametrize("held", TWICE.values(), ids=TWICE.keys())
def test_ids_that_contradict_each_other_are_refused(tmp_path: Path, held: HeldService) -> None:
    path = tmp_path / "record"
    written(path, held)
    with pytest.raises(ValueError, match="its ids contradict each other"):
        read_record(path)


def test_a_record_grows_until_it_is_worth_writing_anew(tmp_path: Path) -> None:
    path = tmp_path / "record"
    record = written(path)
    assert (record.is_long, is_record(path)) == (False, True)
    while not record.is_long:
        record.add(OPTIONS, [WEB_HELD] * 1000)
    record.write(OPTIONS, (WEB_HELD,))
    assert (record.is_long, read_record(path)) == (False, recorded(WEB_HELD))
    record.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_record_lies_beside_the_socket() -> None:
    assert record_path(Path("/run/director/control.sock")) == Path("/run/director/control.sock.tables")
