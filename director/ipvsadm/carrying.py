# SPDX-License-Identifier: Apache-2.0
"""Carries out one command: asks the director, prints what ipvsadm prints. Failures are IpvsadmErrors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TextIO

from director.ipvsadm import grammar, manual, printing, restoring, saving
from director.ipvsadm.commands import (
    Clear,
    Command,
    Edit,
    Help,
    ListConnections,
    ListDaemons,
    ListTable,
    ListTimeouts,
    Restore,
    Save,
    StartDaemon,
    StopDaemon,
    Version,
    Zero,
)
from director.ipvsadm.director import Director, EditRefusedError
from director.ipvsadm.errors import IpvsadmError
from director.ipvsadm.names import Names
from director.ipvsadm.restoring import LineError
from director.ipvsadm.writing import Pen


@dataclass(frozen=True, slots=True)
class Ipvsadm:
    """One call of the program: under which name, with which streams, and of which director."""

    program: str
    director: Director
    names: Names
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    def call(self, words: Sequence[str]) -> int:
        """Do what the words say and return the exit status."""
        return self._status(lambda: self._do(grammar.parse(self.program, words, self.names)))

    def restore_anew(self) -> int:
        """Put the rules that are read in the table's place, as one edit, and return the exit status."""
        return self._status(lambda: self._restore(Clear()))

    def _status(self, do: Callable[[], None]) -> int:
        try:
            do()
        except IpvsadmError as error:
            self.stdout.flush()
            print(error, file=self.stderr)
            return error.status
        return 0

    def _do(self, command: Command) -> None:
        match command:
            case Help():
                self._print([manual.text(self.program)])
            case Version():
                self._print([manual.VERSION])
            case Restore():
                self._restore()
            case Zero(key):
                self.director.zero(key)
            case StartDaemon(daemon):
                self.director.start_daemon(daemon)
            case StopDaemon(role):
                self.director.stop_daemon(role)
            case ListTable() | ListConnections() | ListTimeouts() | ListDaemons() | Save():
                self._list(command)
            case _:
                self.director.edit([command])

    def _list(self, command: ListTable | ListConnections | ListTimeouts | ListDaemons | Save) -> None:
        match command:
            case ListTable(key):
                listed = self.director.services() if key is None else self.director.service(key)
                services = listed.services
                pen = Pen(command.writing, self.names)
                self._print(printing.table(services, command, listed.size, pen))
            case ListConnections(writing, engines):
                found = self.director.connections()
                first = tuple(islice(found, 1))  # before the head: where no director is, there is none
                self._print(printing.connections_head(engines=engines))
                pen = Pen(writing, self.names)
                self._print(printing.connection(each, pen) for each in chain(first, found))
            case ListTimeouts():
                self._print([printing.timeouts(*self.director.timeouts())])
            case ListDaemons():
                self._print(map(printing.daemon, self.director.daemons()))
            case Save(writing):
                services = self.director.services().services
                self._print(saving.rules(services, Pen(writing, self.names)))

    def _restore(self, *before: Edit) -> None:
        """Make the edits of all lines as one, and then do the rest in its order."""
        lines = restoring.read(self.program, self.stdin, self.names)
        edits = (*((0, each) for each in before), *restoring.edits(lines))
        if edits:
            try:
                self.director.edit([each for _, each in edits])
            except EditRefusedError as refused:
                raise LineError(edits[refused.index][0], refused) from None
        for line in lines:
            if not isinstance(line.command, Edit):
                self._do(line.command)

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            print(line, file=self.stdout)
