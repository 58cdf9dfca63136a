# SPDX-License-Identifier: Apache-2.0
"""Make the data path that was asked for; it says of each interface what carries it, and why."""

from __future__ import annotations

from director.daemon.carrier import Datapath
from director.datapath.ebpf import EbpfDatapath
from director.datapath.errors import DatapathError
from director.datapath.memory import Holders
from director.datapath.packet import PacketDatapath
from director.model import Settings
from director.model.configuration import Carriage, DatapathKind

ASKED_FOR = "asked for"
EVERYWHERE = "the data path that every kernel with packet sockets has"


class Asked:
    """The one that was asked for, everywhere."""

    def __init__(self, kind: DatapathKind) -> None:
        self._carriage = Carriage(kind, ASKED_FOR)

    def carriage(self, index: int) -> Carriage:  # noqa: ARG002 - each interface is carried alike
        return self._carriage

    def instead(self, error: DatapathError) -> Carriage:
        raise error


def make_datapath(settings: Settings, holders: Holders) -> Datapath:
    """Make what `settings.datapath` names; DatapathError where the machine does not have it."""
    kind = settings.datapath
    if kind in (DatapathKind.TC, DatapathKind.XDP):
        return EbpfDatapath(settings, holders, Asked(kind))
    return PacketDatapath(settings, holders, ASKED_FOR if kind is DatapathKind.PACKET else EVERYWHERE)
