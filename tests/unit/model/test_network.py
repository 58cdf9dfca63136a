# SPDX-License-Identifier: Apache-2.0
"""Whom a route's frames are addressed to."""

from __future__ import annotations

from dataclasses import replace

from netaddr import IPAddress

from director.model.network import Route

ON_LINK = Route(IPAddress("10.0.0.2"), 3, None, IPAddress("10.0.0.1"), 1500)


def test_a_frame_goes_to_the_gateway_where_there_is_one_else_to_the_destination() -> None:
    routed = replace(ON_LINK, gateway=IPAddress("10.0.0.254"))
    assert (ON_LINK.neighbour, routed.neighbour) == (IPAddress("10.0.0.2"), IPAddress("10.0.0.254"))
