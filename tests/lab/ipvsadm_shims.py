# SPDX-License-Identifier: Apache-2.0
"""Programs for those that believe they are on a kernel with IPVS: ours, under the kernel's names."""

from __future__ import annotations

import sys
from pathlib import Path

IPVSADM = """#!{python}
from director.ipvsadm import main

main()
"""


def write_program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def ipvsadm(directory: Path) -> Path:
    """Write our ipvsadm as a program of that name."""
    return write_program(directory / "ipvsadm", IPVSADM.format(python=sys.executable))


DIRECTING_IPVSADM = """#!{python}
import os, socket, subprocess, sys, time
from pathlib import Path

space = os.stat("/proc/self/ns/net").st_ino
control = Path({room!r}, f"{{space}}.sock")


def listens():
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(control)) == 0


if sys.argv[1:] != ["-v"] and not listens():
    command = [sys.executable, "-c", "from director.cli import main; main()", "run", "--socket", str(control)]
    with open(f"{{control}}.log", "ab") as log:
        nothing = subprocess.DEVNULL
        started = subprocess.Popen(command, stdin=nothing, stdout=log, stderr=log, start_new_session=True)
    Path(f"{{control}}.pid").write_text(str(started.pid))
    end = time.monotonic() + 30
    while not listens() and time.monotonic() < end:
        time.sleep(0.02)
os.environ["DIRECTOR_SOCKET"] = str(control)
from director.ipvsadm import main

main()
"""
MODPROBE = """#!{python}
import os, subprocess, sys
from pathlib import Path

space = os.stat("/proc/self/ns/net").st_ino
if "ipip" in sys.argv and Path("/sys/class/net/{interface}").exists():
    state = Path({room!r}, f"{{space}}.realserver")
    command = [sys.executable, "-c", "from realserver.cli import main; main()", "up", "--vip", "{vip}"]
    subprocess.run([*command, "--method", "tun", "--interface", "{interface}", "--state", state], check=True)
"""


def directing_ipvsadm(directory: Path) -> Path:
    """Write an ipvsadm that starts a director in its namespace where none runs, as a kernel has IPVS."""
    text = DIRECTING_IPVSADM.format(python=sys.executable, room=str(directory))
    return write_program(directory / "ipvsadm", text)


def modprobe(directory: Path, vip: str, interface: str) -> Path:
    """Write a modprobe for which ip_vs is there, and whose ipip makes this host a real server of tunnels."""
    text = MODPROBE.format(python=sys.executable, room=str(directory), vip=vip, interface=interface)
    return write_program(directory / "modprobe", text)


def directors(directory: Path) -> list[int]:
    """List the processes of the directors that were started here."""
    return [int(path.read_text()) for path in directory.glob("*.pid")]
