# SPDX-License-Identifier: Apache-2.0
"""Which cases the eBPF hosts can not show, and why: the whole list, so that nothing else is left out.

Each limit says what the attempt shows, and test_cases.py makes the attempt: an entry that is no longer true
fails. What the kernel's test run can not be given is shown in the lab instead, on a wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tests.packets.cases import CASES


@dataclass(frozen=True, slots=True)
class Limit:
    """Why cases can not be shown, what the attempt shows instead, and the names of the cases."""

    reason: str
    shows: str
    cases: tuple[str, ...]


FRAGMENTS = Limit(
    "eBPF can not send two frames for one: what needs fragments is dropped and counted",
    "no_fragments",
    (
        "tunnel: a packet of 1481 bytes without DF goes into the tunnel, and the outer packet is fragmented",
        "tunnel: a packet of 1500 bytes without DF goes into the tunnel, and the outer packet is fragmented",
        "tunnel: an outer packet may need more than two fragments",
        *(
            f"tunnel_kinds: IPv4 in IPv4 by {kind}: with pmtu_disc 0 the outer packet is cut although the "
            "inner one forbids it"
            for kind in ("ipip", "gre", "gue")
        ),
        "limits: 1001 bytes without DF are fragmented for a next hop of 1000 with dr",
        "limits: 1500 bytes without DF are fragmented for a next hop of 1000 with dr",
        "limits: 1001 bytes without DF are fragmented for a next hop of 1000 with nat",
        "limits: 1500 bytes without DF are fragmented for a next hop of 1000 with nat",
    ),
)
STUMPS = Limit(
    "no driver hands such a frame on, and a test run takes none",
    "a test run takes no such frame",
    ("passing: frames that end within Ethernet's header are not forwarded",),
)
HEADLESS = Limit(
    "newer kernels give a classifier no IPv4 frame in a test run that has no whole IPv4 header",
    "a test run takes no such frame",
    (
        "passing: frames that end within IP's header are not forwarded",
        "hostile_ipv6: frames that end within the IPv6 header are not forwarded",
    ),
)
WHOLE_ONLY = Limit(
    "XDP is shown whole frames only",
    "a frame at the driver is whole",
    tuple(case.name for case in CASES if case.name.startswith(("offload: ", "offload_ipv6: "))),
)
SUPER_FRAMES = Limit(
    "a test run can not be told what kind of super-frame it is",
    "a test run knows no kind of super-frame",
    tuple(case.name for case in CASES if "super-frame" in case.name),
)
UNDONE = Limit(
    "in a test run the kernel takes each checksum for a whole one, and adapts it as such",
    "frame 0 got",
    (
        "offload: NAT: an undone checksum follows the pseudo-header alone",
        "offload_ipv6: nat: an undone checksum of a segment",
        "offload_ipv6: nat: an undone checksum of a datagram",
    ),
)
LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "xdp": (FRAGMENTS, STUMPS, WHOLE_ONLY),
    "tc": (FRAGMENTS, STUMPS, HEADLESS, SUPER_FRAMES, UNDONE),
}


@cache
def declared(host: str) -> Mapping[str, Limit]:
    """Return the cases that a host can not show, by name."""
    return {name: limit for limit in LIMITS.get(host, ()) for name in limit.cases}
