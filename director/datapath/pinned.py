# SPDX-License-Identifier: Apache-2.0
"""Tables and links that outlive the process: taken over from one before, and kept for the next.

`Pinned` is what a data path takes them from and gives them to. Which tables are worth taking over was decided
by whoever made it; that the maps are what they should be is checked when a program is loaded over them.
Images are not among them: a program that stands on an interface holds its own, a new one gets a new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError
from director.datapath.pins import Pins, find_pins, make_pins
from director.datapath.programs import Tables, TableSizes

OF_ONE_IMAGE = frozenset({"lb_images", "lb_shared"})  # maps that belong to one size of image
LAID_OUT = ("lb_conn", "lb_dest_state", "lb_service_state", "lb_counters")
LINK = "link-"


@dataclass(frozen=True, slots=True)
class Layouts:
    """What memory means to the programs of this version, as two digests: of all but reasons, and of those."""

    memory: str
    reasons: str


def layouts() -> Layouts:
    """Digest the layouts that this director was built with."""
    constants = (lib.LB_MEMORY_VERSION, lib.LB_WAYS, lib.LB_MAX_DESTS, lib.LB_MAX_SERVICES)
    memory = repr((constants, [(name, _fields(name)) for name in LAID_OUT]))
    names = [ffi.string(lib.lb_reason_name(number)) for number in range(lib.LB_REASON_COUNT)]
    return Layouts(_digest(memory), _digest(repr((ffi.sizeof("struct lb_reason_counts"), names))))


def _fields(name: str) -> tuple[int, list[tuple[str, int, str]]]:
    kind = ffi.typeof(f"struct {name}")
    return ffi.sizeof(kind), [(name, field.offset, field.type.cname) for name, field in kind.fields]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Left:
    """Tables that one before left: their pins and sizes, the destination ids whose holders are known, and the
    names of maps that must begin anew.
    """

    pins: Pins
    sizes: TableSizes
    known: frozenset[int]
    anew: frozenset[str] = frozenset()


class Pinned:
    """What is pinned for the director of this identity. `left` is what it may take over."""

    def __init__(self, identity: str, instance: str, left: Left | None = None) -> None:
        self._identity = identity
        self._instance = instance
        self._left = left
        self._pins: Pins | None = None
        self.lost: str | None = None
        """Why the tables that were left could not be used."""
        self.why_not: str | None = None
        """Why nothing is pinned."""

    @property
    def taken_over(self) -> bool:
        return self._left is not None

    @property
    def where(self) -> str | None:
        """Name the directory of the pins, if there are any."""
        return self._pins.name if self._pins is not None else None

    @property
    def instance(self) -> str:
        return self._left.pins.instance if self._left is not None else self._instance

    def sizes(self, image_lines: int) -> TableSizes | None:
        """Return the sizes of the tables to take over, with this room for images; None without tables."""
        return replace(self._left.sizes, image_lines=image_lines) if self._left is not None else None

    def check(self, referred: frozenset[int]) -> None:
        """Raise DatapathError where connections refer to ids of which nobody knows whose they are."""
        unknown = referred - self._left.known if self._left is not None else None
        if unknown:
            raise DatapathError(
                errno.EBADMSG,
                f"connections refer to {len(unknown)} destinations of which the record tells nothing",
            )

    def maps(self) -> Mapping[str, int]:
        """Open the maps to take over, by name; the caller closes them."""
        assert self._left is not None
        names = self._left.sizes.entries().keys() - OF_ONE_IMAGE - self._left.anew
        opened: dict[str, int] = {}
        try:
            for name in sorted(names):
                opened[name] = self._left.pins.get(name)
        except DatapathError:
            close(opened)
            raise
        return opened

    def links(self) -> Mapping[int, int]:
        """Open the XDP links that stand on interfaces still, by interface; the caller closes them."""
        opened = {}
        for pins in find_pins(self._identity):
            for name in pins.names():
                index = name.removeprefix(LINK)
                if name.startswith(LINK) and index.isdigit() and int(index) not in opened:
                    with contextlib.suppress(DatapathError):
                        opened[int(index)] = pins.get(name)
        stale = {index: link for index, link in opened.items() if _interface(link) != index}
        close(stale)
        return {index: link for index, link in opened.items() if index not in stale}

    def give_up(self, why: str) -> None:
        """Do not take the tables over; new ones are kept in their stead."""
        self._left, self.lost = None, why

    def keep(self, tables: Tables, links: Mapping[int, int]) -> None:
        """Pin the tables and links, and unpin what is not kept of those before; `why_not` if refused."""
        try:
            self._pins = self._left.pins if self._left else make_pins(self._identity, self._instance)
            for name, descriptor in tables.descriptors.items():
                if name not in OF_ONE_IMAGE and (self._left is None or name in self._left.anew):
                    self._pins.pin(name, descriptor)
            for index, link in links.items():
                self.keep_link(index, link)
        except OSError as error:
            self.why_not = str(error)
            self.remove()
        for pins in find_pins(self._identity):
            if pins.instance != self.instance:
                pins.remove()

    def keep_link(self, index: int, link: int) -> None:
        if self._pins is not None:
            self._pins.pin(f"{LINK}{index}", link)

    def drop_link(self, index: int) -> None:
        if self._pins is not None:
            self._pins.unpin(f"{LINK}{index}")

    def remove(self) -> None:
        """Remove every pin."""
        if self._pins is not None:
            self._pins.remove()
            self._pins = None


def close(descriptors: Mapping[Any, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)


def _interface(link: int) -> int:
    """Return the interface that an XDP link stands on; 0 when that is gone."""
    lines = Path(f"/proc/self/fdinfo/{link}").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("ifindex:")), 0)
