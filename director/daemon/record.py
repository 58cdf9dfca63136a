# SPDX-License-Identifier: Apache-2.0
"""The record of pinned tables: sizes, layouts, and whose the ids in them are. A file beside the socket.

A line is a checksum and a JSON value. The first tells of the tables, and how many lines were written with it;
each further one tells all that is held for one service, in place of what was told of it before. Lines are
added before the tables learn what they say. So a last added line that a kill cut short was not in force yet
and is passed over; anything else that is not whole makes the record worthless, as the tables are without it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from netaddr import AddrFormatError, IPAddress

from director.daemon.replacing import not_written, replace_file
from director.model import (
    Configuration,
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    ServiceKey,
    Timeouts,
    Tunables,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.service import Scheduler, SchedulerFlag
from director.tables.held import HeldDestination, HeldService, LingeringServer
from director.tables.layout import MAX_DESTS, MAX_SERVICES

WHAT = "director tables 2"


@dataclass(frozen=True, slots=True)
class Header:
    """The tables: whose pins, what their memory means, how large they are, and since when they live."""

    instance: str
    memory: str
    reasons: str
    sets: int
    seed: int
    cpus: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that a record tells; `configuration` has the services that are held and present."""

    header: Header
    services: tuple[HeldService, ...]
    timeouts: Timeouts = field(default_factory=Timeouts)
    tunables: Tunables = field(default_factory=Tunables)

    @property
    def destination_ids(self) -> frozenset[int]:
        """Return the ids that connections may refer to."""
        destinations = frozenset(one.id for held in self.services for one in held.destinations)
        return destinations | {one.id for held in self.services for one in held.lingering}

    @property
    def configuration(self) -> Configuration:
        present = tuple(held.service for held in self.services if held.service is not None)
        return Configuration(present, self.timeouts, self.tunables)


def record_path(control_socket: Path) -> Path:
    return control_socket.with_name(f"{control_socket.name}.tables")


def read_record(path: Path) -> Recorded | None:
    """Read what a director wrote; None where there is nothing, ValueError where it is not a whole record."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} can not be read: {error.strerror}") from error
    try:
        return _recorded(raw)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AddrFormatError) as error:
        raise ValueError(f"not a record of the director's tables: {error}") from error


def _recorded(raw: bytes) -> Recorded:
    first, *rest = _values(raw)
    header = _header(first)
    if len(rest) < int(first.get("lines", 0)):  # one of a version before does not tell
        raise ValueError(f"{len(rest)} of {first['lines']} lines are there")
    services = {held.key: held for held in (_held(value) for value in rest if "key" in value)}
    options: dict[str, Any] = next((value for value in reversed(rest) if "timeouts" in value), {})
    timeouts = Timeouts(**_known(Timeouts, options.get("timeouts", {})))
    tunables = Tunables(**_known(Tunables, options.get("sysctl", {})))
    kept = tuple(held for held in services.values() if held.id is not None)
    _check(kept)
    return Recorded(header, kept, timeouts, tunables)


def is_record(path: Path) -> bool:
    """Say whether a file is a record, or the beginning of one."""
    beginning = _beginning()
    with path.open("rb") as file:
        return file.read(9 + len(beginning))[9:] == beginning


def is_begun_record(path: Path) -> bool:
    """Say whether a file is the beginning of a record, if only of its first bytes."""
    beginning = _beginning()
    with path.open("rb") as file:
        first = file.read(9 + len(beginning))
    checksum = first[:9].rstrip(b" ")
    return all(byte in b"0123456789abcdef" for byte in checksum) and beginning.startswith(first[9:])


def _beginning() -> bytes:
    return f'{{"what":"{WHAT}"'.encode()


class Record:
    """The record of a running director. `path` is replaced as a whole at first, then grows."""

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path
        self._header = header
        self._whole = 0
        self._grown = 0

    def write(self, options: Configuration, services: Iterable[HeldService]) -> None:
        """Write everything anew, or leave the one before; of `options` timeouts and tunables."""
        values = [_options_value(options), *map(_held_value, services)]
        lines = b"".join(map(_line, (_header_value(self._header) | {"lines": len(values)}, *values)))
        replace_file(self._path, lines)
        self._whole, self._grown = len(lines), 0

    def add(self, options: Configuration, services: Iterable[HeldService]) -> None:
        """Tell what is held for these services now. After a DaemonError what is written is not whole."""
        lines = b"".join(_line(_held_value(one)) for one in services) + _line(_options_value(options))
        try:
            with self._path.open("ab") as file:
                file.write(lines)
        except OSError as error:
            raise not_written(self._path, error) from error
        self._grown += len(lines)

    @property
    def is_long(self) -> bool:
        """Say whether most of it has been overtaken by later lines."""
        return self._grown > 2 * self._whole + (1 << 20)

    def remove(self) -> None:
        remove_record(self._path)


def remove_record(path: Path) -> None:
    """Remove a record; a directory in its place is somebody else's."""
    with suppress(IsADirectoryError):
        path.unlink(missing_ok=True)


def _line(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _values(raw: bytes) -> Iterator[Any]:
    """Read the lines; the last one may be cut short, if it is not the only one."""
    lines = raw.split(b"\n")
    whole, rest = lines[:-1], lines[-1]
    if not whole:
        raise ValueError(f"{len(rest)} bytes and no whole line")
    for number, line in enumerate(whole, 1):
        text = line[9:]
        if not text or line[:9] != b"%08x " % zlib.crc32(text):
            raise ValueError(f"line {number} does not match its checksum")
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError(f"line {number} is not an object")
        yield value


def _header_value(header: Header) -> dict[str, Any]:
    return {
        "what": WHAT,
        "instance": header.instance,
        "memory": header.memory,
        "reasons": header.reasons,
        "sets": header.sets,
        "seed": f"{header.seed:x}",
        "cpus": header.cpus,
        "since": header.since.isoformat(),
    }


def _header(value: Any) -> Header:
    if value["what"] != WHAT:
        raise ValueError(f"{value['what']!r} is not {WHAT!r}")
    header = Header(
        instance=str(value["instance"]),
        memory=str(value["memory"]),
        reasons=str(value["reasons"]),
        sets=int(value["sets"]),
        seed=int(value["seed"], 16),
        cpus=int(value["cpus"]),
        since=datetime.fromisoformat(value["since"]),
    )
    sets, cpus = header.sets, header.cpus
    if not (
        0 < sets < 1 << 32 and sets & (sets - 1) == 0 and 0 < cpus < 1 << 16 and 0 <= header.seed < 1 << 64
    ):
        raise ValueError("there are no tables of this size")
    if header.since.tzinfo is None:
        raise ValueError("it is of no certain time")
    return header


def _options_value(options: Configuration) -> dict[str, Any]:
    return {"timeouts": asdict(options.timeouts), "sysctl": asdict(options.tunables)}


def _known(noun: type, values: Any) -> dict[str, int]:
    """Leave out what another version had and this one has not."""
    names = {each.name for each in fields(noun)}
    return {name: int(value) for name, value in values.items() if name in names}


def _held_value(held: HeldService) -> dict[str, Any]:
    key, service = held.key, held.service
    value: dict[str, Any] = {"key": [key.protocol.value, str(key.address), key.port, key.mark], "id": held.id}
    if service is not None:
        value |= _service_values(service)
    if held.gone is not None:
        value["gone"] = _service_values(held.gone)
    value["destinations"] = [
        [one.id, str(d.address), d.port, d.method.value, d.weight, one.last_weight, one.present, *_more(d)]
        for one in held.destinations
        for d in (one.destination,)
    ]
    if held.lingering:
        value["lingering"] = [[one.id, str(one.address), one.port] for one in held.lingering]
    return value


def _service_values(service: VirtualService) -> dict[str, Any]:
    return {
        "scheduler": service.scheduler.value,
        "flags": sorted(flag.value for flag in service.flags),
        "order": [[str(one.address), one.port] for one in service.destinations],
        **_keeping_values(service),
    }


def _keeping_values(service: VirtualService) -> dict[str, Any]:
    """Write how a service keeps clients and connections, as far as it is not as usual."""
    held = service.persistence
    mask = str(held.mask) if held is not None and held.mask is not None else None
    return {
        **({"persistence": [held.timeout, mask]} if held is not None else {}),
        **({"one_packet": True} if service.one_packet else {}),
        **({"timeouts": dict(service.timeouts)} if service.timeouts else {}),
    }


def _more(destination: Destination) -> tuple[Any, ...]:
    """Write a destination's limits and tunnel, if it has any."""
    upper, lower, tunnel = destination.upper, destination.lower, destination.tunnel
    if (upper, lower, tunnel) == (0, 0, Tunnel()):
        return ()
    return upper, lower, tunnel.type.value, tunnel.port, tunnel.checksum.value


def _held(value: Any) -> HeldService:
    protocol, address, port, mark = value["key"]
    key = ServiceKey(Protocol(protocol), IPAddress(address), int(port), int(mark))
    destinations = tuple(map(_destination, value["destinations"]))
    return HeldService(
        key,
        None if value["id"] is None else int(value["id"]),
        _service(key, value, destinations) if "order" in value else None,
        destinations,
        tuple(
            LingeringServer(int(number), IPAddress(address), int(port))
            for number, address, port in value.get("lingering", ())
        ),
        _service(key, value["gone"], ()) if "gone" in value else None,
    )


def _destination(value: Any) -> HeldDestination:
    number, address, port, method, weight, last_weight, present, *more = value
    destination = Destination(IPAddress(address), int(port), ForwardingMethod(method), int(weight))
    if more:
        upper, lower, kind, tunnel_port, checksum = more
        tunnel = Tunnel(TunnelType(kind), int(tunnel_port), TunnelChecksum(checksum))
        destination = replace(destination, upper=int(upper), lower=int(lower), tunnel=tunnel)
    return HeldDestination(int(number), destination, int(last_weight), bool(present))


def _service(key: ServiceKey, value: Any, held: tuple[HeldDestination, ...]) -> VirtualService:
    present = {(str(d.address), d.port): d for d in (one.destination for one in held if one.present)}
    return VirtualService(
        key,
        Scheduler(value["scheduler"]),
        frozenset(map(SchedulerFlag, value["flags"])),
        tuple(present[address, port] for address, port in value["order"]),
        _persistence(value["persistence"]) if "persistence" in value else None,
        bool(value.get("one_packet", False)),
        tuple(sorted((str(name), int(seconds)) for name, seconds in value.get("timeouts", {}).items())),
    )


def _persistence(value: Any) -> Persistence:
    timeout, mask = value
    return Persistence(int(timeout), None if mask is None else IPAddress(mask))


def _check(services: Iterable[HeldService]) -> None:
    """Refuse ids that are given twice, or that there are not."""
    ids = [held.id for held in services if held.id is not None]
    destinations = [one.id for held in services for one in held.destinations]
    for numbers, limit in ((ids, MAX_SERVICES), (destinations, MAX_DESTS)):
        if len(set(numbers)) != len(numbers) or any(not 0 < number < limit for number in numbers):
            raise ValueError("its ids contradict each other")
