#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside User-Mode Linux: call the real ipvsadm as each session says, and write down its answers.

It is the guest's init, as `tests/interop/guest.py` is, and knows the standard library and that file alone.
Each session has a namespace of its own. Names of hosts and ports come from the job's own files.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import traceback
from pathlib import Path
from typing import Any

SPEC = importlib.util.spec_from_file_location("guest", Path(__file__).parents[1] / "guest.py")
assert SPEC is not None
assert SPEC.loader is not None
guest: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(guest)

SECONDS = 30


def name(files: dict[str, str]) -> None:
    """Put these files in the place of /etc's."""
    for each, text in files.items():
        path = Path("/run") / each
        path.write_text(text)
        guest.run("mount", "--bind", str(path), f"/etc/{each}")


def call(step: dict[str, Any]) -> list[Any]:
    done = subprocess.run(
        ["ipvsadm", *step["words"]],
        input=step["stdin"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return [done.stdout, done.stderr, done.returncode]


def ask(session: dict[str, Any]) -> list[list[Any]]:
    if guest.LIBC.unshare(guest.CLONE_NEWNET):
        raise OSError("unshare")
    guest.run("ip", "link", "set", "lo", "up")
    return [call(step) for step in session["steps"]]


def main() -> None:
    job = json.loads((guest.ROOM / "job.json").read_text())
    guest.boot(job["modules"])
    name(job["files"])
    (guest.ROOM / "release").write_text(os.uname().release)
    said = {session["name"]: ask(session) for session in job["sessions"]}
    (guest.ROOM / "said.json").write_text(json.dumps(said))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        main()
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        (guest.ROOM / "error").write_text(traceback.format_exc())
    guest.LIBC.sync()
    guest.LIBC.reboot(guest.POWER_OFF)
