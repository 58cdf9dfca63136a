# SPDX-License-Identifier: Apache-2.0
"""Print where the director differs from the kernel: `python -m tests.interop.explain TOPIC [PART OF A NAME]`.

For whoever works on a topic: frame by frame, what arrived, what the kernel did, what the director does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from scapy.layers.l2 import Ether

from tests.interop.comparison import COUNTERS, compared, exchanges, recorded
from tests.interop.exchange import Exchange
from tests.interop.recording import Reaction
from tests.interop.replay import Director


def main(topic: str, part: str = "") -> None:
    chosen = [exchange for exchange in exchanges()[topic] if part in exchange.name]
    worse = 0
    for exchange in chosen:
        lines = tuple(differences(topic, exchange))
        worse += bool(lines)
        print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{topic}: {len(chosen) - worse} of {len(chosen)} exchanges agree")


def differences(topic: str, exchange: Exchange) -> Iterator[str]:
    try:
        unexplained = compared(topic, exchange.name).unexplained
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is to be seen
        yield f"{exchange.name}: {type(error).__name__}: {error}"
        return
    if not unexplained:
        return
    yield f"{exchange.name}:"
    kernel, director = recorded(topic, exchange), Director(exchange)
    ours = director.reactions()
    for number, (_, step) in enumerate(exchange.injections(), start=1):
        if number in unexplained:
            yield f"  frame {number}: {said(step.frame)}: {', '.join(unexplained[number])}"
            yield from reaction("kernel", kernel.reactions[number - 1])
            yield from reaction("director", ours[number - 1])
    if COUNTERS in unexplained:
        yield f"  counters: kernel {dict(kernel.counters)}\n  director {dict(director.counters())}"


def reaction(who: str, what: Reaction) -> Iterator[str]:
    yield f"    {who}:"
    yield from (f"      sends {said(frame)} {frame[:120].hex()} {len(frame)}" for _, frame in what.out)
    yield from (f"      lists {entry}" for entry in sorted(what.entries, key=str))
    yield f"      loads {sorted(what.loads)}"


def said(frame: bytes) -> str:
    return str(Ether(frame).summary())


if __name__ == "__main__":
    main(*sys.argv[1:])
