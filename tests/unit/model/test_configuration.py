# SPDX-License-Identifier: Apache-2.0
"""How a configuration is asked for a service."""

from __future__ import annotations

from netaddr import IPAddress

from director.model.configuration import Configuration
from director.model.service import Protocol, ServiceKey, VirtualService

TCP = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 53)
UDP = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)


def test_a_service_is_found_by_its_whole_key() -> None:
    configuration = Configuration((VirtualService(TCP),))
    assert (configuration.service(TCP), configuration.service(UDP)) == (VirtualService(TCP), None)
