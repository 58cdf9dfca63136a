# SPDX-License-Identifier: Apache-2.0
"""What a director finds that one before it left, and whether its tables can be used again.

Only looks; what is done with it is running.py's business, and cleanup.py's where it is of no use. Tables
whose record is not whole, or that mean something else to this version, are given up with a sentence, never
guessed at.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from director.daemon.cleanup import CleanUp, find_borrowed, refuse_while_running
from director.daemon.identity import identity_of
from director.daemon.journal import Borrowed, own_namespace
from director.daemon.record import Recorded, read_record, record_path
from director.datapath.pinned import Layouts, Left, Pinned, layouts
from director.datapath.pins import Pins, find_pins
from director.datapath.programs import TableSizes
from director.model import Configuration

REASONS_MAP = "lb_reasons"


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What was left: on the host, in the tables, and in the record of them, which tells what was in force
    also when the tables are of no use. `said` is what to tell of it.
    """

    borrowed: Borrowed
    said: CleanUp
    recorded: Recorded | None
    pinned: Pinned

    @property
    def configuration(self) -> Configuration | None:
        """Return what was in force, if that is known."""
        return self.recorded.configuration if self.recorded is not None else None

    @property
    def is_forwarding(self) -> bool:
        """Say whether something may stand on interfaces and forward."""
        return bool(self.borrowed.filters)


def look(control_socket: Path) -> Inheritance:
    """Look at what is there; DaemonError where a director is running or what was left is not here."""
    refuse_while_running(control_socket)
    borrowed, said = find_borrowed(control_socket)
    identity = identity_of(own_namespace(), control_socket)
    recorded, left, why = _tables(control_socket, find_pins(identity), layouts())
    pinned = Pinned(identity, secrets.token_hex(4), left)
    if why is not None:
        pinned.give_up(why)
    return Inheritance(borrowed, said, recorded, pinned)


def _tables(
    control_socket: Path, pins: tuple[Pins, ...], wanted: Layouts
) -> tuple[Recorded | None, Left | None, str | None]:
    """Return the record if it is whole, the tables if they can be used, and why those there are can not."""
    try:
        recorded = read_record(record_path(control_socket))
    except ValueError as error:
        return None, None, str(error)
    if recorded is None:
        return None, None, "nothing tells whose ids are in them" if pins else None
    header = recorded.header
    found = next((one for one in pins if one.instance == header.instance), None)
    if found is None:
        return recorded, None, "their pins are gone"
    if header.memory != wanted.memory:
        return recorded, None, "this version of the director keeps them in another way"
    anew = frozenset({REASONS_MAP}) if header.reasons != wanted.reasons else frozenset()
    sizes = TableSizes(sets=header.sets, image_lines=0, seed=header.seed, cpus=header.cpus)
    return recorded, Left(found, sizes, recorded.destination_ids, anew), None
