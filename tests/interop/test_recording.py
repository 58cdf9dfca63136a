# SPDX-License-Identifier: Apache-2.0
"""A recording gives back what the guest said, though it leaves out what was known."""

from __future__ import annotations

import pytest

from tests.interop.recording import compact, packed, unpacked

ARRIVED = bytes(range(200))


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (ARRIVED, "@0+200"),
        (b"\xff\xfe" + ARRIVED[20:], "fffe@20+180"),
        (b"\xff" + ARRIVED[50:90], "ff@50+40"),
        (ARRIVED[:30] + b"\xff", (ARRIVED[:30] + b"\xff").hex()),
        (ARRIVED[:10], ARRIVED[:10].hex()),
        (b"", ""),
    ],
    ids=["the same", "another head", "a piece", "another end", "too short to refer to", "nothing"],
)
def test_a_frame_that_left_refers_to_the_one_that_arrived(frame: bytes, text: str) -> None:
    assert packed(frame, ARRIVED) == text
    assert unpacked(text, ARRIVED) == frame


def test_what_stands_as_before_is_left_out() -> None:
    said = [
        {"out": [["in1", "ff"]], "entries": [["TCP"]], "loads": []},
        {"out": [["in1", "ff"]], "entries": [["TCP"]], "loads": [["x"]]},
        {"out": [], "entries": [], "loads": [["x"]]},
    ]
    assert list(compact(said, [ARRIVED] * 3)) == [
        said[0],
        {"out": [["in1", "ff"]], "loads": [["x"]]},
        {"out": [], "entries": []},
    ]
