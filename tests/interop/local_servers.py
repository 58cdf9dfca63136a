# SPDX-License-Identifier: Apache-2.0
"""A server that is the director itself: what the kernel's IPVS knows of it, and the director does not.

The kernel sees what its own stack answers as a server. Nothing else may differ by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netaddr import IPAddress

from director.model import Destination, VirtualService
from director.model.service import endpoint
from tests.interop import parsed
from tests.interop.exchange import Exchange, Inject
from tests.interop.guard import OWN_ADDRESSES
from tests.interop.normal import disagreements
from tests.interop.recognised import Seen
from tests.interop.recording import Counters, Load, Reaction, Recorded
from tests.packets.case import Counts, Entry, State
from tests.packets.network import Setting

ACTIVE = (State.SYN_RECV, State.ESTABLISHED)


def resets_end_connections(seen: Seen) -> bool:
    """The kernel saw its own stack's resets, and closed those connections; all else is the same."""
    return levelled(seen).respects == ()


def translates_here(seen: Seen) -> bool:
    """The frame is of a connection to a NAT server on this host, whose answer the kernel sends."""
    entry = own_connection(seen.step, seen.setting, seen.kernel)
    if entry is None or len(seen.kernel.out) != 1 or seen.ours.out:
        return False
    return is_translated(entry, seen.setting) and levelled(seen).respects == ("frames",)


def levelled(seen: Seen) -> Seen:
    """Give the kernel's reaction our state of the connections that its own stack closed."""
    entries, loads = set(seen.kernel.entries), set(seen.kernel.loads)
    for ours in seen.ours.entries:
        theirs = replace(ours, state=State.CLOSE)
        closed = [entry for entry in entries if replace(entry, expires=ours.expires) == theirs]
        if server_of(ours, seen.setting) is None or ours.state is State.CLOSE or not closed:
            continue
        entries = entries - set(closed) | {ours}
        if ours.state in ACTIVE:
            loads = {reopened(load, ours) for load in loads}
    kernel = replace(seen.kernel, entries=frozenset(entries), loads=frozenset(loads))
    return replace(seen, kernel=kernel, respects=disagreements(kernel, seen.ours, seen.step.frame))


def reopened(load: Load, entry: Entry) -> Load:
    """Count a connection as active that was counted as inactive at its server."""
    service, destination, active, inactive = load
    if (service.split(":", 1)[1], destination) != (entry.virtual, entry.destination):
        return load
    return service, destination, active + 1, inactive - 1


def own_connection(step: Inject, setting: Setting, kernel: Reaction) -> Entry | None:
    """Find a client's connection to a server that is the director itself."""
    packet = parsed.frame(step.frame)
    if packet is None or not packet.has_ports():
        return None
    client, virtual = (endpoint(IPAddress(address), port) for _, address, port in packet.ends())
    ends = (packet.protocol, client, virtual)
    found = (entry for entry in kernel.entries if (entry.protocol, entry.client, entry.virtual) == ends)
    return next((entry for entry in found if server_of(entry, setting)), None)


def server_of(entry: Entry, setting: Setting) -> tuple[VirtualService, Destination] | None:
    """Return whose connection this is, if that server is the director itself."""
    for service in setting.configuration.services:
        for one in service.destinations:
            known = str(service.key).split(":", 1)[1], one.endpoint
            if str(one.address) in OWN_ADDRESSES and known == (entry.virtual, entry.destination):
                return service, one
    return None


def is_translated(entry: Entry, setting: Setting) -> bool:
    found = server_of(entry, setting)
    return found is not None and found[0].translates(found[1])


def without_own_answers(exchange: Exchange, kernel: Recorded) -> Counters:
    """The kernel's counters without what its own stack answered as a server."""
    counters = dict(kernel.counters)
    for (setting, step), reaction in zip(exchange.injections(), kernel.reactions, strict=True):
        entry = own_connection(step, setting, reaction)
        found = server_of(entry, setting) if entry else None
        for key in keys(*found) if found else ():
            counters[key] = less(counters[key], reaction)
    return counters


def keys(service: VirtualService, destination: Destination) -> Iterator[tuple[str, str]]:
    yield str(service.key), ""
    yield str(service.key), destination.endpoint


def less(counts: Counts, reaction: Reaction) -> Counts:
    """Undo that all the frames of a reaction were counted as replies."""
    length = sum(len(frame) - parsed.ETHERNET for _, frame in reaction.out)
    packets_out, bytes_out = counts.packets_out - len(reaction.out), counts.bytes_out - length
    return replace(counts, packets_out=packets_out, bytes_out=bytes_out)
