# SPDX-License-Identifier: Apache-2.0
"""The `packet` data path: packet sockets with mapped rings, C threads that forward without Python's lock.

Python makes it, hands it table images and interfaces, and reads its counters (memory.py); it never sees a
packet.
"""

from __future__ import annotations

from director.datapath._native import ffi, lib
from director.datapath.attachment import Classifier, called
from director.datapath.memory import Holders, Memory, check, failure, sets_for
from director.datapath.pinned import Pinned
from director.datapath.programs import TableSizes
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind


class PacketDatapath(Memory):
    """A data path of `settings.workers` threads; `holders` tells whose an id is, `why` why it is this one."""

    def __init__(self, settings: Settings, holders: Holders, why: str = "") -> None:
        sets = sets_for(settings.connections)
        self._sizes = TableSizes(sets=sets, image_lines=0, cpus=settings.workers)
        datapath = lib.lb_datapath_new(sets, settings.workers, self._sizes.seed)
        if datapath == ffi.NULL:
            raise failure(-ffi.errno, "no memory for the connection table")
        super().__init__(datapath, sets, holders)
        self._carriage = Carriage(DatapathKind.PACKET, why)
        self._pool = lib.lb_pool_new(self._datapath, settings.workers)
        if self._pool == ffi.NULL:
            code = -ffi.errno
            lib.lb_datapath_free(self._datapath)
            raise failure(code, "can not make the data path's workers")

    def start(self) -> None:
        """Begin to forward."""
        check(lib.lb_pool_start(self._pool), "can not start the data path's threads")

    def stop(self) -> None:
        """End, close every ring and give the memory back. Nothing may be called after it."""
        lib.lb_pool_free(self._pool)
        lib.lb_datapath_free(self._datapath)
        self._pool = self._datapath = ffi.NULL

    def leave(self) -> None:
        """End as `stop` does: nothing forwards without these threads."""
        self.stop()

    @property
    def pinned(self) -> Pinned | None:
        return None

    @property
    def sizes(self) -> TableSizes:
        return self._sizes

    def settle(self) -> None:
        """There is nothing that could have been left."""

    def swap(self, image: bytes) -> None:
        """Put this table image in force, whole and at once."""
        check(lib.lb_datapath_swap(self._datapath, image, len(image)), "table image refused")

    def add_interface(self, index: int, filter_fd: int) -> None:
        """Forward what comes in on this interface and passes the socket filter."""
        check(lib.lb_pool_add_interface(self._pool, index, filter_fd), f"no ring on {called(index)}")

    def remove_interface(self, index: int) -> None:
        """Stop forwarding on this interface, which may be gone already."""
        lib.lb_pool_remove_interface(self._pool, index)

    def carriage(self, index: int) -> Carriage:  # noqa: ARG002 - each interface is carried alike
        return self._carriage

    def classifier(self, index: int) -> Classifier | None:  # noqa: ARG002 - rings need none
        return None

    def ring_drops(self) -> int:
        """Return how many frames were lost because a ring was full."""
        return int(lib.lb_pool_ring_drops(self._pool))
