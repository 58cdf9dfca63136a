# SPDX-License-Identifier: Apache-2.0
"""What is done against a flood while memory is short: kernel IPVS's drop_entry, drop_packet, secure_tcp.

Each has a level: 0 off, 1 and 2 while less memory is free than amemthresh says, 3 always. Decided anew each
second from how much is free; who finds that out, and who carries it out, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from director.model import Tunables

TICK_SECONDS = 1
ALWAYS = 3


@dataclass(frozen=True, slots=True)
class Defence:
    """What to do this second: `rate` is 0 while memory is enough, else of so many new connections drop_packet
    refuses one; `drops_entries` ends half-open and quiet connections.
    """

    rate: int = 0
    drops_entries: bool = False


def defence(tunables: Tunables, available: int) -> Defence:
    """Decide for this many available pages of 4 KiB."""
    short = available < tunables.amemthresh
    rate = tunables.amemthresh // (tunables.amemthresh - available) if short else 0
    return Defence(rate, tunables.drop_entry == ALWAYS or (tunables.drop_entry > 0 and short))
