# SPDX-License-Identifier: Apache-2.0
"""An initramfs holds what was put into it, as an unpacker of its format reads it."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.archive import DIRECTORY, FILE, PROGRAM, archive

HEADER = 110
NAMES = st.dictionaries(st.text("abc", min_size=1, max_size=9), st.binary(max_size=40), max_size=4)


def unpacked(packed: bytes) -> Iterator[tuple[str, int, bytes]]:
    at = 0
    while at < len(packed):
        header = packed[at : at + HEADER]
        assert header[:6] == b"070701"
        fields = [int(header[6 + 8 * number : 14 + 8 * number], 16) for number in range(13)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = packed[at + HEADER : at + HEADER + length - 1].decode()
        at = up(at + HEADER + length)
        yield name, mode, packed[at : at + size]
        at = up(at + size)


def up(at: int) -> int:
    return -(-at // 4) * 4


def test_directories_come_before_what_is_in_them() -> None:
    packed = archive({"init": b"\x7fELF"}, {"modules/000.ko": b"12345"})
    assert list(unpacked(packed)) == [
        ("modules", DIRECTORY, b""),
        ("init", PROGRAM, b"\x7fELF"),
        ("modules/000.ko", FILE, b"12345"),
        ("TRAILER!!!", 0, b""),
    ]


@given(NAMES)
def test_whatever_is_packed_is_found_again(files: dict[str, bytes]) -> None:
    wanted = [(name, FILE, data) for name, data in files.items()]
    assert list(unpacked(archive({}, files))) == [*wanted, ("TRAILER!!!", 0, b"")]
