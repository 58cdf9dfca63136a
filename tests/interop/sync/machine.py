#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside User-Mode Linux as a director of the lab's network: does what it is told, from outside.

Its interfaces are packet sockets on those of the namespace that it runs in, under the same names and MACs. An
order is a file in its room, a list of commands; what they said is the answer, beside it.
"""

from __future__ import annotations

import importlib.util
import json
import os
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

LOOK = 0.05  # seconds
PATIENCE = 600.0


def main() -> None:
    guest.boot(["ip_vs", "ip_vs_rr"])
    job = json.loads((guest.ROOM / "job.json").read_text())
    for number, name in enumerate(job["interfaces"]):
        guest.run("ip", "link", "set", "dev", f"vec{number}", "name", name, "up")
    (guest.ROOM / "up").write_text(os.uname().release)
    number, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        order = guest.ROOM / f"order-{number}"
        if not order.exists():
            time.sleep(LOOK)
            continue
        said = []
        for command in json.loads(order.read_text()):
            if command == ["halt"]:
                return
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            said.append([done.returncode, done.stdout, done.stderr])
        answer = guest.ROOM / f"answer-{number}"
        answer.with_suffix(".new").write_text(json.dumps(said))
        answer.with_suffix(".new").rename(answer)
        number += 1


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        (guest.ROOM / "error").write_text(traceback.format_exc())
    sys.stdout.flush()
    guest.LIBC.sync()
    guest.LIBC.reboot(guest.POWER_OFF)
