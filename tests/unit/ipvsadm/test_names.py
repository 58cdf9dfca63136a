# SPDX-License-Identifier: Apache-2.0
"""Names asked of the system."""

from __future__ import annotations

from netaddr import IPAddress

from director.ipvsadm.names import SystemNames
from director.model.service import Protocol

NAMES = SystemNames()


def test_a_host_is_found_by_name_and_by_address() -> None:
    assert NAMES.address("localhost") == IPAddress("127.0.0.1")
    assert NAMES.host(IPAddress("127.0.0.1")) == "localhost"


def test_what_has_no_name_has_none() -> None:
    assert NAMES.address("") is None
    assert NAMES.address("no such host") is None
    assert NAMES.address("a" * 300) is None
    assert NAMES.port("nosuchport", Protocol.TCP) is None
    assert NAMES.port("a\0b", Protocol.TCP) is None
    assert NAMES.service(1, Protocol.SCTP) is None
