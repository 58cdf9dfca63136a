# SPDX-License-Identifier: Apache-2.0
"""Whole networks out of namespaces, to see a director and its real servers work. Start with `Lab`.

Drives the project's programs from outside, as processes; imports nothing of them.
"""

from lab.building import Services
from lab.errors import LabError, TopologyError
from lab.lab import Lab, take_down
from lab.node import Capture, Process, RunningNode
from lab.wires import Wires

__all__ = [
    "Capture", "Lab", "LabError", "Process", "RunningNode", "Services", "TopologyError", "Wires", "take_down",
]  # fmt: skip
