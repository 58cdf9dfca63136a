# SPDX-License-Identifier: Apache-2.0
"""Ask the real ipvsadm over a real kernel's IPVS, and write its answers down.

`python -m tests.interop.ipvsadm.record`. Not part of the test suite, as tests/interop/record.py is not.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.interop import record
from tests.interop.ipvsadm.session import FILES, Session
from tests.interop.ipvsadm.sessions import SESSIONS

GUEST = Path(__file__).parent / "guest.py"
RECORDING = Path(__file__).parent / "recording.json"
SCHEDULERS = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf"]
MODULES = ["ip_vs", *(f"ip_vs_{name}" for name in SCHEDULERS)]


def main() -> None:
    record.refuse_without_programs()
    kernel, said = ask(SESSIONS)
    rows = [f"{json.dumps(name)}: [\n{_rows(answers)}\n]" for name, answers in said.items()]
    RECORDING.write_text("{" + ",\n".join((json.dumps({"kernel": kernel})[1:-1], *rows)) + "}\n")


def _rows(answers: list[list[object]]) -> str:
    return ",\n".join(json.dumps(each) for each in answers)


def ask(sessions: tuple[Session, ...]) -> tuple[str, dict[str, list[list[object]]]]:
    """Boot a guest with these sessions; return its kernel's release and what was answered, by name."""
    described = [
        {
            "name": session.name,
            "steps": [{"words": each.words, "stdin": each.stdin} for each in session.steps],
        }
        for session in sessions
    ]
    with tempfile.TemporaryDirectory(prefix="interop-") as directory:
        room = Path(directory)
        job = {"modules": MODULES, "files": FILES, "sessions": described}
        (room / "job.json").write_text(json.dumps(job))
        record.boot(room, GUEST)
        if (room / "error").exists():
            raise record.RecordingError((room / "error").read_text())
        said: dict[str, list[list[object]]] = json.loads((room / "said.json").read_text())
        return (room / "release").read_text(), said


if __name__ == "__main__":
    try:
        main()
    except record.RecordingError as error:
        sys.exit(f"record: {error}")
