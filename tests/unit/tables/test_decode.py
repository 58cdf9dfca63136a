# SPDX-License-Identifier: Apache-2.0
"""An image read back. That it is read right is shown with the compiler, in test_image.py; here is what is
special.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.model import Configuration, Protocol, ServiceKey, VirtualService
from director.tables import compile_image, decode, find_service

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
KEY6 = ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53)
IMAGE = compile_image(Configuration((VirtualService(KEY), VirtualService(KEY6))), {})


def test_services_are_found_as_the_data_path_looks_for_them() -> None:
    found = [find_service(IMAGE, key) for key in (KEY, KEY6, replace(KEY, port=81))]
    assert [service and (service.key, service.id) for service in found] == [(KEY, 1), (KEY6, 2), None]


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(AssertionError, match="not a table image of this version"):
        decode(bytes(64))


def test_a_truncated_image_is_refused() -> None:
    with pytest.raises(AssertionError, match="bytes, but the header tells of"):
        decode(IMAGE[:-64])
