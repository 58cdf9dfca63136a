# SPDX-License-Identifier: Apache-2.0
"""How listings and saved rules write the same things: endpoints, marks, masks, flags. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from director.ipvsadm.commands import Writing
from director.ipvsadm.names import Names
from director.ipvsadm.values import FLAG_BITS, whole
from director.model.service import Protocol, ServiceKey, VirtualService

_SIGN = 1 << 31


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes addresses and ports as numbers, or by the names that they have."""

    writing: Writing
    names: Names

    def endpoint(self, address: IPAddress, port: int, transport: Protocol | None) -> str:
        """Write an endpoint; without a transport protocol a port has no name."""
        host = self._host(address)
        service = self._port(port, transport)
        return f"[{host}]:{service}" if address.version == 6 else f"{host}:{service}"

    def key(self, key: ServiceKey) -> str:
        """Write an address and a port, or a firewall mark, as a listing has it."""
        if key.mark:
            return f"{mark_number(key.mark)}{' IPv6' if key.address.version == 6 else ''}"
        return self.endpoint(key.address, key.port, key.protocol)

    def _host(self, address: IPAddress) -> str:
        name = self.names.host(address) if self.writing is Writing.NAMED else None
        return name or str(address)

    def _port(self, port: int, transport: Protocol | None) -> str:
        if self.writing is Writing.NUMERIC or transport is None:
            return str(port)
        return self.names.service(port, transport) or str(port)


def transport_of(key: ServiceKey) -> Protocol | None:
    """Return the protocol that names the ports below a service: a mark has none."""
    return None if key.mark else key.protocol


def mark_number(mark: int) -> int:
    """Return a mark as ipvsadm prints it: with a sign."""
    return (mark + _SIGN) % (2 * _SIGN) - _SIGN


def mask_of(service: VirtualService) -> str:
    """Write the mask of a service's persistence, or nothing where it has every bit."""
    mask = service.persistence.mask if service.persistence is not None else None
    if mask is None or whole(mask):
        return ""
    return str(mask.netmask_bits()) if mask.version == 6 else str(mask)


def flags_of(service: VirtualService) -> str:
    """Write a service's flags in the order of their bits."""
    bits = FLAG_BITS.get(service.scheduler, ())
    return ",".join(flag.value for flag in bits if flag in service.flags)
