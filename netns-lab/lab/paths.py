# SPDX-License-Identifier: Apache-2.0
"""Where a lab keeps what, as paths only: one directory per running lab, below /run/netns-lab by default.

Pure: builds paths, touches none. The directory's life (made, marked, removed) is in rundir.py.
"""

from dataclasses import dataclass
from pathlib import Path

NAMESPACES = Path("/run/netns")
BASE = Path("/run/netns-lab")
BASE_VARIABLE = "NETNS_LAB_DIR"


@dataclass(frozen=True, slots=True)
class LabPaths:
    """The places of one lab."""

    base: Path
    name: str

    @property
    def root(self) -> Path:
        return self.base / self.name

    @property
    def plan(self) -> Path:
        return self.root / "plan.json"

    @property
    def topology(self) -> Path:
        """The copy of the topology that the lab was built from: later edits of the file don't matter."""
        return self.root / "topology.toml"

    @property
    def complete(self) -> Path:
        """The file that says that the whole plan was carried out."""
        return self.root / "complete"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def captures(self) -> Path:
        return self.root / "captures"

    @property
    def processes(self) -> Path:
        return self.root / "pids"

    @property
    def mounts(self) -> Path:
        """Where the nodes' mount namespaces are pinned."""
        return self.root / "mounts"

    def mount(self, node: str) -> Path:
        return self.mounts / node

    def node(self, node: str) -> Path:
        return self.root / "nodes" / node

    def node_run(self, node: str) -> Path:
        """What the node sees as /run."""
        return self.node(node) / "run"

    def resolver(self, node: str) -> Path:
        """What the node sees as /etc/resolv.conf."""
        return self.node(node) / "resolv.conf"

    def service(self, node: str, service: str) -> Path:
        return self.node(node) / service

    def log(self, node: str, label: str) -> Path:
        return self.logs / f"{node}-{label}.log"

    def access_log(self, node: str, service: str) -> Path:
        """One JSON object a line and request, with the client's address in it."""
        return self.logs / f"{node}-{service}-access.log"
