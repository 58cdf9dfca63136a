# SPDX-License-Identifier: Apache-2.0
"""An ldirectord.cf: `virtual=` and the indented lines below it. Pure.

What ldirectord does beyond telling the kernel (checks, fallbacks, notices) is left, each by its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from netaddr import IPAddress

from director.importing.found import Collection, Found
from director.ipvsadm import values
from director.ipvsadm.names import Names
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)

_LINE = re.compile(r"(?P<indent>\s*)(?P<name>[A-Za-z][\w-]*)\s*=\s*(?P<value>.*)")
_METHODS = {"gate": ForwardingMethod.DR, "ipip": ForwardingMethod.TUN, "masq": ForwardingMethod.NAT}
_THRESHOLD = re.compile(r'"?<(?P<which>[lu]):(?P<count>[0-9]{1,10})>"?')
MOST_OF_A_RANGE = 1024
CHECKS = {
    "checktype", "service", "checkcommand", "checkport", "request", "receive", "httpmethod", "virtualhost",
    "login", "passwd", "database", "secret", "load", "checktimeout", "negotiatetimeout", "checkinterval",
    "checkcount", "failurecount", "monitorfile",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One `name=value`."""

    number: int
    name: str
    value: str
    indented: bool


@dataclass(frozen=True, slots=True)
class Virtual:
    """A `virtual=` line and those below it."""

    head: Line
    below: tuple[Line, ...]

    def last(self, name: str) -> Line | None:
        """Return the last line of this name, which is the one that counts."""
        return next((line for line in reversed(self.below) if line.name == name), None)


def read(text: str, names: Names) -> Found:
    """Read an ldirectord.cf."""
    found = Collection()
    for virtual in _virtuals(_lines(text, found), found):
        _take(found, virtual, names)
    return found.found()


def _lines(text: str, found: Collection) -> Iterator[Line]:
    for number, written in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(written.rstrip())
        if not written.strip() or written.lstrip().startswith("#"):
            continue
        if match is None:
            found.leave(number, "not a line of ldirectord's")
            continue
        value = match["value"].strip()
        yield Line(number, match["name"].lower(), value, bool(match["indent"]))


def _virtuals(lines: Iterator[Line], found: Collection) -> Iterator[Virtual]:
    """Gather each service's lines; what is said for all services is left at once."""
    head: Line | None = None
    below: list[Line] = []
    for line in lines:
        if line.name in {"virtual", "virtual6"}:
            if head is not None:
                yield Virtual(head, tuple(below))
            head, below = line, []
        elif head is not None and line.indented:
            below.append(line)
        else:
            _leave(found, line)
    if head is not None:
        yield Virtual(head, tuple(below))


def _take(found: Collection, virtual: Virtual, names: Names) -> None:
    key = _key(virtual, names)
    if key is None:
        found.leave(
            virtual.head.number, f"{virtual.head.value[:60]!r} is no service's address and port, nor a mark"
        )
        return
    service = _service(found, virtual, key)
    if service is None or not found.add_service(virtual.head.number, service):
        return
    for line in virtual.below:
        if line.name in {"real", "real6"}:
            _take_real(found, line, key, names)
        elif line.name not in {"scheduler", "persistent", "netmask", "protocol", "ops"}:
            _leave(found, line)


def _key(virtual: Virtual, names: Names) -> ServiceKey | None:
    text, said = virtual.head.value, virtual.last("protocol")
    mark = values.number(text, 1, values.MAX_MARK)
    if mark is not None:
        return ServiceKey.of_mark(mark, 6 if virtual.head.name == "virtual6" else 4)
    word = said.value if said is not None else Protocol.TCP.value
    if word not in {each.value for each in Protocol}:
        return None
    target = values.target(text, Protocol(word), names)
    if target is None:
        return None
    where = values.endpoint_of(target, 0)
    return ServiceKey(Protocol(word), where.address, where.port)


def _service(found: Collection, virtual: Virtual, key: ServiceKey) -> VirtualService | None:
    scheduler, ops = virtual.last("scheduler"), virtual.last("ops")
    word = scheduler.value if scheduler is not None else Scheduler.WRR.value
    if scheduler is not None and not values.is_scheduler(word):
        found.leave(scheduler.number, f"scheduler {word!r} is not known here")
        return None
    service = VirtualService(key, Scheduler(word), one_packet=ops is not None and ops.value == "yes")
    return replace(service, persistence=_persistence(found, virtual, key))


def _persistence(found: Collection, virtual: Virtual, key: ServiceKey) -> Persistence | None:
    said, mask = virtual.last("persistent"), virtual.last("netmask")
    if said is None:
        return None
    timeout = values.number(said.value, 1, values.MAX_SECONDS)
    if timeout is None:
        found.leave(said.number, f"{said.value!r} is no time of persistence")
        return None
    bits: IPAddress | None = None
    if mask is not None:
        six = key.address.version == 6
        bits = values.mask6(mask.value) if six else values.address4(mask.value)
        if bits is None:
            found.leave(mask.number, f"{mask.value!r} is no mask of these addresses")
    return Persistence(timeout, bits)


def _take_real(found: Collection, line: Line, key: ServiceKey, names: Names) -> None:
    words = line.value.split()
    if len(words) < 2 or words[1] not in _METHODS:
        found.leave(line.number, f"{line.value[:60]!r} is no server and method")
        return
    addresses = _range(words[0], key, names)
    if not addresses:
        found.leave(line.number, f"{words[0][:60]!r} is no server's address, or a range of too many")
        return
    server = _of_words(found, line, words[1:])
    for address, port in addresses:
        own = server.method is ForwardingMethod.NAT or key.mark
        found.add_server(line.number, key, replace(server, address=address, port=port if own else key.port))


def _of_words(found: Collection, line: Line, words: list[str]) -> Destination:
    """Read what stands after the address; what a check would send and want is left."""
    weight, limits, rest = 1, {"l": 0, "u": 0}, words[1:]
    if rest and (given := values.number(rest[0], 0, values.MAX_NUMBER)) is not None:
        weight, rest = given, rest[1:]
    for word in rest:
        match = _THRESHOLD.fullmatch(word)
        if match is not None:
            limits[match["which"]] = int(match["count"])
        else:
            found.leave(line.number, f"health check of a server: {word[:60]}")
    return Destination(IPAddress(0, 4), 0, _METHODS[words[0]], weight, limits["u"], limits["l"])


def _range(text: str, key: ServiceKey, names: Names) -> list[tuple[IPAddress, int]]:
    """Read an address, or `first->last`, with a port after it; nothing where it is none."""
    first_text, arrow, last_text = text.partition("->")
    if not arrow:
        target = values.target(text, key.protocol, names)
        return [] if target is None else [(target[0], key.port if target[1] is None else target[1])]
    first = values.target(first_text, key.protocol, names)
    last = values.target(last_text, key.protocol, names)
    if first is None or last is None or first[0].version != last[0].version:
        return []
    count = int(last[0]) - int(first[0]) + 1
    if not 1 <= count <= MOST_OF_A_RANGE:
        return []
    port = key.port if last[1] is None else last[1]
    return [(IPAddress(int(first[0]) + step, first[0].version), port) for step in range(count)]


def _leave(found: Collection, line: Line) -> None:
    if line.name in CHECKS:
        found.leave(line.number, f"{line.name}: health checks are not taken over")
    elif line.name in {"fallback", "fallback6"}:
        found.leave(
            line.number, f"{line.name} {line.value[:60]}: it asks for health checks, which are not taken over"
        )
    else:
        found.leave(line.number, f"{line.name}: not taken over")
