# SPDX-License-Identifier: Apache-2.0
"""What a kernel's IPVS made of each walk through the states (walks.py says what they are)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parent / "recordings" / "walks.json"


@cache
def _recording() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(RECORDING.read_text())
    return loaded


def recorded(lot: str) -> Mapping[str, str]:
    """Return the state at the end of each walk, as ipvsadm prints it; empty where there is no connection."""
    states: Mapping[str, str] = _recording()[lot]
    return states
