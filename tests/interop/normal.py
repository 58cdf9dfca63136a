# SPDX-License-Identifier: Apache-2.0
"""What two directors may do differently without disagreeing, and nothing more.

MAC addresses need no mercy: the lab has the packet table's own. FREEDOMS is the whole list;
docs/ipvs-parity.md prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from tests.interop.recording import Out, Reaction
from tests.packets.case import Entry
from tests.packets.checksum import ETHERNET, put, with_header_checksum
from tests.packets.tunnels import without_choice

DONT_FRAGMENT = 0x4000
FRAGMENT = 44
LATE = range(3)  # seconds

FREEDOMS: Mapping[str, str] = MappingProxyType(
    {
        "IPv4 identification of a packet that the director makes (ICMP error, outer header), without DF": (
            "each side chooses it; the fragments of one packet must still share it"
        ),
        "UDP source port of GUE, and UDP's checksum over it": (
            "each side chooses it by a hash of the flow, with a seed of its own, and of the same ports; the "
            "checksums must hold"
        ),
        "A tunnel's checksum that the kernel left to the network card": (
            "GRE's is still 0 then, UDP's the sum of the pseudo-header: they are completed before frames are "
            "compared"
        ),
        "Identification of the fragments of an IPv6 packet that the director makes (outer header)": (
            "each side chooses it; the fragments of one packet must still share it"
        ),
        "IPv6 flow label of an answer that the director makes (ICMPv6 error, reset)": (
            "the kernel's is a hash with a secret of the host; RFC 6437 leaves it to the sender"
        ),
        "Remaining time of a connection": (
            "the kernel shows whole seconds, rounded down, and its clock goes on while an exchange is "
            "recorded: up to 2 s less than ours"
        ),
        "Answers of the host's own stack": (
            "where the guard leaves a frame to the stack, the answer of the same kernel without IPVS, "
            "recorded too, stands for the stack"
        ),
    }
)


def normal(out: tuple[Out, ...], arrived: bytes) -> tuple[Out, ...]:
    """Number the identifications that were chosen freely, in the order in which they appear."""
    chosen: dict[bytes, int] = {}
    tunnelled = ((interface, without_choice(frame)) for interface, frame in out)
    return tuple((interface, _numbered(frame, arrived, chosen)) for interface, frame in tunnelled)


def _numbered(frame: bytes, arrived: bytes, chosen: dict[bytes, int]) -> bytes:
    at = ETHERNET + 4
    identification = frame[at : at + 2]
    may_be_cut = not int.from_bytes(frame[at + 2 : at + 4], "big") & DONT_FRAGMENT
    if frame[12:14] == b"\x86\xdd" and frame[ETHERNET + 6] == FRAGMENT:
        return _renumbered(frame, arrived, chosen)
    if frame[12:14] == b"\x86\xdd":
        return _unlabelled(frame, arrived)
    if frame[12:14] != b"\x08\x00" or not may_be_cut or identification == arrived[at : at + 2]:
        return frame
    number = chosen.setdefault(identification, len(chosen) + 1)
    return with_header_checksum(put(frame, at, number))


def _renumbered(frame: bytes, arrived: bytes, chosen: dict[bytes, int]) -> bytes:
    """Number the identification of an IPv6 fragment that was none when it came."""
    at = ETHERNET + 44
    if frame[at : at + 4] == arrived[at : at + 4]:
        return frame
    number = chosen.setdefault(frame[at : at + 4], len(chosen) + 1)
    return frame[:at] + number.to_bytes(4, "big") + frame[at + 4 :]


def _unlabelled(frame: bytes, arrived: bytes) -> bytes:
    """Blank the flow label of what goes back to where the frame that arrived came from."""
    if frame[ETHERNET + 24 : ETHERNET + 40] != arrived[ETHERNET + 8 : ETHERNET + 24]:
        return frame
    label = bytes([frame[ETHERNET + 1] & 0xF0, 0, 0])
    return frame[: ETHERNET + 1] + label + frame[ETHERNET + 4 :]


def disagreements(kernel: Reaction, ours: Reaction, arrived: bytes, late: range = LATE) -> tuple[str, ...]:
    """Say in which respects two reactions to a frame differ."""
    theirs, own = normal(kernel.out, arrived), normal(ours.out, arrived)
    differing = {
        "frames": theirs != own,
        "connections": _timeless(kernel) != _timeless(ours),
        "timers": not _in_time(kernel, ours, late),
        "loads": kernel.loads != ours.loads,
    }
    return tuple(name for name, differs in differing.items() if differs)


def _timeless(reaction: Reaction) -> frozenset[Entry]:
    return frozenset(replace(entry, expires=0) for entry in reaction.entries)


def _in_time(kernel: Reaction, ours: Reaction, late: range) -> bool:
    """Whether each connection that both list ends when the kernel's does."""
    theirs = {replace(entry, expires=0): entry.expires for entry in kernel.entries}
    own = {replace(entry, expires=0): entry.expires for entry in ours.entries}
    return all(own[entry] - theirs[entry] in late for entry in theirs.keys() & own.keys())
