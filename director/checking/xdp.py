# SPDX-License-Identifier: Apache-2.0
"""What keeps XDP from forwarding whole frames on an interface: its own settings, or those of its peer.

The same judgement lets `auto` choose another data path, has `director run --datapath xdp` refuse, and is what
`director check` tells. The peer of a veth pair matters because it is the hardware: what it leaves undone,
checksums for one, nobody does before XDP. What it does with large frames does not: the kernel switches its
segmentation offloads off for as long as the program is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from director.checking.findings import Finding, Level
from director.model.card import Card, Offload, XdpFeature

MERGING = {Offload.LRO: "lro", Offload.GRO_HW: "rx-gro-hw"}
VETH = "veth"
LARGEST_FOR_XDP = 3498
"""The MTU up to which every driver takes an XDP program: a frame, and room before and behind, in one page."""
LARGEST_PEER = 3506
"""The MTU of a peer up to which veth takes it where pages have 4096 bytes; its own MTU does not matter."""
NO_CHECKSUMS = "TCP and UDP through xdp arrive with wrong checksums"


def own_hindrances(card: Card) -> Iterator[Finding]:
    """Judge what the interface itself does: each is a problem for XDP, and for no other data path."""
    if card.xdp is not None and XdpFeature.BASIC not in card.xdp:
        yield _problem(card, f"its driver has no XDP ({card.driver or 'unknown'})",
                       "the program can not run there", "--datapath auto or tc")  # fmt: skip
    for offload in sorted(card.offloads & MERGING.keys(), key=lambda one: one.value):
        yield _problem(card, f"{card.driver} merges frames: {offload.value} is on",
                       "xdp sees none that it could forward",
                       f"ethtool -K {card.name} {MERGING[offload]} off")  # fmt: skip
    if card.vlans and Offload.VLAN in card.offloads:
        yield _problem(card, f"it takes the tags off the frames of {', '.join(card.vlans)}",
                       "xdp takes them for its own", f"ethtool -K {card.name} rxvlan off")  # fmt: skip


def peer_hindrances(card: Card) -> Iterator[Finding]:
    """Judge the other end of a veth pair, as far as it can be looked at."""
    peer = card.peer
    if peer is None:
        return
    called = f"its peer {peer.name}" if peer.name else "its peer"
    if card.xdp is not None and XdpFeature.TRANSMIT not in card.xdp:
        yield _problem(card, f"{called} does not poll (its GRO is off)",
                       "what xdp sends out here is lost", peer.command("gro", "on"))  # fmt: skip
    if Offload.CHECKSUM in peer.offloads:
        yield _problem(card, f"{called} leaves checksums to hardware (its tx-checksumming is on)",
                       NO_CHECKSUMS, peer.command("tx", "off"))  # fmt: skip
    if peer.name and peer.mtu > LARGEST_PEER:
        yield _problem(card, f"the MTU of {called} is {peer.mtu}", "the kernel refuses the xdp program",
                       f"{peer.entering}ip link set {peer.name} mtu {LARGEST_FOR_XDP}")  # fmt: skip


def doubts(card: Card) -> Iterator[Finding]:
    """Tell what can not be seen from here, and would be a problem."""
    if card.peer is not None and card.peer.name is None:
        yield Finding(
            card.name, Level.NOTE, "its peer is in a namespace that can not be looked into",
            f"nobody knows whether it fills checksums in, without which {NO_CHECKSUMS}",
            f"there: {card.peer.command('tx', 'off', 'gro', 'on')}",
        )  # fmt: skip


def hindrances(card: Card) -> tuple[Finding, ...]:
    """List all that is known to keep XDP from forwarding on this interface."""
    return (*own_hindrances(card), *peer_hindrances(card))


def _problem(card: Card, what: str, means: str, remedy: str) -> Finding:
    return Finding(card.name, Level.PROBLEM, what, means, remedy)
