# SPDX-License-Identifier: Apache-2.0
"""Hold what the director does in an exchange against what the kernel did, and sort the differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from netaddr import IPAddress

from director.config.errors import ConfigError
from director.model import ForwardingMethod, VirtualService
from director.model.service import endpoint
from tests.interop import parsed, recording
from tests.interop.deliberate import CUT, DIFFERENCES, OWN_ANSWERS, OWN_ERRORS, Deliberate
from tests.interop.exchange import Exchange, Inject
from tests.interop.guard import lingering
from tests.interop.local_servers import levelled, without_own_answers
from tests.interop.normal import LATE, disagreements
from tests.interop.parsed import Endpoint
from tests.interop.recognised import Seen, is_cut
from tests.interop.recording import Counters, Reaction, Recorded
from tests.interop.replay import Director
from tests.interop.topics import PENDING, TOPICS
from tests.packets.case import Counts, Entry
from tests.packets.network import Setting

COUNTERS = 0  # stands for the counters at the end, where a frame's number is asked for
OF_ITS_OWN = {
    4: ((11, 0), (3, 4), (3, 3)),
    6: ((3, 0), (2, 0), (1, 4)),
}  # time exceeded, too big, and nobody there: type and code

Respects = tuple[str, ...]
DROPPED: Respects = ("frames",)  # differs where a host can not send fragments, and nothing else does


@dataclass(frozen=True, slots=True)
class Comparison:
    """By frame: differences that are meant, those that nothing explains, and what a host can not cut."""

    meant: Mapping[int, Deliberate]
    unexplained: Mapping[int, Respects]
    unable: frozenset[int]


@cache
def exchanges() -> Mapping[str, tuple[Exchange, ...]]:
    """Return by topic what was put to a kernel as it stands in the tables now."""
    return {topic: tuple(e for e in TOPICS[topic] if is_recorded(topic, e)) for topic in TOPICS}


def able() -> Mapping[str, tuple[Exchange, ...]]:
    """Return of those the topics that the data path is able to do."""
    return {topic: some for topic, some in exchanges().items() if topic not in PENDING}


def differs(topic: str, name: str) -> bool:
    """Whether the director can't do an exchange at all, or does otherwise, and not on purpose."""
    try:
        return bool(compared(topic, name).unexplained)
    except (AssertionError, ConfigError, LookupError, ValueError):
        return True


def is_recorded(topic: str, exchange: Exchange) -> bool:
    digests = tuple(step.digest for _, step in exchange.injections())
    return recording.has(topic, exchange.name) and recording.digests(topic, exchange.name) == digests


def recorded(topic: str, exchange: Exchange) -> Recorded:
    return recording.recorded(topic, exchange.name, (step.frame for _, step in exchange.injections()))


@cache
def compared(topic: str, name: str, host: str = "user") -> Comparison:
    exchange = next(each for each in TOPICS[topic] if each.name == name)
    return compare(exchange, recorded(topic, exchange), Director(exchange, host))


def compare(exchange: Exchange, kernel: Recorded, director: Director, late: range = LATE) -> Comparison:
    """Let a director go through an exchange, and judge what it does by what a kernel did."""
    ours = director.reactions()
    meant: dict[int, Deliberate] = {}
    unexplained: dict[int, Respects] = {}
    for number, seen in enumerate(_sights(exchange, kernel, ours, late), start=1):
        rule = _meant(seen)
        if rule is not None:
            meant[number] = rule
        elif seen.respects != DROPPED if number in director.unable else seen.respects:
            unexplained[number] = seen.respects
    if not director.unable and not any(rule.counted for rule in meant.values()):
        counters = director.counters()
        if kernel.counters != counters and _without_own_errors(exchange, kernel) == counters:
            meant[COUNTERS] = OWN_ERRORS
        elif kernel.counters != counters and without_own_answers(exchange, kernel) == counters:
            meant[COUNTERS] = OWN_ANSWERS
        elif kernel.counters != counters and any(is_cut(step) for _, step in exchange.injections()):
            meant[COUNTERS] = CUT
        elif kernel.counters != counters:
            unexplained[COUNTERS] = ("counters",)
    return Comparison(meant, unexplained, frozenset(director.unable))


def occurrences() -> Mapping[str, int]:
    """Count in how many frames each deliberate difference shows."""
    found = (compared(topic, each.name).meant for topic, some in able().items() for each in some)
    counted = Counter(rule.what for meant in found for rule in meant.values())
    return {rule.what: counted[rule.what] for rule in DIFFERENCES}


def _meant(seen: Seen) -> Deliberate | None:
    """Find what explains a difference, or what is left of it beside connections of the director's own."""
    if not seen.respects:
        return None
    views = (seen, levelled(seen))
    return next((rule for view in views for rule in DIFFERENCES if rule.rule(view)), None)


def _sights(exchange: Exchange, kernel: Recorded, ours: tuple[Reaction, ...], late: range) -> Iterator[Seen]:
    """Put together what is to be judged of each frame."""
    before: tuple[Inject, ...] = ()
    earlier: tuple[Reaction, ...] = ()
    left: frozenset[Endpoint] = frozenset()
    last = exchange.setting
    for (setting, step), theirs, own in zip(exchange.injections(), kernel.reactions, ours, strict=False):
        left |= lingering(last, setting)
        respects = disagreements(theirs, own, step.frame, late)
        yield Seen(setting, step, theirs, own, respects, before, earlier, left)
        before, earlier, last = (*before, step), (*earlier, theirs), setting


def _without_own_errors(exchange: Exchange, kernel: Recorded) -> Counters:
    """The kernel's counters without the errors that its director itself sent about DR and TUN connections."""
    counters = dict(kernel.counters)
    standing: frozenset[Entry] = frozenset()
    for (setting, step), reaction in zip(exchange.injections(), kernel.reactions, strict=False):
        packet = parsed.frame(step.frame)
        protocol, address, port = packet.ends()[0] if packet else (0, "0.0.0.0", 0)
        client = endpoint(IPAddress(address), port)
        for _, frame in reaction.out:
            for entry in reaction.entries or standing if _is_own_error(frame) else ():
                if (entry.protocol, entry.client) == (protocol, client):
                    _take_back(counters, setting, entry, len(frame) - parsed.ETHERNET)
        standing = reaction.entries
    return counters


def _is_own_error(frame: bytes) -> bool:
    packet = parsed.frame(frame)
    if packet is None or packet.protocol not in (parsed.ICMP, parsed.ICMPV6):
        return False
    return tuple(packet.body[:2]) in OF_ITS_OWN[packet.version]


def _take_back(counters: dict[tuple[str, str], Counts], setting: Setting, entry: Entry, length: int) -> None:
    """Undo that a packet was counted as a reply of a DR or TUN server's, there and at its service."""
    for service in setting.configuration.services:
        name = str(service.key)
        methods = {destination.endpoint: destination.method for destination in service.destinations}
        named = _named(entry, methods)
        method = methods.get(named, ForwardingMethod.NAT)
        if _is_of(entry, service) and method is not ForwardingMethod.NAT:
            for key in ((name, ""), (name, named)):
                if key not in counters:
                    continue
                counts = counters[key]
                counters[key] = replace(
                    counts, packets_out=counts.packets_out - 1, bytes_out=counts.bytes_out - length
                )


def _is_of(entry: Entry, service: VirtualService) -> bool:
    """Whether a connection may be a service's: it has its address and port, or the service has every one."""
    where = str(service.key).split(":", 1)[1]
    return bool(service.key.mark) or where in (entry.virtual, f"{entry.virtual.rpartition(':')[0]}:0")


def _named(entry: Entry, known: Iterable[str]) -> str:
    """Return the destination's name, whose port is 0 where it is the client's choice."""
    anywhere = f"{entry.destination.rpartition(':')[0]}:0"
    return entry.destination if entry.destination in known else anywhere
