# SPDX-License-Identifier: Apache-2.0
"""An interface says what its driver is, where it says anything."""

from __future__ import annotations

import pytest

from director.host.drivers import driver
from tests.lab.segment import Segment
from tests.needs import needs

pytestmark = [needs("root", "netns", "veth"), pytest.mark.lab]


def test_drivers_are_named(joined: Segment) -> None:
    assert (driver(joined.name), driver("nowhere")) == ("veth", None)
