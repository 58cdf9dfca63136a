# SPDX-License-Identifier: Apache-2.0
"""Which director this is, at each of its starts: by its network namespace and its control socket."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from pathlib import Path

from director.daemon.journal import own_namespace
from director.datapath.attachment import hold_name
from director.datapath.errors import DatapathError

PATIENCE = 2.0
LOOK_SECONDS = 0.02


def identity_of(namespace: int, control_socket: Path) -> str:
    """Name a director, in few letters that may stand in a file's name."""
    path = control_socket.parent.resolve() / control_socket.name
    return hashlib.sha256(f"{namespace}:{path}".encode()).hexdigest()[:12]


async def hold_identity(control_socket: Path) -> socket.socket:
    """Be this director until the socket is closed; DatapathError while another process is, and stays."""
    name = f"identity/{identity_of(own_namespace(), control_socket)}"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return hold_name(name, f"a director is starting, running or ending on {control_socket}")
        except DatapathError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOK_SECONDS)
