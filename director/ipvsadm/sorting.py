# SPDX-License-Identifier: Apache-2.0
"""The order of ipvsadm's listings. Pure.

ipvsadm compares numbers by the sign of their 32-bit difference, which wraps: 192.168.0.1 stands before
10.0.0.1, and the firewall mark 4294967295 before every address. An operator's scripts know it so.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from netaddr import IPAddress

from director.ipvsadm.wire import ListedServer, ListedService

_WORDS = 4
_SIGN = 1 << 31


def services_sorted(listed: Iterable[ListedService]) -> list[ListedService]:
    """Sort by firewall mark, family, protocol, address and port."""
    return sorted(listed, key=cmp_to_key(_by_service))


def servers_sorted(listed: Iterable[ListedServer]) -> list[ListedServer]:
    """Sort by address, of whatever family, and port."""
    return sorted(listed, key=cmp_to_key(_by_server))


def _by_service(one: ListedService, other: ListedService) -> int:
    a, b = one.service.key, other.service.key
    return (
        _difference(a.mark, b.mark)
        or a.address.version - b.address.version
        or a.protocol.number - b.protocol.number
        or _by_address(a.address, b.address)
        or a.port - b.port
    )


def _by_server(one: ListedServer, other: ListedServer) -> int:
    a, b = one.server, other.server
    return _by_address(a.address, b.address) or a.port - b.port


def _by_address(one: IPAddress, other: IPAddress) -> int:
    pairs = zip(_words(one), _words(other), strict=True)
    return next((found for a, b in pairs if (found := _difference(a, b))), 0)


def _difference(one: int, other: int) -> int:
    return (one - other + _SIGN) % (2 * _SIGN) - _SIGN


def _words(address: IPAddress) -> tuple[int, ...]:
    """Return an address as four words; an IPv4 address is the first of them."""
    if address.version == 4:
        return (int(address), 0, 0, 0)
    return tuple(int(address) >> (32 * (_WORDS - 1 - place)) & 0xFFFFFFFF for place in range(_WORDS))
