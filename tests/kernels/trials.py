# SPDX-License-Identifier: Apache-2.0
"""What is tried in each kernel: where the programs load, what they do; where not, that `packet` takes over.

Every word here is pytest's. The kernel's modules are named since nothing in a guest loads what it may need.
"""

from __future__ import annotations

import sys

Runs = tuple[tuple[str, ...], ...]

DATAPATH = "tests/lab/datapath"
MODULES = ("veth", "bridge", "tun", "sch_ingress", "cls_bpf", "nf_tables")
ON_INTERFACES = (
    *(f"{DATAPATH}/test_{name}.py" for name in ("programs", "ebpf", "pinned", "guard", "attachment")),
    "tests/lab/test_realserver_decap.py",
)
CASES = ("tests/packets/test_cases.py", "-k", "xdp or tc")
FORWARDING: Runs = (ON_INTERFACES, CASES)
# A test run that is told a frame's interface came to `xdp` later than to `tc`; so tc shows the cases alone.
ELDER: Runs = ((f"{DATAPATH}/test_programs.py",), (CASES[0], "-k", "tc and not xdp"))
FALLBACK: Runs = (("tests/kernels/refused.py", f"{DATAPATH}/test_guard.py", f"{DATAPATH}/test_packet.py"),)


def counting() -> tuple[str, ...]:
    """Return the command that has the verifier look at each program."""
    return (sys.executable, "-m", "tests.kernels.verifier")


def running(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs these tests where nothing can be written."""
    return (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *words)
