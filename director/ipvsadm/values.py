# SPDX-License-Identifier: Apache-2.0
"""The values of ipvsadm's options, from words to nouns: numbers, addresses with ports, masks, flags.

Pure, with the names of hosts and ports handed in. What can not be read is None; the caller words it.
"""

from __future__ import annotations

import re
import socket

from netaddr import INET_PTON, AddrFormatError, IPAddress

from director.ipvsadm.names import Names
from director.model.connection import Endpoint
from director.model.service import Protocol, Scheduler, SchedulerFlag

MAX_NUMBER = 2**31 - 1
MAX_MARK = 2**32 - 1
MAX_PORT = 65535
MAX_SECONDS = 31 * 24 * 3600
_NUMBER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_LEADING = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]*")

GENERIC_FLAGS = ("flag-1", "flag-2", "flag-3")
FLAG_BITS: dict[Scheduler, tuple[SchedulerFlag, ...]] = {
    Scheduler.SH: (SchedulerFlag.SH_FALLBACK, SchedulerFlag.SH_PORT),
    Scheduler.MH: (SchedulerFlag.MH_FALLBACK, SchedulerFlag.MH_PORT),
}


def number(text: str, lowest: int, highest: int) -> int | None:
    """Read a decimal number of this range; what C's strtol skips before it may stand there."""
    if not _NUMBER.fullmatch(text) or len(text) > 40:
        return None
    value = int(text)
    return value if lowest <= value <= highest else None


def address4(text: str) -> IPAddress | None:
    """Read an IPv4 address in any form that C's inet_aton knows: `10.1`, `0x0a000001`."""
    try:
        return IPAddress(int.from_bytes(socket.inet_aton(text)), 4)
    except (OSError, ValueError):
        return None


def address6(text: str) -> IPAddress | None:
    try:
        found = IPAddress(text, flags=INET_PTON) if ":" in text and "%" not in text else None
    except (AddrFormatError, ValueError):
        return None
    return found


def mask6(text: str) -> IPAddress | None:
    """Read a prefix length; as in C's atoi, what follows the digits is not looked at."""
    match = _LEADING.match(text)
    digits = match.group()[:40].strip() if match else ""
    length = int(digits) if digits.strip("+-") else 0
    return IPAddress((1 << 128) - (1 << (128 - length)), 6) if 1 <= length <= 128 else None


def whole(mask: IPAddress) -> bool:
    """Tell whether a mask has every bit."""
    return int(mask) == (1 << (128 if mask.version == 6 else 32)) - 1


def target(text: str, transport: Protocol, names: Names) -> tuple[IPAddress, int | None] | None:
    """Read `host`, `host:port` or `[address]:port`; the port is None where none is given."""
    if text.startswith("["):
        return _bracketed(text, transport, names)
    host, colon, port = text.partition(":")
    if not colon:
        address = None if _NUMBER.fullmatch(text) else _host(text, names)
        return None if address is None else (address, None)
    if ":" in port:
        found = address6(text)
        return None if found is None else (found, None)
    address, value = _host(host, names), _port(port, transport, names)
    return None if address is None or value is None else (address, value)


def _bracketed(text: str, transport: Protocol, names: Names) -> tuple[IPAddress, int | None] | None:
    inner, bracket, rest = text[1:].partition("]")
    if not bracket or not rest.startswith(":"):
        return None
    six = address6(inner)
    if six is None:
        address = _host(inner, names)
        return None if address is None else (address, None)
    port = _port(rest[1:], transport, names)
    return None if port is None else (six, port)


def _host(text: str, names: Names) -> IPAddress | None:
    if not text:
        return None
    found = address4(text)
    return names.address(text) if found is None else found


def _port(text: str, transport: Protocol, names: Names) -> int | None:
    value = number(text, 0, MAX_PORT)
    if value is not None or not text or _NUMBER.fullmatch(text):
        return value
    return names.port(text, transport)


def flags_of(text: str, scheduler: str) -> frozenset[SchedulerFlag] | str:
    """Read a list of flags, or say what is wrong with the first that is.

    A flag that the scheduler has no use for is taken and changes nothing, as in the kernel.
    """
    found: set[SchedulerFlag] = set()
    known = {each.value: each for each in SchedulerFlag}
    mine = FLAG_BITS.get(Scheduler(scheduler), ()) if is_scheduler(scheduler) else ()
    for word in filter(None, text.split(",")):
        if word in GENERIC_FLAGS:
            bit = GENERIC_FLAGS.index(word)
            found.update(mine[bit : bit + 1])
        elif word not in known:
            return f"invalid scheduler flag `{word}'"
        elif known[word].scheduler.value != scheduler:
            return f"incompatible scheduler flag `{word}'"
        else:
            found.add(known[word])
    return frozenset(found)


def is_scheduler(word: str) -> bool:
    return word in {each.value for each in Scheduler}


def is_multicast(text: str) -> bool:
    """Tell whether the word is a multicast address of the family that it looks like."""
    found = address6(text) if ":" in text else address4(text)
    return found is not None and bool(found.is_multicast())


def endpoint_of(found: tuple[IPAddress, int | None], otherwise: int) -> Endpoint:
    address, port = found
    return Endpoint(address, otherwise if port is None else port)
