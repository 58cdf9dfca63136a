# SPDX-License-Identifier: Apache-2.0
"""Sockets that speak to a multicast group, and that listen to one.

Bound to their interface, so that nothing is heard from elsewhere. What this host sends to a group it does not
hear itself.
"""

from __future__ import annotations

import socket
import struct

from director.model.sync import SyncDaemon

SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
RECEIVE_BUFFER = 4 << 20
"""Bytes: a master that begins tells of all its connections at once."""


def speaking(daemon: SyncDaemon, interface: int, buffer: int) -> socket.socket:
    """Open a socket whose `send` goes to the daemon's group; OSError where the interface can not do it."""
    made = _socket(daemon)
    try:
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, buffer)
        if daemon.group.version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, daemon.ttl)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _membership(daemon, interface))
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, daemon.ttl)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        made.connect(_address(daemon, interface))
    except OSError:
        made.close()
        raise
    return made


def listening(daemon: SyncDaemon, interface: int, buffer: int) -> socket.socket:
    """Open a socket that has what comes to the daemon's group on this interface, and join the group."""
    made = _socket(daemon)
    try:
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer or RECEIVE_BUFFER)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(_address(daemon, interface))
        if daemon.group.version == 6:
            joined = daemon.group.packed + struct.pack("@I", interface)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _membership(daemon, interface))
    except OSError:
        made.close()
        raise
    return made


def _socket(daemon: SyncDaemon) -> socket.socket:
    family = socket.AF_INET6 if daemon.group.version == 6 else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, daemon.interface.encode() + b"\0")
    except OSError:
        made.close()
        raise
    return made


def _address(daemon: SyncDaemon, interface: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if daemon.group.version == 6:
        return str(daemon.group), daemon.port, 0, interface
    return str(daemon.group), daemon.port


def _membership(daemon: SyncDaemon, interface: int) -> bytes:
    """Write a struct ip_mreqn: group, any address of ours, interface."""
    return struct.pack("@4s4si", daemon.group.packed, bytes(4), interface)
