#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside User-Mode Linux for walks.py: send each walk's frames, list where its connection stands.

It is the guest's init and knows the standard library, and of ours guest.py alone, which it loads by its path.
Walks go in batches, since some states last for seconds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

BATCH = 200
ROOM = Path(os.environ.get("INTEROP_ROOM", "/nonexistent"))


def loaded(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("guest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def states() -> dict[int, str]:
    """List each connection's state by its client's port."""
    lines = Path("/proc/net/ip_vs_conn").read_text().splitlines()[1:]
    return {int(line.split()[2], 16): line.split()[7] for line in lines}


def walked(guest: Any, network: dict[str, Any], lot: dict[str, Any]) -> list[str]:
    lab, found = guest.Lab(network), []
    lab.configure(lot["configure"])
    time.sleep(lot["wait"])
    for start in range(0, len(lot["walks"]), BATCH):
        batch = lot["walks"][start : start + BATCH]
        for walk in batch:
            for end, frame in walk["frames"]:
                lab.senders[end].send(bytes.fromhex(frame))
        listed = states()
        found += [listed.get(walk["port"], "") for walk in batch]
    return found


def main(guest: Any) -> None:
    job = json.loads((ROOM / "job.json").read_text())
    guest.boot(job["modules"])
    (ROOM / "release").write_text(os.uname().release)
    said = [walked(guest, job["network"], lot) for lot in job["lots"]]
    (ROOM / "states.json").write_text(json.dumps(said))


if __name__ == "__main__":
    kernel = loaded(os.environ["INTEROP_GUEST"])
    try:
        main(kernel)
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        (ROOM / "error").write_text(traceback.format_exc())
    sys.stdout.flush()
    kernel.LIBC.sync()
    kernel.LIBC.reboot(kernel.POWER_OFF)
