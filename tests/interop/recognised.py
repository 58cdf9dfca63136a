# SPDX-License-Identifier: Apache-2.0
"""How a difference from the kernel is recognised: a rule says of one frame's reactions whether it is that.

What each difference is, and why it is meant, stands in deliberate.py.
"""

from __future__ import annotations

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
from tests.packets.checksum import ETHERNET, ones_sum, with_header_checksum
from tests.packets.network import VIP, Setting

IPIP, TCP, SCTP = 4, 6, 132
HOP_BY_HOP = 0
LEAST = {6: 20, 17: 8, 132: 12}  # bytes of a transport header, by protocol
DIRECTORS = frozenset(family.director for family in FAMILIES)
SOURCE_ROUTES = {3, 9}  # loose and strict, without the copy flag and the class


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, both reactions to it, and the respects in which they differ.

    `before` is what arrived earlier, `earlier` what the kernel did then; `lingering` are translated servers
    that services had and have no more.
    """

    setting: Setting
    step: Inject
    kernel: Reaction
    ours: Reaction
    respects: tuple[str, ...]
    before: tuple[Inject, ...]
    earlier: tuple[Reaction, ...]
    lingering: frozenset[Endpoint]


def is_fragment(step: Inject) -> bool:
    packet = parsed.frame(step.frame)
    return packet is not None and packet.is_fragment


def in_fragments(seen: Seen) -> bool:
    if is_fragment(seen.step):
        return True
    return "frames" not in seen.respects and any(map(is_fragment, seen.before))


def has_options_to_fill(seen: Seen) -> bool:
    if seen.respects != ("frames",) or seen.step.frame[ETHERNET] & 15 == 5:
        return False
    return without_options(seen.kernel.out) == without_options(seen.ours.out)


def without_options(out: tuple[Out, ...]) -> list[tuple[int, bytes]]:
    """Blank the options of each packet, and of the one in a tunnel."""
    blanked = []
    for interface, frame in out:
        at = ETHERNET + 20 if frame[ETHERNET + 9] == IPIP else ETHERNET
        header = (frame[at] & 15) * 4
        blank = frame[: at + 20] + b"\1" * (header - 20) + frame[at + header :]
        blanked.append((interface, with_header_checksum(blank, at)))
    return blanked


def is_source_routed(seen: Seen) -> bool:
    frame = Ether(seen.step.frame)
    options = {option.option for option in frame[IP].options} if IP in frame else set()
    return bool(options & SOURCE_ROUTES) and not seen.kernel.out


def is_from_the_director(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    return packet is not None and packet.source in DIRECTORS and not seen.kernel.out


def is_a_servers_own(seen: Seen) -> bool:
    """The kernel routed it on as it was, or said that its time was over; we kept it."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or not packet.has_ports() or seen.respects != ("frames",) or seen.ours.out:
        return False
    left = [found for _, frame in seen.kernel.out if (found := parsed.frame(frame))]
    gone = [each.target if is_time_exceeded(each) else each.source for each in left]
    return gone == [packet.source] and is_among(packet.ends()[0], translated(seen.setting) | seen.lingering)


def is_time_exceeded(packet: Parsed) -> bool:
    return packet.quoted() is not None and packet.body[0] == {4: 11, 6: 3}[packet.version]


def answers_the_host(seen: Seen) -> bool:
    """A NAT server's answer to the director's host itself, of which the kernel tells the server."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or not packet.has_ports() or packet.target not in DIRECTORS:
        return False
    told = [about.ends() for _, frame in seen.kernel.out if (about := quoted_by(Inject(0, frame)))]
    return told == [packet.ends()] and is_among(packet.ends()[0], translated(seen.setting))


def is_an_error_of_a_deleted_server(seen: Seen) -> bool:
    """An error about a connection whose server its service has no more: the kernel sends it there."""
    about = quoted_by(seen.step)
    if about is None or not about.has_ports() or seen.respects != ("frames",) or seen.ours.out:
        return False
    (_, address, port), (_, client, client_port) = about.ends()
    ends = (endpoint(IPAddress(client), client_port), endpoint(IPAddress(address), port))
    gone = [entry for entry in seen.kernel.entries if (entry.client, entry.virtual) == ends]
    return any(not is_kept(entry.destination, seen.setting) for entry in gone) and len(seen.kernel.out) == 1


def is_kept(name: str, setting: Setting) -> bool:
    """Whether some service has a destination at this address and port, or at every port of it."""
    held = {each.endpoint for one in setting.configuration.services for each in one.destinations}
    return name in held or f"{name.rpartition(':')[0]}:0" in held


def has_another_author(seen: Seen) -> bool:
    """Both tell the client the same of an IPv6 address that only a mark's rule knows."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or packet.version == 4 or seen.respects != ("frames",):
        return False
    told = [
        [found for _, frame in out if (found := parsed.frame(frame))]
        for out in (seen.kernel.out, seen.ours.out)
    ]
    (theirs, *more), (own, *others) = told if all(told) else ([packet], [packet])
    said = (theirs.target, theirs.body[:2], theirs.body[8:]) == (own.target, own.body[:2], own.body[8:])
    return said and not more and not others and own.source == packet.target != theirs.source


def is_of_the_last_service(seen: Seen) -> bool:
    """A packet of a connection, while there is no service at all."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or seen.setting.configuration.services:
        return False
    known = {end for entry in seen.kernel.entries for end in (entry.client, entry.destination)}
    return any(endpoint(IPAddress(address), port) in known for _, address, port in packet.ends())


def is_of_a_lost_rule(seen: Seen) -> bool:
    """A connection's mark rule was taken away, not its service: the guard leaves its frames to the stack."""
    if not any(service.key.mark for service in seen.setting.configuration.services):
        return False
    steps = (seen.step,) if "frames" in seen.respects else seen.before
    return any(is_orphan(step, seen) for step in steps)


def is_orphan(step: Inject, seen: Seen) -> bool:
    """Whether the kernel has a connection for a frame, and no service any more."""
    packet = parsed.frame(step.frame)
    if packet is None or owner(step.frame, seen.setting, seen.lingering) is not Owner.STACK:
        return False
    packet = packet.quoted() or packet
    orphans = {
        entry.client
        for entry in seen.kernel.entries
        if not is_served((entry.protocol, *end_of(entry.virtual)), seen.setting)
    }
    return any(endpoint(IPAddress(address), port) in orphans for _, address, port in packet.ends())


def quotes_a_later_fragment(seen: Seen) -> bool:
    quoted = quoted_by(seen.step)
    return quoted is not None and quoted.offset > 0 and not seen.ours.out


def waits_for_the_vips_mac(seen: Seen) -> bool:
    """The kernel asks once, and goes on waiting."""
    asked = any(asks_for_the_vip(frame) for reaction in seen.earlier for _, frame in reaction.out)
    asks = [asks_for_the_vip(frame) for _, frame in seen.kernel.out]
    return (
        seen.respects == ("frames",) and len(seen.ours.out) == 1 and (asks == [True] or (asked and not asks))
    )


def asks_for_the_vip(frame: bytes) -> bool:
    packet = Ether(frame)
    return ARP in packet and packet[ARP].pdst == VIP


def is_about_a_tunnel(seen: Seen) -> bool:
    """An error about an outer packet: the kernel tells the client of it, the director does not."""
    return seen.respects == ("frames",) and quotes_tunnel(seen.step) and not seen.ours.out


def follows_an_error_by_ipv6(seen: Seen) -> bool:
    """A packet for a tunnel over IPv6 that has been said to be narrower: its client is told so."""
    packet = parsed.frame(seen.step.frame)
    if packet is None or seen.respects != ("frames",) or not any(map(quotes_tunnel_by_ipv6, seen.before)):
        return False
    answer = parsed.frame(seen.ours.out[0][1]) if seen.ours.out else None
    return answer is not None and answer.protocol in (parsed.ICMP, parsed.ICMPV6) and is_too_big(answer)


def is_to_be_cut(seen: Seen) -> bool:
    """A packet that may be cut, on a path that is narrower than the next hop."""
    if seen.respects != ("frames",) or not any(map(quotes_tunnel, seen.before)):
        return False
    whole = max((len(frame) for _, frame in seen.ours.out), default=0)
    return len(seen.kernel.out) > len(seen.ours.out) > 0 and all(len(f) < whole for _, f in seen.kernel.out)


def is_too_big(packet: Parsed) -> bool:
    return packet.body[:1] == b"\x02" if packet.version == 6 else packet.body[:2] == b"\x03\x04"


def quotes_tunnel_by_ipv6(step: Inject) -> bool:
    quoted = quoted_by(step)
    return quotes_tunnel(step) and quoted is not None and quoted.version == 6


def quotes_tunnel(step: Inject) -> bool:
    quoted = quoted_by(step)
    return quoted is not None and quoted.tunnelled() is not None and quoted.source in DIRECTORS


def quoted_by(step: Inject) -> Parsed | None:
    """Return the packet that an ICMP error quotes."""
    packet = parsed.frame(step.frame)
    return packet.quoted() if packet else None


def end_of(text: str) -> tuple[str, int]:
    """Split what model.endpoint() put together."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def behind_extensions(seen: Seen) -> bool:
    if "frames" in seen.respects:
        return False
    return any(is_extended_tcp(parsed.frame(step.frame)) for step in (*seen.before, seen.step))


def is_extended_tcp(packet: Parsed | None) -> bool:
    return packet is not None and bool(packet.headers) and packet.protocol == TCP


def has_options_to_obey(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    hop_by_hop = packet is not None and HOP_BY_HOP in packet.headers
    return hop_by_hop and "frames" in seen.respects and bool(seen.ours.out)


def has_a_wrong_checksum(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    if packet is None or packet.protocol != parsed.ICMPV6 or seen.ours.out:
        return False
    header = bytes(seen.step.frame[ETHERNET + 8 : ETHERNET + 40])
    length = len(packet.body).to_bytes(4, "big")
    return ones_sum(header + length + b"\0\0\0" + bytes([parsed.ICMPV6]) + packet.body) != 0xFFFF


def is_an_error_of_a_servers(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    about = packet.quoted() if packet is not None and packet.version == 6 else None
    return about is not None and not seen.kernel.out and about.ends()[1] in translated(seen.setting)


def ends_within_its_header(seen: Seen) -> bool:
    return is_cut(seen.step) and not seen.ours.out


def is_cut(step: Inject) -> bool:
    """Whether an IPv6 packet ends within its transport header."""
    packet = parsed.frame(step.frame)
    if packet is None or packet.version == 4 or packet.headers:
        return False
    length = int.from_bytes(step.frame[ETHERNET + 4 : ETHERNET + 6], "big")
    return length < LEAST.get(packet.protocol, 0)


def is_wrongly_summed_sctp(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    if packet is None or packet.protocol != SCTP or seen.respects != ("frames",):
        return False
    return [unsummed(each) for each in seen.kernel.out] == [unsummed(each) for each in seen.ours.out]


def unsummed(out: Out) -> tuple[int, bytes]:
    """Blank the checksum of an SCTP packet."""
    interface, frame = out
    at = ETHERNET + (20 if frame[12:14] == b"\x08\x00" else 40) + 8
    return interface, frame[:at] + frame[at + 4 :]


def lacks_ports(seen: Seen) -> bool:
    packet = parsed.frame(seen.step.frame)
    return packet is not None and packet.protocol == SCTP and not packet.has_ports() and not seen.kernel.out


def has_a_twin(seen: Seen) -> bool:
    """Whether two connections of one client's port have the same server and port."""
    ends = [(entry.protocol, entry.client, entry.destination) for entry in seen.kernel.entries]
    return seen.respects == ("frames",) and len(set(ends)) < len(ends)


def is_nobodys(seen: Seen) -> bool:
    if "frames" in seen.respects:
        return has_no_sender(seen.step, seen.setting) and not seen.ours.out
    return any(has_no_sender(step, seen.setting) for step in seen.before)


def has_no_sender(step: Inject, setting: Setting) -> bool:
    """Whether an IPv6 packet comes from nowhere, from an IPv4-mapped address or from a VIP."""
    packet = parsed.frame(step.frame)
    if packet is None or packet.version == 4:
        return False
    source = IPAddress(packet.source)
    own = {service.key.address for service in setting.configuration.services}
    return source == IPAddress("::") or source.is_ipv4_mapped() or source in own


def shows_in_no_frame(_seen: Seen) -> bool:
    return False
