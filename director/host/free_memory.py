# SPDX-License-Identifier: Apache-2.0
"""How much memory is free, as kernel IPVS counts it for its defences: free pages and those of buffers."""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
PAGE_KIB = 4
COUNTED = ("MemFree", "Buffers")


def available_pages(meminfo: Path = MEMINFO) -> int:
    """Count the available pages of 4 KiB."""
    lines = (line.partition(":") for line in meminfo.read_text().splitlines())
    return sum(int(value.split()[0]) for name, _, value in lines if name in COUNTED) // PAGE_KIB
