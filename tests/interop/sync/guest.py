#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside User-Mode Linux: a kernel director whose synchronisation is listened to and spoken to.

It is the guest's init, as `tests/interop/guest.py` is, and knows the standard library and that file alone.
An exchange is steps in a namespace of its own: a command, a frame to the director, a datagram to its backup
daemon, or a wait; the answer is every datagram that its master daemon sent, and its connections at the end.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

SPEC = importlib.util.spec_from_file_location("guest", Path(__file__).parents[1] / "guest.py")
assert SPEC is not None
assert SPEC.loader is not None
guest: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(guest)

WIRE = "sync1"  # the far end of the wire between the two directors
ETHERNET = 14


class Wire:
    """The far end of the wire on which directors synchronise."""

    def __init__(self) -> None:
        self._tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, guest.EVERY_PROTOCOL)
        self._tap.bind((WIRE, 0))

    def send(self, frame: str) -> None:
        self._tap.send(bytes.fromhex(frame))

    def heard(self, seconds: float, count: int = 1 << 30) -> list[str]:
        """Collect the UDP datagrams that come within this time, with their IP headers, until so many came."""
        end, found = time.monotonic() + seconds, list[str]()
        while len(found) < count and select.select([self._tap], [], [], max(end - time.monotonic(), 0))[0]:
            frame, (_, _, kind, *_) = self._tap.recvfrom(1 << 17)
            if kind != socket.PACKET_OUTGOING and _is_udp(frame[ETHERNET:]):
                found.append(frame[ETHERNET:].hex())
        return found


def _is_udp(packet: bytes) -> bool:
    return (packet[0] >> 4 == 4 and packet[9] == 17) or (packet[0] >> 4 == 6 and packet[6] == 17)


def ask(job: dict[str, Any], exchange: dict[str, Any]) -> dict[str, Any]:
    lab, wire = guest.Lab(job["network"]), Wire()
    said: dict[str, Any] = {"name": exchange["name"], "heard": [], "out": []}
    for kind, value in exchange["steps"]:
        if kind == "run":
            guest.run(*value)
        elif kind == "write":
            lab.write(value)
        elif kind == "frame":
            said["out"].append(lab.send(*value))
        elif kind == "sync":
            wire.send(value)
            time.sleep(guest.SILENCE)
        elif kind == "hear":
            said["heard"] += wire.heard(*value)
    said["entries"] = guest.run("ipvsadm", "-Lnc").splitlines()[2:]
    said["loads"] = guest.loads()
    for role in ("master", "backup"):
        subprocess.run(("ipvsadm", "--stop-daemon", role), capture_output=True, check=False)
    return said


def answered(job: dict[str, Any], exchange: dict[str, Any]) -> dict[str, Any]:
    try:
        return ask(job, exchange)
    except (OSError, RuntimeError, ValueError, IndexError):
        return {"name": exchange["name"], "error": traceback.format_exc()}


def main() -> None:
    job = json.loads((guest.ROOM / "job.json").read_text())
    guest.boot(job["modules"])
    (guest.ROOM / "release").write_text(os.uname().release)
    for number, exchange in enumerate(job["exchanges"]):
        if os.fork() == 0:
            said = answered(job, exchange)
            (guest.ROOM / "answers" / f"{number}.json").write_text(json.dumps(said))
            os._exit(0)
    for _ in job["exchanges"]:
        os.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        main()
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        (guest.ROOM / "error").write_text(traceback.format_exc())
    sys.stdout.flush()
    guest.LIBC.sync()
    guest.LIBC.reboot(guest.POWER_OFF)
