# SPDX-License-Identifier: Apache-2.0
"""Names of hosts and ports, asked of the system as ipvsadm asks: hosts of IPv4 by name, all by address.

The grammar and the listings know only `Names`. A look-up takes as long as the system's resolver lets it:
`-n` is for those who can not wait.
"""

from __future__ import annotations

import socket
from functools import cache
from typing import Protocol

from netaddr import IPAddress

from director.model.service import Protocol as Transport


class Names(Protocol):
    """What can be asked; None is "has none"."""

    def address(self, host: str) -> IPAddress | None:
        """Find the IPv4 address of a host."""
        ...

    def port(self, name: str, transport: Transport) -> int | None:
        """Find the port of a service such as `http`."""
        ...

    def host(self, address: IPAddress) -> str | None:
        """Find the name of an address."""
        ...

    def service(self, port: int, transport: Transport) -> str | None:
        """Find the name of a port."""
        ...


class SystemNames:
    """The system's names; each is looked up once."""

    @staticmethod
    @cache
    def address(host: str) -> IPAddress | None:
        try:
            return IPAddress(socket.gethostbyname(host)) if host else None
        except (OSError, UnicodeError):
            return None

    @staticmethod
    @cache
    def port(name: str, transport: Transport) -> int | None:
        try:
            return socket.getservbyname(name, transport.value)
        except (OSError, ValueError):  # ValueError: a NUL
            return None

    @staticmethod
    @cache
    def host(address: IPAddress) -> str | None:
        try:
            return socket.gethostbyaddr(str(address))[0]
        except (OSError, UnicodeError):
            return None

    @staticmethod
    @cache
    def service(port: int, transport: Transport) -> str | None:
        try:
            return socket.getservbyport(port, transport.value)
        except OSError:
            return None
