# SPDX-License-Identifier: Apache-2.0
"""Ask a real kernel's synchronisation daemons, and write down what they say.

`python -m tests.interop.sync.record`. Not part of the test suite, as tests/interop/record.py is not.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.interop import record
from tests.interop.sync.exchanges import MODULES, NETWORK, exchanges

GUEST = Path(__file__).parent / "guest.py"
RECORDING = Path(__file__).parent / "recording.json"


def main() -> None:
    record.refuse_without_programs()
    kernel, said = ask({"modules": MODULES, "network": NETWORK, "exchanges": exchanges()})
    rows = [f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in said.items()]
    RECORDING.write_text("{" + ",\n".join((json.dumps({"kernel": kernel})[1:-1], *rows)) + "}\n")


def ask(job: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Boot a guest with this job; return its kernel's release and what it said, by name."""
    with tempfile.TemporaryDirectory(prefix="interop-") as directory:
        room = Path(directory)
        (room / "answers").mkdir()
        (room / "job.json").write_text(json.dumps(job))
        record.boot(room, GUEST)
        if (room / "error").exists():
            raise record.RecordingError((room / "error").read_text())
        said = [
            json.loads((room / "answers" / f"{n}.json").read_text()) for n in range(len(job["exchanges"]))
        ]
        for each in said:
            if "error" in each:
                raise record.RecordingError(f"{each['name']}: {each['error']}")
        return (room / "release").read_text(), {each.pop("name"): each for each in said}


if __name__ == "__main__":
    try:
        main()
    except record.RecordingError as error:
        sys.exit(f"record: {error}")
