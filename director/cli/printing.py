# SPDX-License-Identifier: Apache-2.0
"""How answers look: tables for people, JSON for machines.

A table is described by its columns and printed by one function. On a terminal it fits the width: cells fold
onto the next line; in a pipe every row is one line and nothing is cut. rich is imported only when a table is
printed, since most commands print none. Nothing here may know where the rows come from.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.table import Table

Row = TypeVar("Row")

UNKNOWN = "-"
PIPE_WIDTH = 100_000
GAP = 2  # blanks between columns
FULL_DIGITS = 100_000_000
TENTHS_BELOW = 100
SUFFIXES = ((1, ""), (10**3, "K"), (10**6, "M"), (10**9, "G"), (10**12, "T"))


class Align(Enum):
    """At which edge of its column a cell stands."""

    LEFT = "left"
    RIGHT = "right"


class Narrow(Enum):
    """What a column does on a terminal that is too narrow: stay whole, or fold its cells onto more lines."""

    WHOLE = "whole"
    FOLD = "fold"


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column: its title, and how a row's cell reads."""

    title: str
    cell: Callable[[Row], str]
    align: Align = Align.LEFT
    narrow: Narrow = Narrow.WHOLE


def folding(title: str, cell: Callable[[Row], str]) -> Column[Row]:
    """Describe a column of addresses or sentences, which give way first."""
    return Column(title, cell, narrow=Narrow.FOLD)


def numbers(title: str, cell: Callable[[Row], int | None]) -> Column[Row]:
    """Describe a column of counts."""
    return Column(title, lambda row: count(cell(row)), Align.RIGHT)


def table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> RenderableType:
    """Lay the rows out, without rules or boxes, and without a header where no column has a title.

    Cells are plain text: `[2001:db8::1]` is no markup.
    """
    from rich.cells import cell_len

    titles = [column.title for column in columns]
    lines = [[column.cell(row) for column in columns] for row in rows]
    shown = [titles, *lines] if any(titles) else lines
    widths = [max(map(cell_len, cells)) for cells in zip(*shown, strict=True)] or [0]
    if sum(widths) + GAP * (len(widths) - 1) > console().width:
        return _folded(columns, lines)
    return _Whole(columns, shown, widths, titled=any(titles))


@dataclass(frozen=True, slots=True)
class _Whole(Generic[Row]):
    """A table as wide as it wants to be. rich would take a minute to find that out for 100,000 lines."""

    columns: Sequence[Column[Row]]
    lines: Sequence[Sequence[str]]
    widths: Sequence[int]
    titled: bool

    def __rich_console__(self, _screen: Console, _options: ConsoleOptions) -> Iterator[Segment]:
        from rich.segment import Segment
        from rich.style import Style

        for number, cells in enumerate(self.lines):
            bold = Style(bold=True) if self.titled and number == 0 else None
            yield Segment(self._line(cells), bold)
            yield Segment.line()

    def _line(self, cells: Sequence[str]) -> str:
        from rich.cells import cell_len

        blanks = (" " * (width - cell_len(cell)) for cell, width in zip(cells, self.widths, strict=True))
        padded = (
            gap + cell if column.align is Align.RIGHT else cell + gap
            for column, cell, gap in zip(self.columns, cells, blanks, strict=True)
        )
        return (" " * GAP).join(padded).rstrip()


def _folded(columns: Sequence[Column[Row]], lines: Sequence[Sequence[str]]) -> Table:
    """Put the columns closer together, and fold what gives way, where the terminal is too narrow."""
    from rich.table import Table
    from rich.text import Text

    titled = any(column.title for column in columns)
    grid = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_header=titled)
    for column in columns:
        whole = column.narrow is Narrow.WHOLE
        grid.add_column(column.title, justify=column.align.value, overflow="fold", no_wrap=whole)
    for cells in lines:
        grid.add_row(*map(Text, cells))
    return grid


def stack(*renderables: RenderableType) -> RenderableType:
    """Put one thing under the other, with an empty line between."""
    from rich.console import Group

    spaced = [part for renderable in renderables for part in ("", renderable)]
    return Group(*spaced[1:])


def console() -> Console:
    """Open the standard output as it is now: a terminal with its width, or a pipe without one."""
    from rich.console import Console

    stdout = sys.stdout
    if stdout is None:
        raise OSError(errno.EBADF, "the standard output is closed")
    if stdout.isatty():
        return Console(file=stdout, highlight=False)
    return Console(file=stdout, highlight=False, width=PIPE_WIDTH, color_system=None, force_terminal=False)


def show(renderable: RenderableType) -> None:
    """Print this, without the blanks that padding leaves at the ends of lines."""
    screen = console()
    with screen.capture() as captured:
        screen.print(renderable)
    lines = (line.rstrip() for line in captured.get().splitlines())
    click.echo("".join(f"{line}\n" for line in lines), nl=False)


def show_json(answer: object) -> None:
    """Print the API's answer as it is."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def count(number: int | None) -> str:
    """Write a counter: in full below a hundred million, then with a suffix; the unknown is `-`, not 0."""
    if number is None:
        return UNKNOWN
    scale, suffix = next(
        ((scale, suffix) for scale, suffix in SUFFIXES if number < FULL_DIGITS * scale), SUFFIXES[-1]
    )
    return f"{number // scale}{suffix}"


def rate(per_second: float | None) -> str:
    """Write a rate, with a tenth where that says something."""
    if per_second is None or per_second >= TENTHS_BELOW:
        return count(None if per_second is None else round(per_second))
    return f"{per_second:.1f}"


def duration(seconds: float) -> str:
    """Write a time left as minutes and seconds."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes:02}:{rest:02}"


def age(seconds: float) -> str:
    """Write how long something has lasted, by its two largest units."""
    left, words = int(seconds), list[str]()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, size)
        if amount or words or size == 1:
            words.append(f"{amount} {unit}")
    return " ".join(words[:2])
