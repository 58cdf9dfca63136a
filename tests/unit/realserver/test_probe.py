# SPDX-License-Identifier: Apache-2.0
"""Reading this host's own socket tables."""

from __future__ import annotations

import socket

from netaddr import IPAddress

from realserver.evidence import Listener
from realserver.probe import listeners
from realserver.settings import Transport


def test_listening_and_unconnected_sockets_are_found_and_others_are_not() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as tcp6,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_connection(tcp.getsockname()) as client,
    ):
        udp.bind(("127.0.0.1", 0))
        found = set(listeners())
        mine = {
            Listener(Transport.TCP, IPAddress("127.0.0.1"), tcp.getsockname()[1]),
            Listener(Transport.TCP, IPAddress("::1"), tcp6.getsockname()[1]),
            Listener(Transport.UDP, IPAddress("127.0.0.1"), udp.getsockname()[1]),
        }
        assert mine <= found
        assert Listener(Transport.TCP, IPAddress("127.0.0.1"), client.getsockname()[1]) not in found
