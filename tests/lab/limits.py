# SPDX-License-Identifier: Apache-2.0
"""What a data path can not take, and why: the whole list, so that no test of forwarding leaves anything else
out.

test_forwarding_limits.py makes each attempt: an entry that is no longer true fails. The limits that only the
kernel's test run has are in tests/packets/limits.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Given(Enum):
    """What a data path may be given to forward."""

    UNFILLED = "frames that come with a checksum which the hardware shall fill in"
    SUPER_FRAMES = "frames that come larger than the wire, for the hardware to cut"
    TO_BE_FRAGMENTED = "packets without DF that are larger than the way on"


ONE_FOR_ONE = "a program sends one frame for one: what has to be cut into fragments is dropped and counted"
LIMITS: Mapping[tuple[str, Given], str] = {
    ("xdp", Given.UNFILLED): "the driver's program sees a frame before anybody fills its checksum in",
    ("xdp", Given.SUPER_FRAMES): "the kernel cuts frames to the wire's size before the driver's program",
    ("xdp", Given.TO_BE_FRAGMENTED): ONE_FOR_ONE,
    ("tc", Given.TO_BE_FRAGMENTED): ONE_FOR_ONE,
}


def takes(datapath: str, given: Given) -> bool:
    """Say whether a data path forwards what it is given."""
    return (datapath, given) not in LIMITS
