# SPDX-License-Identifier: Apache-2.0
"""Choose what carries each interface's packets, and say why.

What was asked for is taken or refused, never replaced. AUTO takes the fastest that loses nothing: `xdp` on
network cards whose driver takes it, `tc` on all else, and `packet` for all where the kernel takes no eBPF.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from director.daemon.carrier import Datapath
from director.datapath.ebpf import EbpfDatapath
from director.datapath.errors import DatapathError
from director.datapath.memory import Holders
from director.datapath.packet import PacketDatapath
from director.host.drivers import VIRTUAL, driver
from director.host.offloads import Offload, offloads
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind

log = structlog.get_logger()

ASKED_FOR = "asked for"
MERGING = frozenset({Offload.LRO, Offload.GRO_HW})


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know of an interface; `driver` is None where it does not say."""

    driver: str | None
    offloads: frozenset[Offload] = frozenset()


class Asked:
    """The one that was asked for, everywhere."""

    def __init__(self, kind: DatapathKind) -> None:
        self._carriage = Carriage(kind, ASKED_FOR)

    def carriage(self, index: int) -> Carriage:  # noqa: ARG002 - each interface is carried alike
        return self._carriage

    def instead(self, error: DatapathError) -> Carriage:
        raise error


class Best:
    """The best for each interface; `look` tells what it is."""

    def __init__(self, look: Callable[[int], Card]) -> None:
        self._look = look

    def carriage(self, index: int) -> Carriage:
        card = self._look(index)
        if card.driver is None:
            return Carriage(DatapathKind.TC, "it does not say what its driver is")
        if card.driver in VIRTUAL:
            return Carriage(DatapathKind.TC, f"{card.driver}: frames come large, and checksums not filled in")
        merging = sorted(one.value for one in card.offloads & MERGING)
        if merging:
            return Carriage(DatapathKind.TC, f"{card.driver} merges frames: {', '.join(merging)} is on")
        return Carriage(DatapathKind.XDP, f"{card.driver} takes the program")

    def instead(self, error: DatapathError) -> Carriage:
        return Carriage(DatapathKind.TC, str(error))


def look_at(index: int) -> Card:
    """Ask the kernel."""
    with suppress(OSError):  # it may have gone a moment ago
        name = socket.if_indextoname(index)
        return Card(driver(name), offloads(name))
    return Card(None)


def make_datapath(settings: Settings, holders: Holders) -> Datapath:
    """Make what `settings.datapath` names; DatapathError where the machine does not have it."""
    kind = settings.datapath
    if kind is DatapathKind.PACKET:
        return PacketDatapath(settings, holders, ASKED_FOR)
    if kind is not DatapathKind.AUTO:
        return EbpfDatapath(settings, holders, Asked(kind))
    try:
        return EbpfDatapath(settings, holders, Best(look_at))
    except DatapathError as error:
        log.warning("no data path in the kernel", why=str(error), then="packet carries all")
        return PacketDatapath(settings, holders, str(error))
