# SPDX-License-Identifier: Apache-2.0
"""Hold a host's answer against what was wanted, byte for byte, and show the difference as packets.

Three freedoms only: where the director chooses the IPv4 identification itself, any will do, and any source
port of a GUE tunnel; and a checksum may leave undone where the offload metadata says so, since the bytes on
the wire are what counts.
"""

from __future__ import annotations

from scapy.layers.l2 import Ether

from tests.packets.case import Answer, Departure, Want
from tests.packets.checksum import ETHERNET, finished, with_header_checksum
from tests.packets.tunnels import without_choice


def assert_answer(answer: Answer, want: Want) -> None:
    """Fail with both sides as packets unless the answer is what was wanted."""
    assert answer.verdict in want.verdicts, (
        f"{answer.verdict} ({answer.reason}), wanted {_names(want)}" + _shown(answer)
    )
    assert want.reason in ("", answer.reason), f"reason {answer.reason}, wanted {want.reason}"
    assert answer.reason, "a verdict without a reason"
    assert answer.interface == (want.interface if answer.frames else answer.interface)
    got = tuple(without_choice(wire(departure)) for departure in answer.frames)
    wanted = _with_ids_of(got, want.frames)
    assert got == wanted, f"({answer.reason})" + difference(got, wanted)
    assert [d.offload.segmentation for d in answer.frames] == [d.offload.segmentation for d in want.frames]
    assert [d.offload.segment_size for d in answer.frames] == [d.offload.segment_size for d in want.frames]
    _assert_ids(got, want.frames)


def wire(departure: Departure) -> bytes:
    """The frame as it would be on the wire: an undone checksum finished, a super-frame still whole."""
    return finished(departure.frame, departure.offload.checksum_start, departure.offload.checksum_offset)


def difference(got: tuple[bytes, ...], wanted: tuple[bytes, ...]) -> str:
    lines = [f"{len(got)} frames, wanted {len(wanted)}"]
    for number in range(max(len(got), len(wanted))):
        ours, theirs = got[number : number + 1], wanted[number : number + 1]
        if ours != theirs:
            lines += [f"frame {number} got    {_packet(ours)}", f"frame {number} wanted {_packet(theirs)}"]
    return "\n" + "\n".join(lines)


def _with_ids_of(got: tuple[bytes, ...], wanted: tuple[Departure, ...]) -> tuple[bytes, ...]:
    """Take over the identification of each frame whose identification is free."""
    out = []
    for number, departure in enumerate(wanted):
        frame = without_choice(wire(departure))
        if departure.free_id and number < len(got):
            at = ETHERNET + 4
            frame = with_header_checksum(frame[:at] + got[number][at : at + 2] + frame[at + 2 :])
        out.append(frame)
    return tuple(out)


def _assert_ids(got: tuple[bytes, ...], wanted: tuple[Departure, ...]) -> None:
    """Fragments of one datagram share their identification; two datagrams never do."""
    last = None
    for frame, departure in zip(got, wanted, strict=True):
        if not departure.free_id:
            continue
        identification = frame[ETHERNET + 4 : ETHERNET + 6]
        later_fragment = int.from_bytes(frame[ETHERNET + 6 : ETHERNET + 8], "big") & 0x1FFF
        if last is not None:
            assert (identification == last) == bool(later_fragment), "identification of fragments"
        last = identification


def _names(want: Want) -> list[str]:
    return sorted(verdict.name for verdict in want.verdicts)


def _packet(frames: tuple[bytes, ...]) -> str:
    return f"{Ether(frames[0])!r}\n        {frames[0].hex()}" if frames else "nothing"


def _shown(answer: Answer) -> str:
    return "".join(f"\n    {_packet((departure.frame,))}" for departure in answer.frames)
