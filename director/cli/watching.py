# SPDX-License-Identifier: Apache-2.0
"""Showing an answer once, or with `--watch` again and again until the operator has seen enough.

On a terminal the screen is redrawn in place; in a pipe each look follows the last, as a table or one line of
JSON. It ends with Ctrl-C, which is how one says "enough" and no failure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from director.cli import printing

if TYPE_CHECKING:
    from rich.console import RenderableType

SECONDS = 2.0

Answer = TypeVar("Answer")

watched = click.option("--watch", is_flag=True, help=f"Look again every {SECONDS:g} seconds, until Ctrl-C.")


@dataclass(frozen=True, slots=True)
class View(Generic[Answer]):
    """What to ask, and how the answer looks to people."""

    ask: Callable[[], Answer]
    draw: Callable[[Answer], RenderableType]

    def show(self, *, watch: bool, as_json: bool) -> None:
        """Show it in the way that the command line chose."""
        if watch:
            self._watch(self._print_json_line if as_json else self._print_table, as_json=as_json)
        elif as_json:
            printing.show_json(self.ask())
        else:
            printing.show(self.look())

    def look(self) -> RenderableType:
        return self.draw(self.ask())

    def _watch(self, print_one: Callable[[], None], *, as_json: bool) -> None:
        try:
            if printing.console().is_terminal and not as_json:
                self._redraw()
            while True:
                print_one()
                time.sleep(SECONDS)
        except KeyboardInterrupt:
            return

    def _redraw(self) -> None:
        from rich.live import Live

        live = Live(self.look(), console=printing.console(), screen=True, auto_refresh=False)
        try:  # not `with`: Ctrl-C while the first look is drawn must give the old screen back too
            live.start(refresh=True)
            while True:
                time.sleep(SECONDS)
                live.update(self.look(), refresh=True)
        finally:
            live.stop()

    def _print_table(self) -> None:
        printing.show(self.look())
        click.echo()

    def _print_json_line(self) -> None:
        click.echo(json.dumps(self.ask(), ensure_ascii=False))
