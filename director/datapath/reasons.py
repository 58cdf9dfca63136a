# SPDX-License-Identifier: Apache-2.0
"""Write docs/reasons.md: every reason for which a packet can end. The list itself is native/reason.h's.

python -m director.datapath.reasons > docs/reasons.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from director.model.counters import ReasonCount, Verdict

HEAD = """\
<!-- Written by `python -m director.datapath.reasons > docs/reasons.md`; a test compares. -->

# Verdicts and reasons

Every packet that the director looks at ends in a verdict and one reason, which is counted. No packet is
logged; `director stats --reasons` shows the counts.
"""

SECTIONS: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        Verdict.PASS: ("pass", "Not the director's: the local stack may have it."),
        Verdict.DROP: (
            "drop",
            "The director's, and it ends here: nothing leaves, and the local stack gets nothing.",
        ),
        Verdict.TRANSMIT: ("transmit", "Forwarded, or answered by the director itself."),
    }
)

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "dest_unresolved": "`director status` names the next hop that is missing and why.",
        "dest_removed": "Add the server again and its connections go on, or set `expire_nodest_conn = 1`.",
        "icmp_limited": "Raise `icmp_msgs_per_sec`, after a look at who sends such packets.",
        "no_dest": "All servers of the service are deleted or have weight 0.",
        "rst_sent": "Many at once: connections idle beyond their timeout, or a director just started.",
        "no_fragments": "Give the way to the server an MTU that fits, or use the `packet` data path there.",
        "rx_oversize": "Switch `gro` off on the interface, or lower its `gro_max_size`.",
        "table_full": "Raise `connections`, or shorten the timeouts.",
        "too_big": "The path to the server is narrower than the client's: usually a tunnel. "
        "`realserver up --method tun` asks clients for smaller segments.",
        "ttl_expired": "Somebody traces the route, or packets go in a circle.",
        "tx_failed": "`ip -s link` and the kernel's log say what the interface has.",
    }
)


def page(reasons: Iterable[ReasonCount]) -> str:
    """Write the whole page."""
    known = tuple(reasons)
    return "\n".join((HEAD, *(_section(verdict, known) for verdict in SECTIONS)))


def _section(verdict: Verdict, reasons: tuple[ReasonCount, ...]) -> str:
    title, sentence = SECTIONS[verdict]
    rows = [_row(reason) for reason in reasons if reason.verdict is verdict]
    return "\n".join(
        (
            f"## {title}",
            "",
            sentence,
            "",
            "| reason | the packet | advice |",
            "| --- | --- | --- |",
            *rows,
            "",
        )
    )


def _row(reason: ReasonCount) -> str:
    return f"| `{reason.reason}` | {reason.sentence} | {ADVICE.get(reason.reason, '')} |"


if __name__ == "__main__":
    from director.datapath import memory

    sys.stdout.write(page(memory.reasons()))
