# SPDX-License-Identifier: Apache-2.0
"""What refused.py says of kernels that refuse the programs holds here, for a program that no kernel takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kernels.trials import running
from tests.needs import needs

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "director/datapath/tc.bpf.o"
EXIT, NOTHING = (bytes((code, *bytes(7))) for code in (0x95, 0xB7))
SCRIPT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@needs("root", "bpf", "netns")
def test_packet_takes_over_where_the_kernel_refuses_the_program(tmp_path: Path) -> None:
    endless = tmp_path / "tc.bpf.o"
    endless.write_bytes(SHIPPED.read_bytes().replace(EXIT, NOTHING))
    tests = running(("tests/kernels/refused.py",))
    command = ("unshare", "--mount", "sh", "-ec", SCRIPT, "sh", str(endless), str(SHIPPED), *tests)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
