# SPDX-License-Identifier: Apache-2.0
"""Choose what carries each interface's packets, and say why.

What was asked for is taken or refused, never replaced. AUTO takes the fastest that loses nothing: `xdp` on
network cards whose driver takes it, `tc` on all else, and `packet` for all where the kernel takes no eBPF.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

import structlog

from director.checking.xdp import doubts, hindrances, own_hindrances
from director.daemon.carrier import Datapath
from director.datapath.ebpf import EbpfDatapath
from director.datapath.errors import DatapathError
from director.datapath.memory import Holders
from director.datapath.packet import PacketDatapath
from director.datapath.pinned import Pinned
from director.host.cards import look_at
from director.host.drivers import VIRTUAL
from director.model import Settings
from director.model.card import Card
from director.model.configuration import Carriage, DatapathKind

log = structlog.get_logger()

ASKED_FOR = "asked for"
FILL_IN = "senders here must fill checksums in, or xdp forwards wrong ones: ethtool -K IFNAME tx off there"

Look = Callable[[int], Card]


class Asked:
    """The one that was asked for, everywhere; `look` tells what an interface is."""

    def __init__(self, kind: DatapathKind, look: Look) -> None:
        self._kind = kind
        self._look = look

    def carriage(self, index: int) -> Carriage:
        """Return what was asked for; DatapathError where it is known not to forward whole frames there."""
        if self._kind is not DatapathKind.XDP:
            return Carriage(self._kind, ASKED_FOR)
        card = self._look(index)
        known = hindrances(card)
        if known:
            raise DatapathError(errno.EOPNOTSUPP, "; ".join(map(str, known)))
        return Carriage(self._kind, ASKED_FOR, _doubt(card))

    def instead(self, error: DatapathError) -> Carriage:
        raise error


class Best:
    """The best for each interface; `look` tells what it is."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def carriage(self, index: int) -> Carriage:
        card = self._look(index)
        if card.driver is None:
            return Carriage(DatapathKind.TC, "it does not say what its driver is")
        if card.driver in VIRTUAL:
            return Carriage(DatapathKind.TC, f"{card.driver}: frames come large, and checksums not filled in")
        known = [finding.what for finding in own_hindrances(card)]
        if known:
            return Carriage(DatapathKind.TC, "; ".join(known))
        return Carriage(DatapathKind.XDP, f"{card.driver} takes the program")

    def instead(self, error: DatapathError) -> Carriage:
        return Carriage(DatapathKind.TC, str(error))


def _doubt(card: Card) -> str:
    """Say what may go wrong on a link within the machine, and can not be seen from here."""
    unseen = [f"{finding.what}; {finding.remedy}" for finding in doubts(card)]
    if card.driver in VIRTUAL and card.peer is None:
        return FILL_IN
    return "; ".join(unseen)


def make_datapath(settings: Settings, holders: Holders, pinned: Pinned) -> Datapath:
    """Make what `settings.datapath` names; DatapathError where the machine does not have it."""
    kind = settings.datapath
    if kind is DatapathKind.PACKET:
        return PacketDatapath(settings, holders, ASKED_FOR)
    if kind is not DatapathKind.AUTO:
        return EbpfDatapath(settings, holders, Asked(kind, look_at), pinned)
    try:
        return EbpfDatapath(settings, holders, Best(look_at), pinned)
    except DatapathError as error:
        log.warning("no data path in the kernel", why=str(error), then="packet carries all")
        return PacketDatapath(settings, holders, str(error))
