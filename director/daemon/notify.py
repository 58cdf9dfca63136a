# SPDX-License-Identifier: Apache-2.0
"""Tell the service manager how we are: systemd's notify protocol (sd_notify(3)), and its watchdog.

Nothing happens where no manager listens; a manager that went away is no reason to fail.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where to send, and how often the manager wants to hear that we live (seconds; None: never)."""

    address: str | None
    watchdog: float | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC; WATCHDOG_PID says for whom that is, if it is there."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        wanted = int(microseconds) / MICROSECONDS if ours and microseconds.isdigit() else None
        return cls(environment.get("NOTIFY_SOCKET") or None, wanted or None)

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self.address is None:
            return
        path = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.connect(path)
            sender.send(message.encode())
