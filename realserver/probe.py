# SPDX-License-Identifier: Apache-2.0
"""Gathers the evidence for `check`: asks segment and kernel, reads socket tables, programs and offloads.

Decides nothing, and changes nothing that outlives it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from netaddr import IPAddress
from pyroute2.ethtool import Ethtool
from pyroute2.netlink.exceptions import NetlinkError

from realserver import bpf
from realserver.arp import ask_ourselves, ask_segment
from realserver.errors import HostError
from realserver.evidence import Evidence, Listener, Unwrapping
from realserver.host import Host
from realserver.settings import DecapKey, Duty, HostState, Method, Transport

SOCKET_TABLES = {
    "tcp": (Transport.TCP, "0A"),  # TCP_LISTEN
    "tcp6": (Transport.TCP, "0A"),
    "udp": (Transport.UDP, "07"),  # a UDP socket that is not connected
    "udp6": (Transport.UDP, "07"),
}


def gather(host: Host, have: HostState, duties: tuple[Duty, ...]) -> Evidence:
    """Ask everything that judging these duties needs, each interface once."""
    silent = tuple(duty for duty in duties if duty.binds_vip)
    names = {duty.interface for duty in silent if have.interface(duty.interface)}
    interfaces = [interface for interface in have.interfaces if interface.name in names]
    asked = {name: _addresses_to_ask(silent, name) for name in names}
    return Evidence(
        segments={each.name: ask_segment(each, asked[each.name]) for each in interfaces},
        own={each.name: ask_ourselves(each, asked[each.name]) for each in interfaces},
        listeners=frozenset(listeners()),
        unwrapping=unwrappings(host, have),
        receive_merging=frozenset(duty.interface for duty in duties if _merges_on_receipt(duty)),
    )


def unwrappings(host: Host, have: HostState) -> tuple[Unwrapping, ...]:
    """Read every unwrapping program of this host."""
    interfaces = sorted(key.interface for key in have.settings if isinstance(key, DecapKey))
    return tuple(_unwrapping(host, interface) for interface in interfaces)


def listeners() -> Iterator[Listener]:
    """Read this namespace's socket tables."""
    for table, (transport, state) in SOCKET_TABLES.items():
        file = Path("/proc/self/net") / table
        lines = file.read_text().splitlines()[1:] if file.exists() else []
        for line in lines:
            fields = line.split()
            if fields[3] == state:
                address, port = fields[1].split(":")
                yield Listener(transport, _socket_address(address), int(port, 16))


def _addresses_to_ask(duties: tuple[Duty, ...], interface: str) -> tuple[IPAddress, ...]:
    here = [duty for duty in duties if duty.interface == interface]
    return tuple(dict.fromkeys(address for duty in here for address in (duty.vip, duty.director) if address))


def _socket_address(text: str) -> IPAddress:
    """Read the kernel's hexadecimal, which shows each 32-bit word in the machine's own byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return IPAddress(socket.inet_ntop(family, packed))


def _unwrapping(host: Host, interface: str) -> Unwrapping:
    try:
        program = host.decap_program(interface)
        return Unwrapping(
            interface,
            bpf.read_endpoints(program),
            bpf.read_vips(program),
            bpf.read_counts(program),
        )
    except HostError as error:
        return Unwrapping(interface, fault=str(error))


def _merges_on_receipt(duty: Duty) -> bool:
    if duty.method is not Method.TUN:
        return False
    try:
        with Ethtool() as ethtool:
            feature = ethtool.get_features(duty.interface).features.get("rx-lro")
    except (NetlinkError, OSError):
        return False
    return bool(feature and feature.enable)
