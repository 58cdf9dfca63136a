# SPDX-License-Identifier: Apache-2.0
"""What a kernel's synchronisation daemons said, as record.py wrote it down."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parent / "recording.json"
UDP_HEADER = 8


@cache
def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDING.read_text())
    return found


def masters() -> tuple[str, ...]:
    return tuple(name for name in read() if name.startswith("master: "))


def heard(name: str) -> tuple[bytes, ...]:
    """Return the datagrams of an exchange, without IP and UDP headers."""
    return tuple(map(payload, map(bytes.fromhex, read()[name]["heard"])))


def payload(packet: bytes) -> bytes:
    return packet[(packet[0] & 15) * 4 + UDP_HEADER :] if packet[0] >> 4 == 4 else packet[40 + UDP_HEADER :]
