# SPDX-License-Identifier: Apache-2.0
"""The data paths `xdp` and `tc`: the packet path as programs in the kernel, over tables that we map.

Python loads the programs, hands them table images and interfaces, and reads their tables (memory.py); a
thread in C sweeps the connections. An `xdp` program is put on an interface here, by a link; a `tc` program is
a classifier, which attachment.py puts there. Which of the two carries an interface is a `Choice` that is not
made here. Tables and links are pinned (pinned.py), so that all goes on when this process ends, and another
takes it over: what stands on the interfaces then forwards by its own image until the new one's first.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Any, Protocol

from director.datapath._native import ffi, lib
from director.datapath.attachment import DATAPATH_FILTER_NAME, Classifier, called
from director.datapath.errors import DatapathError
from director.datapath.memory import Holders, Memory, check, failure, referred_by, sets_for
from director.datapath.pinned import OF_ONE_IMAGE, Pinned, close
from director.datapath.programs import ProgramKind, Programs, TableSizes
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind

IMAGE_LINES = 16_384  # that there is room for at first: 1 MiB an image
XDP_FLAGS_DRV_MODE = 1 << 2
SWEEPER_ONLY = 0  # threads of the pool that forward


class Choice(Protocol):
    """What carries each interface: XDP or TC."""

    def carriage(self, index: int) -> Carriage:
        """Choose for an interface."""
        ...

    def instead(self, error: DatapathError) -> Carriage:
        """Choose where the driver does not take the XDP program; raise the error if there is no choice."""
        ...


class EbpfDatapath(Memory):
    """Programs over one set of tables. DatapathError where the kernel does not take them."""

    def __init__(
        self,
        settings: Settings,
        holders: Holders,
        choice: Choice,
        pinned: Pinned,
        lines: int = IMAGE_LINES,
    ) -> None:
        self._tc = _load(pinned, sets_for(settings.connections), lines)
        self._xdp: Programs | None = None
        self._retired: list[Programs] = []  # what reads in their tables may go on until the end
        super().__init__(self._tc.tables.datapath, self._tc.tables.sizes.sets, holders)
        self._pool = _sweeper(self._datapath)
        self._running = False
        self._choice = choice
        self._carriages: dict[int, Carriage] = {}
        self._links = dict(pinned.links())
        self._old_links = frozenset(self._links)
        """Interfaces on which the XDP program of one before stands still."""
        self._pinned = pinned
        pinned.keep(self._tc.tables, self._links)

    @property
    def pinned(self) -> Pinned:
        """Where the tables are kept for the next process, and whether these are from one before."""
        return self._pinned

    @property
    def sizes(self) -> TableSizes:
        return self._tc.tables.sizes

    def start(self) -> None:
        """Begin to sweep; what is on an interface forwards already."""
        check(lib.lb_pool_start(self._pool), "can not start the sweeper")
        self._running = True

    def stop(self) -> None:
        """Let the XDP programs' interfaces go and keep nothing; unload. Nothing may be called after it."""
        for index in tuple(self._links):
            self.remove_interface(index)
        self._pinned.remove()
        self.leave()

    def leave(self) -> None:
        """End here, and leave what stands on interfaces and is pinned. Nothing may be called after it."""
        close(self._links)
        lib.lb_pool_free(self._pool)
        for programs in (self._xdp, self._tc, *reversed(self._retired)):
            if programs is not None:
                programs.close()
        self._pool = self._datapath = ffi.NULL

    def swap(self, image: bytes) -> None:
        """Put this table image in force, whole and at once. Where it outgrows its room, programs with more of
        it take over; `classifier` says then which stand where those of before stood.
        """
        room = self._tc.tables.sizes.image_lines
        if len(image) > room * lib.LB_LINE:
            self._grow(image, room)
            return
        self._tc.swap(image)
        if self._old_links:
            self._renew_links()

    def settle(self) -> None:
        """Take away what stood on interfaces before and is not wanted there: something else does its work."""
        for index in tuple(self._links):
            carriage = self._carriages.get(index)
            if carriage is None or carriage.datapath is not DatapathKind.XDP:
                self._drop_link(index)

    def carriage(self, index: int) -> Carriage:
        """Return what carries this interface, or would."""
        return self._carriages.get(index) or self._choice.carriage(index)

    def classifier(self, index: int) -> Classifier | None:
        """Return the program that has to stand on this interface as a classifier; None for `xdp`."""
        if self.carriage(index).datapath is DatapathKind.TC:
            return Classifier(DATAPATH_FILTER_NAME, self._tc.descriptor)
        return None

    def add_interface(self, index: int, filter_fd: int) -> None:  # noqa: ARG002 - a program needs no other
        """Forward what comes in on this interface; by another program than `carriage` said, if need be."""
        carriage = self._choice.carriage(index)
        if carriage.datapath is DatapathKind.XDP and index not in self._links:
            try:
                self._links[index] = _link(self._xdp_programs().descriptor, index)
                self._pinned.keep_link(index, self._links[index])
            except DatapathError as error:
                carriage = self._choice.instead(error)
        self._carriages[index] = carriage

    def remove_interface(self, index: int) -> None:
        """Stop forwarding on this interface, which may be gone already."""
        self._carriages.pop(index, None)
        if index in self._links:
            self._drop_link(index)

    def ring_drops(self) -> int:
        """Return 0: there are no rings."""
        return 0

    def _drop_link(self, index: int) -> None:
        self._pinned.drop_link(index)
        os.close(self._links.pop(index))

    def _xdp_programs(self) -> Programs:
        if self._xdp is None:
            self._xdp = self._tc.beside(ProgramKind.XDP)
        return self._xdp

    def _grow(self, image: bytes, room: int) -> None:
        """Load programs with more room over the same connections and state, and let them take over."""
        while len(image) > room * lib.LB_LINE:
            room *= 2
        before, sizes = self._tc, replace(self._tc.tables.sizes, image_lines=room)
        state = {name: fd for name, fd in before.tables.descriptors.items() if name not in OF_ONE_IMAGE}
        after = Programs.over(ProgramKind.TC, sizes, state)
        try:
            after.swap(image)
        except DatapathError:
            after.close()
            raise
        self._retire(after)

    def _retire(self, after: Programs) -> None:
        """Give everything over to these programs."""
        had_xdp = self._xdp
        self._retired += [one for one in (self._tc, had_xdp) if one is not None]
        self._tc, self._xdp = after, None
        lib.lb_pool_free(self._pool)
        self._datapath = after.tables.datapath
        self._pool = _sweeper(self._datapath)
        if self._running:
            self.start()
        self._renew_links()

    def _renew_links(self) -> None:
        """Let the program of now stand wherever one stood, whole and at once."""
        self._old_links = frozenset()
        for index, link in self._links.items():
            check(
                -ffi.errno if lib.bpf_link_update(link, self._xdp_programs().descriptor, ffi.NULL) < 0 else 0,
                f"the program on {called(index)} can not be renewed",
            )


def _load(pinned: Pinned, sets: int, lines: int) -> Programs:
    """Load over the tables that one before left; over new ones where there are none, or they do not
    fit, or whose they are is not known.
    """
    sizes = pinned.sizes(lines)
    if sizes is None:
        return Programs.load(ProgramKind.TC, TableSizes(sets=sets, image_lines=lines))
    try:
        maps = pinned.maps()
        try:
            programs = Programs.over(ProgramKind.TC, sizes, maps)
        finally:
            close(maps)
        try:
            pinned.check(referred_by(programs.tables.datapath))
        except DatapathError:
            programs.close()
            raise
        return programs
    except DatapathError as error:
        pinned.give_up(str(error))
        return _load(pinned, sets, lines)


def _sweeper(datapath: Any) -> Any:
    pool = lib.lb_pool_new(datapath, SWEEPER_ONLY)
    if pool == ffi.NULL:
        raise failure(-ffi.errno, "can not make the sweeper")
    return pool


def _link(program: int, index: int) -> int:
    """Put an XDP program on an interface, by its driver; return the link's descriptor."""
    size = ffi.sizeof("struct bpf_link_create_opts")
    options = ffi.new("struct bpf_link_create_opts *", {"sz": size, "flags": XDP_FLAGS_DRV_MODE})
    link = lib.bpf_link_create(program, index, lib.BPF_XDP, options)
    if link < 0:
        raise DatapathError(-link, f"no XDP program on {called(index)}: {_why(-link)}")
    return int(link)


def _why(number: int) -> str:
    if number == errno.EOPNOTSUPP:
        return "its driver has no XDP"
    if number == errno.EBUSY:
        return "there is one already"
    if number == errno.ERANGE:
        return "its MTU, or its peer's, is too large for XDP"
    return os.strerror(number)
