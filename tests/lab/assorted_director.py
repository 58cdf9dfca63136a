# SPDX-License-Identifier: Apache-2.0
"""A director that takes some interfaces for network cards: there `auto` chooses `xdp`, and `tc` elsewhere.

For a lab, where every interface is a veth: python assorted_director.py CONFIG IFNAME... in the director's
node. But for what it is told of these interfaces, it is the director that runs everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from director.daemon import Options, choosing, run
from director.host.cards import look_at
from director.model.card import Card


def main(config: Path, names: Sequence[str]) -> int:
    def look(index: int) -> Card:
        card = look_at(index)
        return replace(card, driver="card") if card.name in names else card

    setattr(choosing, "look_at", look)  # noqa: B010 - it is the seam, and choosing does not export it
    return run(Options(config=config))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
