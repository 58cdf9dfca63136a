# SPDX-License-Identifier: Apache-2.0
"""Tables and numbers, in a pipe and on a narrow terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from director.cli.printing import Column, age, count, duration, folding, numbers, rate, show, stack, table
from tests.unit.cli.running import StoppableDirector
from tests.unit.cli.terminal import on_terminal, plain

PROGRAM = Path(sys.executable).with_name("director")
COLUMNS: tuple[Column[tuple[str, int]], ...] = (
    folding("NAME", lambda row: row[0]),
    numbers("COUNT", lambda row: row[1]),
)


def on_screen(socket: Path, columns: int, *words: str) -> str:
    with on_terminal([PROGRAM, *words], {"DIRECTOR_SOCKET": str(socket)}, columns) as terminal:
        return terminal.read_to_the_end()


def test_a_row_in_a_pipe_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    long = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535 " * 20
    show(table(COLUMNS, [(long, 1)]))
    assert capsys.readouterr().out == f"NAME{' ' * (len(long) - 4)}  COUNT\n{long}      1\n"


def test_the_width_of_an_environment_does_not_cut_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("FORCE_COLOR", "1")
    show(table(COLUMNS, [("198.51.100.100:40000", 1)]))
    assert capsys.readouterr().out == "NAME                  COUNT\n198.51.100.100:40000      1\n"


def test_a_cell_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(COLUMNS, [("[bold]:warning: [/]", 1)]))
    assert capsys.readouterr().out == "NAME                 COUNT\n[bold]:warning: [/]      1\n"


def test_things_are_stacked_with_an_empty_line_between(capsys: pytest.CaptureFixture[str]) -> None:
    show(stack("one", "two"))
    assert capsys.readouterr().out == "one\n\ntwo\n"


def test_a_terminal_shows_the_header_in_bold(socket: Path, director: StoppableDirector) -> None:
    assert "\x1b[1mSERVICE" in on_screen(socket, 80, "service", "list")


def test_connections_fit_a_terminal_of_80_columns(socket: Path, director: StoppableDirector) -> None:
    assert plain(on_screen(socket, 80, "connections", "--limit", "1")) == (
        "PROT EXPIRE STATE       CLIENT             VIRTUAL      SERVER      METHOD PKTS\n"
        "tcp   15:00 ESTABLISHED 198.51.100.1:40001 192.0.2.1:80 10.0.0.2:80 dr        1\n"
        "\n"
        "1 of 5 connections; --limit 5 shows all\n"
    )


def test_addresses_fold_where_a_terminal_is_narrower_still(socket: Path, director: StoppableDirector) -> None:
    assert plain(on_screen(socket, 70, "connections", "--limit", "5", "--state", "close")) == (
        "PROT  EXPIRE  STATE  CLIENT  VIRTUAL  SERVER  METHOD  PKTS\n"
    )
    assert plain(on_screen(socket, 70, "connections", "--client", "198.51.100.1")) == (
        "PROT EXPIRE STATE       CLIENT      VIRTUAL     SERVER     METHOD PKTS\n"
        "tcp   15:00 ESTABLISHED 198.51.100. 192.0.2.1:8 10.0.0.2:8 dr        1\n"
        "                        1:40001     0           0\n"
    )


@pytest.mark.parametrize(
    "words", [("stats",), ("stats", "--rates"), ("stats", "--reasons"), ("server", "list"), ("status",)],
    ids=" ".join,
)  # fmt: skip
def test_no_table_is_wider_than_80_columns(
    words: tuple[str, ...], socket: Path, director: StoppableDirector
) -> None:
    shown = plain(on_screen(socket, 80, *words)).splitlines()
    assert shown
    assert [line for line in shown if len(line) > 80] == []


def test_counts_are_in_full_below_a_hundred_million() -> None:
    numbers = (None, 0, 99_999_999, 100_000_000, 123_456_789_012, 2**64 - 1)
    assert [count(number) for number in numbers] == ["-", "0", "99999999", "100000K", "123456M", "18446744T"]


def test_rates_show_tenths_where_they_matter() -> None:
    assert [rate(each) for each in (None, 0.0, 0.04, 12.34, 99.99, 100.5, 2e8)] == [
        "-", "0.0", "0.0", "12.3", "100.0", "100", "200000K",
    ]  # fmt: skip


def test_times_left_are_minutes_and_seconds() -> None:
    assert [duration(each) for each in (0, 59.4, 899.6, 7200, -1)] == [
        "00:00",
        "00:59",
        "15:00",
        "120:00",
        "00:00",
    ]


def test_ages_are_told_by_their_two_largest_units() -> None:
    assert [age(each) for each in (0, 61, 3600, 90_061)] == ["0 s", "1 min 1 s", "1 h 0 min", "1 d 1 h"]
