# SPDX-License-Identifier: Apache-2.0
"""What else on this host handles packets: forwarding, packet filters, kernel IPVS, sockets; only read.

Asked in the network namespace of the calling thread. What the kernel does not have handles nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from netaddr import IPAddress
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink import nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import NFT_MSG_GETTABLE, NFTSocket

from director.model import Protocol, ServiceKey

NET = Path("/proc/thread-self/net")
IPV4 = Path("/proc/sys/net/ipv4")
STRICT = 1
TCP_LISTEN = "0A"
EVERY = 0
FAMILIES = {1: "inet", 2: "ip", 5: "netdev"}
"""Of nftables (the kernel's NFPROTO_*), those whose rules an IPv4 packet may meet."""


def forwards() -> bool:
    """Say whether the stack forwards IPv4 packets itself."""
    return (IPV4 / "ip_forward").read_text().strip() != "0"


def lo_is_strict() -> bool:
    """Say whether lo drops IPv4 packets from where it does not lead; the larger of two switches counts."""
    switches = ((IPV4 / "conf" / name / "rp_filter").read_text() for name in ("all", "lo"))
    return max(map(int, switches)) == STRICT


def packet_filters() -> tuple[str, ...]:
    """Name the tables of nftables and of the older iptables that an IPv4 packet may meet."""
    return (*_nftables(), *(f"iptables {name}" for name in _lines("ip_tables_names")))


def listeners() -> frozenset[ServiceKey]:
    """List what sockets are bound to, but for those that are bound to every address."""
    return frozenset((*_bound("tcp", Protocol.TCP), *_bound("udp", Protocol.UDP)))


def kernel_services() -> frozenset[ServiceKey]:
    """List the services that the kernel's IPVS balances."""
    words = (line.split() for line in _lines("ip_vs"))
    return frozenset(
        _kernel_service(each[0], each[1]) for each in words if each and each[0] in ("TCP", "UDP")
    )


def _kernel_service(protocol: str, place: str) -> ServiceKey:
    address, _, port = place.rpartition(":")
    known = IPAddress(address.strip("[]")) if address.startswith("[") else IPAddress(int(address, 16))
    return ServiceKey(Protocol(protocol.lower()), known, int(port, 16))


def _bound(name: str, protocol: Protocol) -> Iterator[ServiceKey]:
    for line in _lines(name)[1:]:
        _, local, _, state, *_ = line.split()
        address, port = local.split(":")
        known = IPAddress(socket.inet_ntoa(struct.pack("=I", int(address, 16))))
        if int(known) and (protocol is Protocol.UDP or state == TCP_LISTEN):
            yield ServiceKey(protocol, known, int(port, 16))


def _nftables() -> Iterator[str]:
    with suppress(NetlinkError, OSError), NFTSocket(nfgen_family=EVERY) as kernel:
        for message in kernel.request_get(nfgen_msg(), NFT_MSG_GETTABLE):
            family = FAMILIES.get(message["nfgen_family"])
            if family is not None:
                yield f"nftables {family} {message.get_attr('NFTA_TABLE_NAME')}"


def _lines(name: str) -> list[str]:
    with suppress(OSError):
        return (NET / name).read_text().splitlines()
    return []
