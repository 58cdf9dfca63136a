# SPDX-License-Identifier: Apache-2.0
"""Listening ports are read from the kernel's own tables."""

import pytest
from netaddr import IPAddress

from lab.listeners import is_served, parse_listeners
from lab.topology import Endpoint, Protocol

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = (
    HEAD
    + "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n"
    + "   1: 0B00000A:0050 0A6433C6:A000 01 00000000:00000000 00:00000000 00000000     0        0 2 1\n"
    + HEAD
    + "   0: 000000FD000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 3\n"
)
UDP = (
    HEAD + "  77: 010200C0:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4 2\n"
)


def _endpoint(address: str, port: int) -> Endpoint:
    return Endpoint(IPAddress(address), port)


def test_listening_sockets_are_found_and_connected_ones_left_out() -> None:
    found = parse_listeners(TCP, Protocol.TCP), parse_listeners(UDP, Protocol.UDP)
    assert found == (
        frozenset({_endpoint("0.0.0.0", 80), _endpoint("fd00::1", 8080)}),
        frozenset({_endpoint("192.0.2.1", 53)}),
    )


@pytest.mark.parametrize(
    ("listener", "wanted", "served"),
    [
        (("10.0.0.1", 80), ("10.0.0.1", 80), True),
        (("10.0.0.1", 80), ("10.0.0.1", 81), False),
        (("10.0.0.1", 80), ("10.0.0.2", 80), False),
        (("0.0.0.0", 80), ("10.0.0.2", 80), True),
        (("0.0.0.0", 80), ("fd00::2", 80), False),
        (("::", 80), ("fd00::2", 80), True),
        (("::", 80), ("10.0.0.2", 80), True),
    ],
)
def test_a_listener_takes_what_its_address_covers(
    listener: tuple[str, int], wanted: tuple[str, int], served: bool
) -> None:
    assert is_served(_endpoint(*wanted), [_endpoint(*listener)]) is served
