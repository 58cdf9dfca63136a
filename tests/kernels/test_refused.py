# SPDX-License-Identifier: Apache-2.0
"""What refused.py says of kernels that refuse the programs holds here, for a program that no kernel takes."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from tests.kernels.trials import running
from tests.needs import needs

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "director/datapath/tc.bpf.o"
EXIT, NOTHING = (bytes((code, *bytes(7))) for code in (0x95, 0xB7))
SECTION, EXECUTABLE = 64, 4
SCRIPT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


def without_ends(shipped: bytes) -> bytes:
    """Have no function end, in the sections of an ELF file that hold instructions."""
    made = bytearray(shipped)
    (table,) = struct.unpack_from("<Q", shipped, 40)
    (sections,) = struct.unpack_from("<H", shipped, 60)
    for number in range(sections):
        flags, _, offset, size = struct.unpack_from("<QQQQ", shipped, table + number * SECTION + 8)
        if flags & EXECUTABLE:
            made[offset : offset + size] = made[offset : offset + size].replace(EXIT, NOTHING)
    return bytes(made)


@needs("root", "bpf", "netns")
def test_packet_takes_over_where_the_kernel_refuses_the_program(tmp_path: Path) -> None:
    endless = tmp_path / "tc.bpf.o"
    endless.write_bytes(without_ends(SHIPPED.read_bytes()))
    tests = running(("tests/kernels/refused.py",))
    command = ("unshare", "--mount", "sh", "-ec", SCRIPT, "sh", str(endless), str(SHIPPED), *tests)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
