# SPDX-License-Identifier: Apache-2.0
"""Tell a segment that an address lives here now: the ARP announcement of RFC 5227, section 3, and by IPv6 the
unsolicited neighbour advertisement of RFC 4861, section 7.2.6.

Neighbours that knew the address elsewhere (at another director) overwrite what they knew. Two are sent, since
a frame can get lost.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from netaddr import EUI, IPAddress, mac_unix_expanded
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from director.model import Link

ETH_P_ARP = 0x0806
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
TIMES, INTERVAL = 2, 2.0  # RFC 5227: ANNOUNCE_NUM, ANNOUNCE_INTERVAL in seconds


def announcement(mac: EUI, address: IPAddress) -> bytes:
    """Build the frame that says at which MAC the address is."""
    source = str(EUI(mac, dialect=mac_unix_expanded))
    return _arp(source, str(address)) if address.version == 4 else _advertisement(source, str(address))


def _arp(source: str, address: str) -> bytes:
    """A broadcast request whose sender and target are both the address."""
    arp = ARP(op="who-has", hwsrc=source, psrc=address, hwdst="00:00:00:00:00:00", pdst=address)
    return bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=source, type=ETH_P_ARP) / arp)


def _advertisement(source: str, address: str) -> bytes:
    """An advertisement to all nodes that nobody asked for, and that overrides what they know."""
    advertisement = ICMPv6ND_NA(tgt=address, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=source)
    packet = IPv6(src=address, dst=ALL_NODES, hlim=255) / advertisement
    return bytes(Ether(dst=ALL_NODES_MAC, src=source) / packet)


async def announce(link: Link, addresses: Sequence[IPAddress]) -> None:
    """Announce these on the link; one that has no MAC, or goes away meanwhile, is passed over."""
    if link.mac is None:
        return
    frames = []
    for address in addresses:
        frames.append(announcement(link.mac, address))
        await asyncio.sleep(0)  # a frame takes a moment to build, and there may be thousands
    for number in range(TIMES if frames else 0):
        if number:
            await asyncio.sleep(INTERVAL)
        try:
            _send(link.name, frames)
        except OSError:
            return


def _send(interface: str, frames: Sequence[bytes]) -> None:
    """Send through one socket: the kernel takes some 10 ms to close one."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((interface, 0))
        for frame in frames:
            sender.send(frame)
