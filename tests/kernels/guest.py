#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside the guest, as its init: make the machine ready, run the commands of the job, power off.

Run by the distribution's Python, it knows the standard library and nothing of ours; it decides nothing. The
root is the host's and can not be written: /run is the place for that.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

POWER_OFF = 0x4321FEDC
MOUNTS = (
    ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"), ("bpf", "/sys/fs/bpf"), ("tmpfs", "/dev/shm"),
    ("devpts", "/dev/pts"),
)  # fmt: skip
LIBC = ctypes.CDLL(None, use_errno=True)
LOADER = Path("/run/modprobe")


def main() -> None:
    os.environ |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ |= {"TMPDIR": "/run/tmp", "HOME": "/run/tmp", "CI": "true"}
    for kind, where in MOUNTS:
        if where.startswith("/dev/"):
            Path(where).mkdir(exist_ok=True)
        subprocess.run(("mount", "-t", kind, kind, where), check=True)
    Path("/run/tmp").mkdir()
    print(flush=True)  # the firmware ended in the middle of a line
    job = json.loads(Path(os.environ["ROOM"], "job.json").read_text())
    LOADER.write_text(f'#!/bin/sh\nexec modprobe -d {job["root"]} "$@"\n')
    LOADER.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(LOADER))
    for module in job["modules"]:
        subprocess.run((LOADER, module), check=True)
    for shipped, other in job["instead"]:
        subprocess.run(("mount", "--bind", other, shipped), check=True)
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
    for command in job["commands"]:
        done = subprocess.run(command, cwd=job["directory"], check=False, stderr=subprocess.STDOUT)
        print("@" + json.dumps({"status": done.returncode}), flush=True)


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    LIBC.reboot(POWER_OFF)
