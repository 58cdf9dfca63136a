# SPDX-License-Identifier: Apache-2.0
"""Set the stage: real servers take their VIPs, the director starts and knows the way to each of them.

Starts the project's programs in the lab's nodes, as an operator would on machines; measures nothing.
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from demo.cast import HOSTS, Service, configuration, duties
from lab import Lab, LabError, Process, RunningNode, Wires

DEADLINE = 20.0
POLL_INTERVAL = 0.1
CONFIGURATION = Path("director.toml")  # in the director's /run
WIRES = {"xdp": Wires.PLAIN}
"""What the wires must carry for a data path that does not take them as they are."""


@dataclass(frozen=True, slots=True)
class Carriage:
    """What carries the packets of an interface of the director's, and why, as `director status` says it."""

    interface: str
    datapath: str
    why: str


def take_vips(lab: Lab) -> None:
    """Have each real server take its VIPs and prove that it is set up right, all servers at once."""
    with ThreadPoolExecutor(len(HOSTS)) as threads:
        tuple(threads.map(_take_vips, (lab.node(name) for name in HOSTS)))


def _take_vips(node: RunningNode) -> None:
    for arguments in duties(node.name):
        node.output_of(("realserver", "up", *arguments))
    node.output_of(("realserver", "check"))


def start_director(lab: Lab, services: Sequence[Service], datapath: str) -> Process:
    """Start the director and wait until it knows the next hop to every real server."""
    node = lab.node("director")
    (node.run_directory / CONFIGURATION).write_text(configuration(services))
    command = ("director", "run", "--config", f"/run/{CONFIGURATION}", "--datapath", datapath)
    process = node.start(command, log="director")
    deadline = time.monotonic() + DEADLINE
    wanted = len({server.address for service in services for server in service.servers})
    while unresolved := _unresolved(node, wanted):
        if not process.is_running:
            raise LabError(f"the director has ended: {process.tail()}")
        if time.monotonic() > deadline:
            raise LabError(f"no way to {unresolved} after {DEADLINE:.0f} s: {process.tail()}")
        time.sleep(POLL_INTERVAL)
    return process


def _unresolved(node: RunningNode, wanted: int) -> str:
    """Name what the director does not know the way to, of so many wanted; "" when it knows all."""
    done = node.run(("director", "status", "--json"))
    if done.returncode != 0:
        return "the director's control socket"
    hops = json.loads(done.stdout)["next_hops"]
    if len(hops) != wanted:
        return f"{wanted - len(hops)} of {wanted} real servers"
    return next((str(hop["destination"]) for hop in hops if hop["state"] != "resolved"), "")


def carriages(lab: Lab) -> tuple[Carriage, ...]:
    """Say what carries the director's interfaces."""
    status = json.loads(lab.node("director").output_of(("director", "status", "--json")))
    return tuple(Carriage(one["name"], one["datapath"], one["why"]) for one in status["interfaces"])
