# SPDX-License-Identifier: Apache-2.0
"""Free memory in pages, as the kernel's IPVS counts it."""

from __future__ import annotations

from pathlib import Path

from director.host.free_memory import available_pages


def test_free_pages_and_buffers_are_counted_and_caches_are_not(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemFree: 400 kB\nBuffers: 40 kB\nCached: 4000 kB\nHugePages: 0\n")
    assert available_pages(meminfo) == 110


def test_this_host_has_some() -> None:
    assert available_pages() > 0
