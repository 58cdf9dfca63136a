# SPDX-License-Identifier: Apache-2.0
"""Which driver an interface has; only read, by ethtool's oldest question, which every kernel answers."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import sys

VIRTUAL = frozenset({"veth", "virtio_net", "tun", "vif", "hv_netvsc", "vmxnet3"})
"""Drivers of links within a machine, where frames come large and with checksums not filled in."""
SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 0x00000003
ANSWER_SIZE = 196
DRIVER = slice(4, 36)
REQUEST = struct.Struct("16sP")


def driver(interface: str) -> str | None:
    """Name the driver of an interface; None where it does not say."""
    answer = array.array("B", ETHTOOL_GDRVINFO.to_bytes(4, sys.byteorder).ljust(ANSWER_SIZE, b"\0"))
    address, _ = answer.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            fcntl.ioctl(asking, SIOCETHTOOL, REQUEST.pack(interface.encode(), address))
        except OSError:
            return None
    return answer.tobytes()[DRIVER].split(b"\0")[0].decode() or None
