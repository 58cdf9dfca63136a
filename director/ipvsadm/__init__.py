# SPDX-License-Identifier: Apache-2.0
"""`director-ipvsadm`: ipvsadm 1.31 for a running director. This room is an app: it may use all floors below.

The same program, called `ipvsadm-save` or `ipvsadm-restore`, does what those scripts do.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

PROGRAM = "ipvsadm"


def main() -> None:
    """Run the command that this process was called as."""
    from director.ipvsadm.scripts import run

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # words go out as they came in, whatever their bytes
            stream.reconfigure(errors="surrogateescape")
    name = Path(sys.argv[0]).name
    try:
        status = run(name, sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
