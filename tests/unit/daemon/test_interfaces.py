# SPDX-License-Identifier: Apache-2.0
"""Which interfaces are taken, in what order they are taken up and let go."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from netaddr import EUI

from director.daemon.interfaces import Interfaces
from director.datapath.errors import DatapathError
from director.model import Link
from director.model.configuration import Carriage, DatapathKind

MAC = EUI("02-00-00-00-00-01")
LO = Link(1, "lo", None, 65536, up=True)
ETH0, ETH1 = Link(2, "eth0", MAC, 1500, up=True), Link(3, "eth1", MAC, 1500, up=True)
PORT = Link(4, "port0", MAC, 1500, up=True)
DOWN = Link(5, "eth2", MAC, 1500, up=False)
TAP = 9


@dataclass
class Shells:
    """The watcher, the attachments and the data path in one; `told` is what the last two heard, in order."""

    links: dict[int, Link]
    told: list[tuple[Any, ...]] = field(default_factory=list)
    refused: set[tuple[str, int]] = field(default_factory=set)

    def is_port(self, interface: int) -> bool:
        return interface == PORT.index

    async def attach(self, interface: int) -> None:
        self._hear("attach", interface)

    async def detach(self, interface: int) -> None:
        self._hear("detach", interface)

    def carriage(self, index: int) -> Carriage:
        return Carriage(DatapathKind.XDP, f"interface {index}")

    async def follow(self) -> None:
        self.told.append(("follow",))

    def add_interface(self, index: int, filter_fd: int) -> None:
        assert filter_fd == TAP
        self._hear("add", index)

    def remove_interface(self, index: int) -> None:
        self._hear("remove", index)

    def _hear(self, what: str, index: int) -> None:
        self.told.append((what, index))
        if (what, index) in self.refused:
            raise DatapathError(errno.EBUSY, "taken")


def made(names: Sequence[str] = (), *links: Link) -> tuple[Interfaces, Shells]:
    shells = Shells({link.index: link for link in links or (LO, ETH0, ETH1, PORT, DOWN)})
    return Interfaces(names, shells, shells, shells, TAP), shells  # type: ignore[arg-type]


def test_without_names_every_ethernet_interface_that_is_up_and_no_port_is_taken() -> None:
    interfaces, shells = made()
    asyncio.run(interfaces.take_all())
    assert interfaces.taken == (ETH0.index, ETH1.index)
    assert shells.told == [
        *(("attach", 2), ("add", 2), ("follow",)),
        *(("attach", 3), ("add", 3), ("follow",)),
    ]


def test_named_interfaces_are_taken_in_the_order_of_their_names() -> None:
    interfaces, _ = made(("eth1", "eth2", "eth0"))
    asyncio.run(interfaces.take_all())
    assert (interfaces.taken, interfaces.missing) == ((ETH1.index, ETH0.index), ("eth2",))


def test_what_is_no_ethernet_interface_is_told_from_what_may_still_come() -> None:
    interfaces, _ = made(("lo", "eth2", "eth7"))
    assert [interfaces.is_no_ethernet(name) for name in interfaces.missing] == [True, False, False]


def test_a_named_port_is_the_operators_wish() -> None:
    interfaces, _ = made(("port0",))
    asyncio.run(interfaces.take_all())
    assert interfaces.taken == (PORT.index,)


def test_an_interface_that_comes_up_is_taken_once() -> None:
    interfaces, _ = made(("eth2",))
    up = Link(5, "eth2", MAC, 1500, up=True)
    answers = [asyncio.run(interfaces.link_changed(link)) for link in (DOWN, up, up)]
    assert (answers, interfaces.taken) == ([False, True, False], (5,))


def test_one_that_goes_down_stays_taken_until_it_is_gone() -> None:
    interfaces, shells = made(("eth0",), ETH0)
    asyncio.run(interfaces.take_all())
    assert not asyncio.run(interfaces.link_changed(Link(2, "eth0", MAC, 1500, up=False)))
    assert interfaces.taken == (2,)
    asyncio.run(interfaces.let_go(2))
    asyncio.run(interfaces.let_go(2))
    assert shells.told == [("attach", 2), ("add", 2), ("follow",), ("remove", 2), ("detach", 2)]


def test_the_guard_does_not_stay_where_the_data_path_can_not_go() -> None:
    interfaces, shells = made(("eth0",), ETH0)
    shells.refused.add(("add", 2))
    with pytest.raises(DatapathError, match="taken"):
        asyncio.run(interfaces.take_all())
    assert shells.told == [("attach", 2), ("add", 2), ("detach", 2)]


def test_a_refusal_while_running_is_no_end_and_is_tried_again() -> None:
    interfaces, shells = made(("eth0",), ETH0)
    shells.refused.add(("attach", 2))
    assert not asyncio.run(interfaces.link_changed(ETH0))
    shells.refused.clear()
    assert asyncio.run(interfaces.link_changed(ETH0))


def test_all_are_let_go_at_the_end() -> None:
    interfaces, _ = made()
    asyncio.run(interfaces.take_all())
    asyncio.run(interfaces.let_all_go())
    assert interfaces.taken == ()
