#!/usr/bin/python3 -I
# SPDX-License-Identifier: Apache-2.0
"""What runs inside User-Mode Linux: put each exchange to the kernel's IPVS and write down what it does.

It is the guest's init, run by the distribution's Python, so it knows the standard library and nothing of
ours. The job it finds (job.json) is plain: commands to run, files to write, frames to send; it decides
nothing. Each exchange has a network namespace of its own, since connections outlive `ipvsadm -C`.
"""

from __future__ import annotations

import ctypes
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

CLONE_NEWNET = 0x40000000
POWER_OFF = 0x4321FEDC
EVERY_PROTOCOL = socket.htons(3)
FAR_ENDS = ("out1", "in1")
REPORTS = bytes.fromhex("333300000016")  # where a host reports its IPv6 multicast groups to, unasked
SILENCE = 0.02  # seconds: forwarding is done before a send returns; this is for what the kernel puts off
STATISTICS = 2.6  # seconds until the kernel has summed up its counters
AT_ONCE = 24  # exchanges that wait for their counters

LIBC = ctypes.CDLL(None, use_errno=True)
ROOM = Path(os.environ.get("INTEROP_ROOM", "/nonexistent"))


def run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def boot(modules: list[str]) -> None:
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")):
        run("mount", "-t", kind, kind, where)
    release = os.uname().release
    Path("/run/m/lib/modules").mkdir(parents=True)
    Path("/run/m/lib/modules", release).symlink_to(Path("/usr/lib/uml/modules", release))
    for module in modules:
        run("modprobe", "-d", "/run/m", module)


class Lab:
    """A namespace with the director between two veth pairs, and a tap at their far ends."""

    def __init__(self, network: dict[str, Any]) -> None:
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self.write(network["before"])
        run("ip", "-batch", "-", stdin="\n".join(network["ip"]))
        for end in network["unfinished"]:
            run("ethtool", "-K", end, "tx", "off")  # a checksum is not to be left to a device
        self.write(network["after"])
        self.senders = {end: self._bound(end) for end in FAR_ENDS}
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, EVERY_PROTOCOL)
        self.tap.setblocking(False)
        self.heard()

    @staticmethod
    def _bound(end: str) -> socket.socket:
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sender.bind((end, 0))
        return sender

    @staticmethod
    def write(files: dict[str, str]) -> None:
        for path, value in files.items():
            Path("/proc/sys", path).write_text(value)

    def send(self, end: str, frame: str) -> list[list[str]]:
        self.senders[end].send(bytes.fromhex(frame))
        return self.heard()

    def burst(self, frames: list[list[str]]) -> list[list[str]]:
        """Send frame after frame; collect what comes out meanwhile."""
        heard = []
        for end, frame in frames:
            self.senders[end].send(bytes.fromhex(frame))
            heard += self.heard(silence=0)
        return heard + self.heard()

    def heard(self, silence: float = SILENCE) -> list[list[str]]:
        """Collect what has come out, in order, until it is silent."""
        frames = []
        while select.select([self.tap], [], [], silence)[0]:
            frame, (end, _, kind, *_) = self.tap.recvfrom(1 << 17)
            if end in FAR_ENDS and kind != socket.PACKET_OUTGOING and frame[:6] != REPORTS:
                frames.append([end, frame.hex()])
        return frames

    def configure(self, step: dict[str, Any]) -> None:
        self.write(step["write"])
        for command in step["ip"]:
            run("ip", *command)
        for command in step["tc"]:
            run("tc", *command)
        for command in step["ipvsadm"]:
            run("ipvsadm", *command)
        time.sleep(step["settles"])


def entries() -> list[list[str]]:
    """List the connections: protocol, client, virtual, destination in the kernel's hex, state, seconds."""
    lines = Path("/proc/net/ip_vs_conn").read_text().splitlines()[1:]
    words = [line.split() for line in lines]
    return sorted([w[0], f"{w[1]}:{w[2]}", f"{w[3]}:{w[4]}", f"{w[5]}:{w[6]}", w[7], w[8]] for w in words)


def loads() -> list[list[str]]:
    """List each destination's ActiveConn and InActConn, beside its service."""
    found, service = [], ""
    for line in Path("/proc/net/ip_vs").read_text().splitlines()[3:]:
        words = line.split()
        if words[0] == "->":
            found.append([service, words[1], words[4], words[5]])
        else:
            service = f"{words[0]} {words[1]}"
    return sorted(found)


def counters() -> list[list[str]]:
    """List Conns, packets in and out, bytes in and out, of services (destination empty) and destinations."""
    found, service = [], ""
    for line in run("ipvsadm", "-L", "-n", "--stats", "--exact").splitlines()[3:]:
        words = line.split()
        if words[0] == "->":
            found.append([service, *words[1:]])
        else:
            service = " ".join(words[:-5])
            found.append([service, "", *words[-5:]])
    return sorted(found)


def ask(job: dict[str, Any], exchange: dict[str, Any], ready: int) -> dict[str, Any]:
    """Walk through one exchange. `ready` is closed when only the counters are still to come."""
    lab, answers = Lab(job["network"]), []
    for step in exchange["steps"]:
        if "write" in step:
            lab.configure(step)
            continue
        out = lab.burst(step["burst"]) if "burst" in step else lab.send(step["end"], step["frame"])
        answers.append(
            {"out": out, "entries": entries(), "loads": loads()} if exchange["ipvs"] else {"out": out}
        )
    os.close(ready)
    if not exchange["ipvs"]:
        return {"name": exchange["name"], "answers": answers}
    time.sleep(STATISTICS)
    return {"name": exchange["name"], "answers": answers, "counters": counters()}


def start(job: dict[str, Any], number: int) -> int:
    """Ask in a child of its own; return what is closed as soon as the next may start."""
    wait, ready = os.pipe()
    if os.fork() == 0:
        os.close(wait)
        exchange = job["exchanges"][number]
        try:
            said: dict[str, Any] = ask(job, exchange, ready)
        except (OSError, RuntimeError, ValueError, IndexError):
            said = {"name": exchange["name"], "error": traceback.format_exc()}
        (ROOM / "answers" / f"{number}.json").write_text(json.dumps(said))
        os._exit(0)
    os.close(ready)
    return wait


def main() -> None:
    job = json.loads((ROOM / "job.json").read_text())
    boot(job["modules"])
    (ROOM / "release").write_text(os.uname().release)
    running, walking = 0, []
    for number in range(len(job["exchanges"])):
        walking.append(start(job, number))
        running += 1
        while len(walking) >= job["abreast"]:
            wait = walking.pop(0)
            os.read(wait, 1)
            os.close(wait)
        if number % 50 == 0:
            print(f"{number} of {len(job['exchanges'])} exchanges", flush=True)
        if running >= AT_ONCE:
            os.wait()
            running -= 1
    for _ in range(running):
        os.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        main()
    except BaseException:  # noqa: BLE001  an init must power off, whatever happened, and say what
        (ROOM / "error").write_text(traceback.format_exc())
    sys.stdout.flush()
    LIBC.sync()
    LIBC.reboot(POWER_OFF)
