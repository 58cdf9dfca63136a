# SPDX-License-Identifier: Apache-2.0
"""Asks with ARP: the segment, who has an address, and this kernel, whether it would answer for one.

Every question is a probe after RFC 5227 (sender address 0.0.0.0), from which no host learns anything.
It decides nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from netaddr import EUI, IPAddress
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
from scapy.layers.l2 import ARP, Ether

from realserver.evidence import Answers, OwnAnswers
from realserver.settings import Interface

ETH_P_ARP = 0x0806
NOBODY = str(IPAddress(0, 4))
BROADCAST = "ff:ff:ff:ff:ff:ff"
REPLY = 2
WINDOW = 1.0  # seconds to wait for everybody who might answer: one answer says nothing about a second
REPEATS = 2  # a broadcast may be lost; half of the window goes to each
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
TAP_MAC = "02:00:5e:00:53:01"
CONTROL = IPAddress("169.254.83.1")  # bound to the tap alone, to know when the kernel has read the questions
SILENCING = ("arp_ignore", "arp_filter")


def ask_segment(interface: Interface, addresses: tuple[IPAddress, ...]) -> Answers:
    """Ask everybody on the interface's segment for these addresses, and wait for all the answers."""
    wanted = tuple(address for address in addresses if address.version == 4)
    if not interface.is_ethernet or interface.mac is None:
        return Answers(fault=f"{interface.name} is no Ethernet: nobody can be asked there")
    if not wanted:
        return Answers()
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as segment:
            segment.bind((interface.name, ETH_P_ARP))
            return Answers(_collect(segment, str(interface.mac).replace("-", ":"), wanted))
    except OSError as error:
        return Answers(fault=f"cannot ask on {interface.name}: {error.strerror}")


def ask_ourselves(interface: Interface, addresses: tuple[IPAddress, ...]) -> OwnAnswers:
    """Ask this kernel through a tap that has the interface's ARP settings; the tap goes with its descriptor.

    A host cannot ask itself over its own wire: a frame it sends never comes back in.
    """
    wanted = tuple(address for address in addresses if address.version == 4)
    try:
        with _tap(interface.name) as tap:
            for address in (*wanted, CONTROL):
                os.write(tap, _question(TAP_MAC, address))
            heard = frozenset(_heard_from_tap(tap))
    except OSError as error:
        return OwnAnswers(fault=f"this host cannot ask itself: {error.strerror}")
    except NetlinkError as error:
        return OwnAnswers(fault=f"this host cannot ask itself: {os.strerror(error.code)}")
    return OwnAnswers(heard - {CONTROL})


def _question(source: str, address: IPAddress) -> bytes:
    asking = ARP(op=1, hwsrc=source, psrc=NOBODY, hwdst="00:00:00:00:00:00", pdst=str(address))
    return bytes(Ether(src=source, dst=BROADCAST) / asking)


def _collect(
    segment: socket.socket, source: str, addresses: tuple[IPAddress, ...]
) -> dict[IPAddress, frozenset[EUI]]:
    found: dict[IPAddress, set[EUI]] = {address: set() for address in addresses}
    for _ in range(REPEATS):
        for address in addresses:
            segment.send(_question(source, address))
        for address, answerer in _replies(segment, time.monotonic() + WINDOW / REPEATS):
            if address in found:
                found[address].add(answerer)
    return {address: frozenset(answerers) for address, answerers in found.items()}


def _replies(segment: socket.socket, deadline: float) -> Iterator[tuple[IPAddress, EUI]]:
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([segment], [], [], left)[0]:
            return
        frame, origin = segment.recvfrom(2048)
        reply = None if origin[2] == socket.PACKET_OUTGOING else _reply_in(frame)
        if reply:
            yield reply


def _reply_in(frame: bytes) -> tuple[IPAddress, EUI] | None:
    packet = Ether(frame)
    if ARP not in packet or packet[ARP].op != REPLY:
        return None
    return IPAddress(packet[ARP].psrc), EUI(packet[ARP].hwsrc)


@contextlib.contextmanager
def _tap(like: str) -> Iterator[int]:
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    try:
        request = struct.pack("16sH22x", b"rsask%d", IFF_TAP | IFF_NO_PI)
        name = fcntl.ioctl(descriptor, TUNSETIFF, request)[:16].rstrip(b"\0").decode()
        _settle_tap(name, like)
        yield descriptor
    finally:
        os.close(descriptor)


def _settle_tap(name: str, like: str) -> None:
    """Give the tap the interface's settings, an address of its own, and no IPv6 chatter."""
    conf = Path("/proc/sys/net/ipv4/conf")
    for setting in SILENCING:
        (conf / name / setting).write_text((conf / like / setting).read_text())
    quiet = Path("/proc/sys/net/ipv6/conf") / name / "disable_ipv6"
    if quiet.exists():
        quiet.write_text("1\n")
    with IPRoute() as ip:
        index = ip.link_lookup(ifname=name)[0]
        ip.addr("add", index=index, address=str(CONTROL), prefixlen=32, scope=253)
        ip.link("set", index=index, state="up")


def _heard_from_tap(tap: int) -> Iterator[IPAddress]:
    """Read until the control question, asked last, is answered; where ARP is off, until the window closes."""
    deadline = time.monotonic() + WINDOW
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([tap], [], [], left)[0]:
            return
        reply = _reply_in(os.read(tap, 2048))
        if reply:
            yield reply[0]
            if reply[0] == CONTROL:
                return
