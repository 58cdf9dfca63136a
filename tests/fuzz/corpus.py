# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzzer: the frames of each packet case as one input, and the images that they meet."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.native.tape import BEGIN, images, record
from tests.packets.case import Arrival, Case, Send
from tests.packets.cases import CASES
from tests.packets.steering import Steering
from tests.packets.user_host import frame_fields

HEAD = struct.Struct("<BBBBHHHHH")
MEND = 0x80  # the harness makes the IP checksum fit
MAX_IMAGES = 256
MAX_LENGTH = 4096  # of an input: longer ones teach the fuzzer nothing that these do not
PAUSE_MS = 500


def seed_frame(arrival: Arrival, pause: int, *, mended: bool) -> bytes:
    fields = frame_fields(arrival, None)
    return (
        HEAD.pack(
            min(pause // PAUSE_MS, 255),
            fields["ifindex"],
            fields["flags"] | (MEND if mended else 0),
            fields["gso_type"],
            fields["gso_size"],
            fields["hdr_len"],
            fields["csum_start"],
            fields["csum_offset"],
            len(arrival.frame),
        )
        + arrival.frame
    )


def seed(image: int, case: Case) -> bytes:
    """One input: the image of the case's first setting, and its frames."""
    parts, last = [bytes([image])], 0
    for number, step in enumerate(step for step in case.steps if isinstance(step, Send)):
        parts.append(seed_frame(step.arrival, step.at - last, mended=number % 2 == 0))
        last = step.at
    return b"".join(parts)


def write_corpus(directory: Path, cases: Iterable[Case] = CASES) -> Path:
    """Write images.tape and the seeds, each content once; return the directory of the seeds."""
    numbers: dict[bytes, int] = {}
    seeds = directory / "seeds"
    seeds.mkdir()
    for case in cases:
        image = b"".join(images(Steering(), case.setting))
        number = numbers.setdefault(image, len(numbers))
        content = seed(number % MAX_IMAGES, case)
        if len(content) <= MAX_LENGTH:
            (seeds / sha256(content).hexdigest()[:16]).write_bytes(content)
    tape = b"".join(record(BEGIN) + image for image in numbers)
    (directory / "images.tape").write_bytes(tape)
    return seeds
