# SPDX-License-Identifier: Apache-2.0
"""Tell a segment that an IPv4 address lives here now: the ARP announcement of RFC 5227, section 3.

Neighbours that knew the address elsewhere (at another director) overwrite what they knew. Two are sent, since
a frame can get lost. IPv6 addresses are not announced: IPv6 services are not forwarded.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from netaddr import EUI, IPAddress, mac_unix_expanded
from scapy.layers.l2 import ARP, Ether

from director.model import Link

ETH_P_ARP = 0x0806
TIMES, INTERVAL = 2, 2.0  # RFC 5227: ANNOUNCE_NUM, ANNOUNCE_INTERVAL in seconds


def announcement(mac: EUI, address: IPAddress) -> bytes:
    """Build the frame: a broadcast request whose sender and target are both the address."""
    source = EUI(mac, dialect=mac_unix_expanded)
    arp = ARP(
        op="who-has", hwsrc=str(source), psrc=str(address), hwdst="00:00:00:00:00:00", pdst=str(address)
    )
    return bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=str(source), type=ETH_P_ARP) / arp)


async def announce(link: Link, addresses: Sequence[IPAddress]) -> None:
    """Announce these on the link; one that has no MAC, or goes away meanwhile, is passed over."""
    if link.mac is None:
        return
    frames = []
    for address in addresses:
        if address.version == 4:
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
