# SPDX-License-Identifier: Apache-2.0
"""Load the eBPF programs that forward packets, and hold the memory that they share with user space.

`Programs.load` gives one program with its tables; a second program is loaded over the first one's tables
(`beside`), so that both know the same connections. Here nothing is known of interfaces and pins: a descriptor
lives as long as the `Programs` that it belongs to, or as what holds it in the kernel.
"""

from __future__ import annotations

import errno
import mmap
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

from director.datapath._native import ffi, lib
from director.datapath.errors import DatapathError

ROOM = Path(__file__).parent
SETTINGS = ".rodata.settings"
GRACE = "lb_grace"
POSSIBLE_CPUS = Path("/sys/devices/system/cpu/possible")
ANY = 0
SHAPE = {"map_type": 2, "key_size": 4, "map_flags": 0x400}
"""Of an array that can be mapped into memory, as fdinfo tells it."""


class ProgramKind(Enum):
    """Where a program runs; the values name its object file and its function."""

    XDP = "xdp"
    TC = "tc"


def possible_cpus() -> int:
    """Return how many CPUs the kernel may ever run a program on; each has counters of its own."""
    last = POSSIBLE_CPUS.read_text().strip().rpartition(",")[2].rpartition("-")[2]
    return min(int(last) + 1, int(lib.LB_MAX_WRITERS))


@dataclass(frozen=True, slots=True)
class TableSizes:
    """What is fixed when the tables are made; `sets` of connections are a power of two."""

    sets: int
    image_lines: int
    seed: int = field(default_factory=lambda: secrets.randbits(64))
    cpus: int = field(default_factory=possible_cpus)

    def entries(self) -> Mapping[str, tuple[int, int]]:
        """Return entries and bytes of an entry for each map, by name."""
        size = ffi.sizeof
        return {
            "lb_images": (2 * self.image_lines, lib.LB_LINE),
            "lb_conns": (self.sets * lib.LB_WAYS, size("struct lb_conn")),
            "lb_dests": (lib.LB_MAX_DESTS, size("struct lb_dest_state")),
            "lb_services": (lib.LB_MAX_SERVICES, size("struct lb_service_state")),
            "lb_dest_counts": (self.cpus * lib.LB_MAX_DESTS, size("struct lb_counters")),
            "lb_service_counts": (self.cpus * lib.LB_MAX_SERVICES, size("struct lb_counters")),
            "lb_reasons": (self.cpus, size("struct lb_reason_counts")),
            "lb_shared": (1, size("struct lb_shared")),
        }


class Tables:
    """The maps in memory: `shared` is a `struct lb_shared *`, `datapath` the C data path over them."""

    def __init__(self, descriptors: Mapping[str, int], sizes: TableSizes, grace: int) -> None:
        self.sizes = sizes
        self.descriptors = descriptors
        """Of the maps in `sizes.entries()`, for what pins them or loads another program over them."""
        self._grace = grace
        self._regions = {
            name: mmap.mmap(descriptors[name], entries * size)
            for name, (entries, size) in sizes.entries().items()
        }
        self.shared = self.at("lb_shared", "struct lb_shared *")
        self._maps = ffi.new("struct lb_maps *", self._fields())
        self.datapath = lib.lb_datapath_over(self._maps)
        if self.datapath == ffi.NULL:
            raise DatapathError(ffi.errno, f"no data path over the eBPF maps: {os.strerror(ffi.errno)}")

    def at(self, name: str, pointer: str) -> Any:
        """Return where a map's first entry lies in memory, as this C type."""
        return ffi.cast(pointer, ffi.from_buffer(self._regions[name]))

    def region(self, name: str) -> mmap.mmap:
        return self._regions[name]

    def swap(self, image: bytes) -> None:
        """Put this table image in force, whole and at once; `ENOSPC` where it is longer than there is room.

        It is written where no program reads: what may still have read there ends within the grace period.
        lb_datapath_swap() judges the image.
        """
        room = self.sizes.image_lines
        if len(image) > room * lib.LB_LINE:
            raise DatapathError(errno.ENOSPC, f"the table image has more than {room} lines")
        first = 0 if self.shared.active_first else room
        self.wait_for_programs()
        failure = -lib.lb_datapath_swap(self.datapath, image, len(image))
        if failure:
            raise DatapathError(failure, f"table image refused: {os.strerror(failure)}")
        lib.lb_image_place(self.at("lb_images", "void *"), first, image, len(image))
        self.shared.active_first = first

    def wait_for_programs(self) -> None:
        """Wait until each run of a program that has begun has ended, on every CPU.

        The kernel answers an update of a map of maps no sooner (bpf(2) calls it by this guarantee).
        """
        key, value = ffi.new("uint32_t *", 0), ffi.new("int *", self.descriptors["lb_shared"])
        if lib.bpf_map_update_elem(self._grace, key, value, ANY) < 0:
            raise DatapathError(ffi.errno, f"can not wait for eBPF programs: {os.strerror(ffi.errno)}")

    def close(self) -> None:
        """Give the memory back; the maps live on where a program or a pin holds them."""
        lib.lb_datapath_free(self.datapath)
        self.datapath = self.shared = self._maps = ffi.NULL
        self._regions.clear()  # a region is unmapped when nothing refers to it any more

    def _fields(self) -> dict[str, Any]:
        return {
            "conns": self.at("lb_conns", "struct lb_conn *"),
            "sets": self.sizes.sets,
            "cpus": self.sizes.cpus,
            "seed": self.sizes.seed,
            "dests": self.at("lb_dests", "struct lb_dest_state *"),
            "services": self.at("lb_services", "struct lb_service_state *"),
            "dest_counts": self.at("lb_dest_counts", "struct lb_counters *"),
            "service_counts": self.at("lb_service_counts", "struct lb_counters *"),
            "reasons": self.at("lb_reasons", "struct lb_reason_counts *"),
            "defence": ffi.addressof(self.shared, "defence"),
        }


class Programs:
    """One loaded program (`descriptor`) and its tables; `swap` puts a table image in force."""

    def __init__(self, kind: ProgramKind, loaded: Any, tables: Tables, *, owner: bool) -> None:
        self.kind = kind
        self.tables = tables
        self._object = loaded
        self.descriptor = self.program(f"lb_{kind.value}")
        self._owner = owner

    @classmethod
    def load(cls, kind: ProgramKind, sizes: TableSizes, room: Path = ROOM) -> Self:
        """Load a program with tables of its own; another room's object may hold more programs."""
        loaded = _load(kind, sizes, {}, room)
        descriptors = {name: _descriptor(loaded, name) for name in sizes.entries()}
        try:
            tables = Tables(descriptors, sizes, _descriptor(loaded, GRACE))
        except OSError:
            lib.bpf_object__close(loaded)
            raise
        return cls(kind, loaded, tables, owner=True)

    @classmethod
    def over(cls, kind: ProgramKind, sizes: TableSizes, descriptors: Mapping[str, int]) -> Self:
        """Load a program over maps that are there already, say pinned ones; they must have these sizes.

        What `descriptors` does not name is made anew.
        """
        for name, descriptor in descriptors.items():
            found, (entries, size) = _shape(descriptor), sizes.entries()[name]
            if found["max_entries"] != entries:
                raise DatapathError(
                    errno.EINVAL, f"map {name} has {found['max_entries']} entries, not {entries}"
                )
            if found != {**SHAPE, "max_entries": entries, "value_size": size}:
                raise DatapathError(errno.EINVAL, f"map {name} is of another shape: {found}")
        loaded = _load(kind, sizes, descriptors)
        own = {name: _descriptor(loaded, name) for name in sizes.entries()}
        return cls(kind, loaded, Tables(own, sizes, _descriptor(loaded, GRACE)), owner=True)

    def beside(self, kind: ProgramKind, room: Path = ROOM) -> Self:
        """Load another program over the same tables; close it before this one."""
        tables = self.tables
        loaded = _load(kind, tables.sizes, tables.descriptors, room)
        return type(self)(kind, loaded, tables, owner=False)

    def swap(self, image: bytes) -> None:
        self.tables.swap(image)

    def program(self, name: str) -> int:
        """Return the descriptor of a program in this object."""
        return int(lib.bpf_program__fd(lib.bpf_object__find_program_by_name(self._object, name.encode())))

    def map(self, name: str) -> int:
        """Return the descriptor of a map in this object."""
        return _descriptor(self._object, name)

    def close(self) -> None:
        """Unload. What is attached to an interface lives on there, with its tables."""
        if self._owner:
            self.tables.close()
        lib.bpf_object__close(self._object)


def _load(kind: ProgramKind, sizes: TableSizes, present: Mapping[str, int], room: Path = ROOM) -> Any:
    """Open an object, set what is known at load time only, and load it over the maps in `present`."""
    path = room / f"{kind.value}.bpf.o"
    lib.libbpf_set_print(ffi.NULL)
    opened = lib.bpf_object__open_file(os.fsencode(path), ffi.NULL)
    if opened == ffi.NULL:
        raise DatapathError(ffi.errno, f"{path} cannot be read as an eBPF object: {os.strerror(ffi.errno)}")
    failure = _prepare(opened, sizes, present) or -lib.bpf_object__load(opened)
    if failure:
        lib.bpf_object__close(opened)
        raise DatapathError(failure, _why(kind, failure))
    return opened


def _prepare(opened: Any, sizes: TableSizes, present: Mapping[str, int]) -> int:
    settings = ffi.new(
        "struct lb_load_settings *",
        {"image_lines": sizes.image_lines, "set_mask": sizes.sets - 1, "seed": sizes.seed},
    )
    done = [lib.bpf_map__set_initial_value(_map(opened, SETTINGS), settings, ffi.sizeof(settings[0]))]
    for name, (entries, _) in sizes.entries().items():
        if name in present:
            done.append(lib.bpf_map__reuse_fd(_map(opened, name), present[name]))
        else:
            done.append(lib.bpf_map__set_max_entries(_map(opened, name), entries))
    return next((-code for code in done if code < 0), 0)


def _map(loaded: Any, name: str) -> Any:
    return lib.bpf_object__find_map_by_name(loaded, name.encode())


def _descriptor(loaded: Any, name: str) -> int:
    return int(lib.bpf_map__fd(_map(loaded, name)))


def _shape(descriptor: int) -> dict[str, int]:
    """Ask the kernel what kind of map this is."""
    words = (line.split() for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines())
    fields = {name.rstrip(":"): value for name, value, *_ in words}
    return {name: int(fields.get(name, "-1"), 0) for name in (*SHAPE, "max_entries", "value_size")}


def _why(kind: ProgramKind, failure: int) -> str:
    if failure in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        rights = "run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
        return f"this kernel, or the rights given, allow no eBPF for {kind.value} ({rights})"
    return f"the kernel did not take the {kind.value} program: {os.strerror(failure)}"
