# SPDX-License-Identifier: Apache-2.0
"""Ask the kernel how it would send to an address, as its own stack would ask."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director.host.messages import route_of
from director.model import Link, RouteAnswer

# no route at all, an "unreachable", a "prohibit" and a "blackhole" route; in order
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL}


async def resolve_route(kernel: AsyncIPRoute, address: IPAddress, links: Mapping[int, Link]) -> RouteAnswer:
    """Resolve the route to this address; None where the kernel would not forward to it."""
    try:
        (message, *_) = await kernel.route("get", dst=str(address))
    except NetlinkError as error:
        if error.code not in NO_ROUTE:
            raise
        return None
    return route_of(address, message, links)
