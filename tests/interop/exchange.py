# SPDX-License-Identifier: Apache-2.0
"""An exchange: a setting, and frames that arrive one after the other, for the kernel and for us alike.

It says nothing of what must come out; the kernel's recorded answers say that. The frames are those of the
packet table where the kernel can be asked the same thing, and this room's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from director.model import Timeouts
from tests.interop.orders import SETTABLE
from tests.packets.case import WHOLE, Apply, Case, Packet, Send, Step
from tests.packets.network import SERVERS, Setting, hop

PATIENCE = 3000  # ms: a case that takes longer is about timers, and the kernel's clock can't be wound forward


@dataclass(frozen=True, slots=True)
class Inject:
    """A frame arrives on an interface."""

    interface: int
    frame: bytes

    @property
    def digest(self) -> str:
        """Name the frame in a recording, where it need not stand itself."""
        return hashlib.sha256(bytes([self.interface]) + self.frame).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A sentence, a setting, and what happens then."""

    name: str
    setting: Setting
    steps: tuple[Inject | Apply, ...]

    def injections(self) -> Iterator[tuple[Setting, Inject]]:
        """Walk through the frames, each with the setting that it arrives under."""
        current = self.setting
        for step in self.steps:
            if isinstance(step, Apply):
                current = step.setting
            else:
                yield current, step

    def settings(self) -> tuple[Setting, ...]:
        return (self.setting, *(step.setting for step in self.steps if isinstance(step, Apply)))


def arriving(interface: int, *frames: Packet) -> tuple[Inject, ...]:
    return tuple(Inject(interface, bytes(frame)) for frame in frames)


def exchange_of(case: Case) -> Exchange | None:
    """Put a packet case to the kernel, unless it is about what no frame on a wire can say."""
    if any(map(_is_beyond_the_wire, case.steps)) or not _is_soon_over(case):
        return None
    steps = tuple(step for step in map(_asked, case.steps) if step is not None)
    exchange = Exchange(case.name, case.setting, steps)
    return exchange if all(map(_is_usual, exchange.settings())) else None


def _asked(step: Step) -> Inject | Apply | None:
    match step:
        case Send(interface=interface, frame=frame):
            return Inject(interface, bytes(frame))
        case Apply():
            return step
    return None


def _is_beyond_the_wire(step: Step) -> bool:
    """Whether this is a super-frame, lacks a checksum, is too short to be sent, or asks what time it is."""
    if not isinstance(step, Send):
        return False
    frame = bytes(step.frame)
    asks_time = frame[23:24] == b"\1" and frame[34:35] in (b"\x0d", b"\x0e")
    return step.offload != WHOLE or len(frame) < 14 or asks_time


def _is_soon_over(case: Case) -> bool:
    times = [step.at for step in case.steps if not isinstance(step, Apply) and hasattr(step, "at")]
    return all(later - earlier <= PATIENCE for earlier, later in pairwise([0, *times]))


def _is_usual(setting: Setting) -> bool:
    """Whether every real server is reached by the inner interface, over a path of any MTU, and no timeout
    differs that the kernel lets nobody change."""
    usual = {name: getattr(Timeouts(), name) for name in SETTABLE}
    if replace(setting.configuration.timeouts, **usual) != Timeouts():
        return False
    ways = {str(address): way for address, way in setting.hops.items()}
    there = {address for address in ways if address in SERVERS}
    return there == set(SERVERS) and all(way == hop(server, mtu=way.mtu) for server, way in ways.items())
