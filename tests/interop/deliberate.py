# SPDX-License-Identifier: Apache-2.0
"""Where the director does otherwise than kernel IPVS, and how each such difference is recognised.

A rule says of one frame's reactions whether their difference is that one. A difference that no rule
recognises fails the comparison; so does a rule that recognises nothing. docs/ipvs-parity.md prints the
reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netaddr import IPAddress
from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Ether

from director.model.service import endpoint
from tests.interop import parsed
from tests.interop.exchange import Inject
from tests.interop.families import FAMILIES
from tests.interop.guard import Owner, is_among, is_served, owner, translated
from tests.interop.parsed import Endpoint, Parsed
from tests.interop.recording import Out, Reaction
from tests.packets.checksum import ETHERNET, with_header_checksum
from tests.packets.network import DIRECTOR, VIP, Setting

IPIP = 4
DIRECTORS = frozenset(family.director for family in FAMILIES)
SOURCE_ROUTES = {3, 9}  # loose and strict, without the copy flag and the class


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, both reactions to it, and the respects in which they differ.

    `before` is what arrived earlier; `lingering` are translated servers that services had and have no more.
    """

    setting: Setting
    step: Inject
    kernel: Reaction
    ours: Reaction
    respects: tuple[str, ...]
    before: tuple[Inject, ...]
    lingering: frozenset[Endpoint]


@dataclass(frozen=True, slots=True)
class Deliberate:
    """A difference that is meant. With `counted` the counters at the end differ for its sake, too."""

    what: str
    kernel: str
    director: str
    why: str
    counted: bool
    rule: Callable[[Seen], bool]


def is_fragment(step: Inject) -> bool:
    packet = parsed.frame(step.frame)
    return packet is not None and packet.is_fragment


def _in_fragments(seen: Seen) -> bool:
    if is_fragment(seen.step):
        return True
    return "frames" not in seen.respects and any(map(is_fragment, seen.before))


def _has_options_to_fill(seen: Seen) -> bool:
    if seen.respects != ("frames",) or seen.step.frame[ETHERNET] & 15 == 5:
        return False
    return _without_options(seen.kernel.out) == _without_options(seen.ours.out)


def _without_options(out: tuple[Out, ...]) -> list[tuple[int, bytes]]:
    """Blank the options of each packet, and of the one in a tunnel."""
    blanked = []
    for interface, frame in out:
        at = ETHERNET + 20 if frame[ETHERNET + 9] == IPIP else ETHERNET
        header = (frame[at] & 15) * 4
        blank = frame[: at + 20] + b"\1" * (header - 20) + frame[at + header :]
        blanked.append((interface, with_header_checksum(blank, at)))
    return blanked


def _is_source_routed(seen: Seen) -> bool:
    frame = Ether(seen.step.frame)
    options = {option.option for option in frame[IP].options} if IP in frame else set()
    return bool(options & SOURCE_ROUTES) and not seen.kernel.out


def _is_from_the_director(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    return packet is not None and packet.source in DIRECTORS and not seen.kernel.out


def _is_a_servers_own(seen: Seen) -> bool:
    """The kernel routed it on as it was; we kept it."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or not packet.has_ports() or seen.respects != ("frames",) or seen.ours.out:
        return False
    left = [found.source for _, frame in seen.kernel.out if (found := parsed.frame(frame))]
    return left == [packet.source] and is_among(packet.ends()[0], translated(seen.setting) | seen.lingering)


def _is_of_a_deleted_service(seen: Seen) -> bool:
    if (
        seen.respects != ("frames",)
        or owner(seen.step.frame, seen.setting, seen.lingering) is not Owner.STACK
    ):
        return False
    packet = parsed.frame(seen.step.frame)
    orphans = {
        entry.client
        for entry in seen.kernel.entries
        if not is_served((entry.protocol, *end_of(entry.virtual)), seen.setting)
    }
    return packet is not None and any(
        endpoint(IPAddress(address), port) in orphans for _, address, port in packet.ends()
    )


def _quotes_a_later_fragment(seen: Seen) -> bool:
    quoted = _quoted(seen.step)
    return quoted is not None and quoted.offset > 0 and not seen.ours.out


def _waits_for_the_vips_mac(seen: Seen) -> bool:
    asked = [Ether(frame)[ARP].pdst for _, frame in seen.kernel.out if ARP in Ether(frame)]
    return seen.respects == ("frames",) and asked == [VIP] and len(seen.ours.out) == 1


def _is_about_a_tunnel(seen: Seen) -> bool:
    """An error about an outer packet, or a packet for a tunnel of which the kernel has had such an error."""
    if not any(_quotes_tunnel(step) for step in (*seen.before, seen.step)):
        return False
    return seen.respects == ("frames",)


def _quotes_tunnel(step: Inject) -> bool:
    quoted = _quoted(step)
    return quoted is not None and quoted.protocol == IPIP and quoted.source == DIRECTOR


def _quoted(step: Inject) -> Parsed | None:
    """Return the packet that an ICMP error quotes."""
    packet = parsed.frame(step.frame)
    return packet.quoted() if packet else None


def end_of(text: str) -> tuple[str, int]:
    """Split what model.endpoint() put together."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def _shows_in_no_frame(_seen: Seen) -> bool:
    return False


RESETS = "[decision 0005](decisions/0005-answers-for-the-stack.md)"
OWN_ERRORS = Deliberate(
    what="OutPkts and OutBytes of DR and TUN servers",
    kernel="counts the ICMP errors that the director itself sends about their connections",
    director="counts what servers send, so they stay 0",
    why="an error is no reply",
    counted=True,
    rule=_shows_in_no_frame,
)
DIFFERENCES = (
    Deliberate(
        what="new connections to a server whose method was changed to DR",
        kernel="keeps the route of the old method, asks for the VIP's MAC on it, and sends nothing",
        director="forwards them",
        why="a kernel's fault",
        counted=False,
        rule=_waits_for_the_vips_mac,
    ),
    Deliberate(
        what="IPv4 fragments",
        kernel="holds them until the packet is whole, handles it as one and cuts it again",
        director="forwards and counts each as it comes, also through tunnels; the server puts the same "
        "packet together. What comes before its first fragment is the stack's",
        why="nothing is held, so nothing can be exhausted; networks rarely reorder fragments",
        counted=True,
        rule=_in_fragments,
    ),
    Deliberate(
        what="IP options that routers fill in (record route, timestamp)",
        kernel="its host enters the VIP before IPVS sees the packet",
        director="forwards options as they are",
        why="a director is not to be seen on the way, and options cost every packet a look",
        counted=False,
        rule=_has_options_to_fill,
    ),
    Deliberate(
        what="source routes (IP options)",
        kernel="its host drops them, as long as `accept_source_route` is 0",
        director="forwards them as they are",
        why="the servers' own hosts drop them",
        counted=True,
        rule=_is_source_routed,
    ),
    Deliberate(
        what="packets from outside that claim to come from the director's own address",
        kernel="its host drops them",
        director="drops them if they claim the VIP that they go to, else forwards them",
        why="the data path does not know the host's other addresses",
        counted=True,
        rule=_is_from_the_director,
    ),
    Deliberate(
        what="ICMP errors about a tunnel's outer packet",
        kernel="sends the client an error about the inner packet, and lowers the tunnel's MTU by it",
        director="leaves them to the stack",
        why="a limit: the way back to a TUN client is not kept. Give the route to the server its real MTU",
        counted=True,
        rule=_is_about_a_tunnel,
    ),
    Deliberate(
        what="ICMP errors that quote a later fragment",
        kernel="takes the payload there for ports, and follows the flow that they happen to name",
        director="leaves them to the stack",
        why="a later fragment has no ports",
        counted=True,
        rule=_quotes_a_later_fragment,
    ),
    Deliberate(
        what="segments from a NAT server's service port outside any connection",
        kernel="routes them on, untranslated",
        director="keeps them",
        why=f"{RESETS}: the stack must not see a NAT server's replies",
        counted=False,
        rule=_is_a_servers_own,
    ),
    Deliberate(
        what="packets of connections whose service was deleted",
        kernel="drops clients' packets until the connections expire, and translates NAT servers' replies",
        director="leaves them to the stack, which answers: a client gets a reset at once",
        why=f"{RESETS}: an answer is better than silence",
        counted=True,
        rule=_is_of_a_deleted_service,
    ),
    OWN_ERRORS,
)
