# SPDX-License-Identifier: Apache-2.0
"""What a socket takes, by the address that it is bound to."""

from __future__ import annotations

import pytest
from netaddr import IPAddress

from realserver.evidence import Listener
from realserver.settings import Transport

TAKES = (
    ("0.0.0.0", "192.0.2.1", True), ("::", "192.0.2.1", True), ("::", "2001:db8::1", True),
    ("0.0.0.0", "2001:db8::1", False), ("192.0.2.1", "192.0.2.1", True), ("10.0.0.2", "192.0.2.1", False),
    ("::ffff:192.0.2.1", "192.0.2.1", True), ("2001:db8::1", "2001:db8::1", True),
)  # fmt: skip


@pytest.mark.parametrize(("bound", "address", "takes"), TAKES)
def test_listener_takes_what_comes_for_its_address(bound: str, address: str, takes: bool) -> None:
    assert Listener(Transport.TCP, IPAddress(bound), 80).takes(IPAddress(address)) is takes
