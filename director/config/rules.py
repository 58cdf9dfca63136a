# SPDX-License-Identifier: Apache-2.0
"""What must hold between the fields of a service, its destinations and the table, for files and edits alike.

Works on nouns whose single fields were checked when they were read. Keys of faults are relative to the noun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netaddr import IPAddress

from director.config.errors import Fault
from director.config.limits import MAX_DESTINATIONS, MAX_MARKS, MAX_SERVICE_DESTINATIONS, MAX_SERVICES
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
    endpoint,
)

_CHECKSUMS = {
    TunnelType.IPIP: (TunnelChecksum.NONE,),
    TunnelType.GRE: (TunnelChecksum.NONE, TunnelChecksum.CHECKSUM),
    TunnelType.GUE: tuple(TunnelChecksum),
}


def service_faults(service: VirtualService) -> Iterator[Fault]:
    """Find what is wrong with a service, its destinations apart."""
    key = service.key
    for flag in sorted(service.flags, key=lambda each: each.value):
        if flag.scheduler is not service.scheduler:
            mine, theirs = service.scheduler.value, flag.scheduler.value
            message = f"{flag.value} belongs to the scheduler {theirs}, and this service has {mine}"
            yield Fault("flags", flag.value, f"a flag of the scheduler {mine}", message)
    yield from _persistence_faults(service)
    if service.one_packet and key.protocol is not Protocol.UDP and not key.mark:
        message = f"only UDP can be scheduled packet by packet, and this service is {key.protocol.value}"
        yield Fault("one_packet", "true", "false", message)


def _persistence_faults(service: VirtualService) -> Iterator[Fault]:
    key, held = service.key, service.persistence
    if key.port == 0 and not key.mark and held is None:
        message = "port 0 stands for all ports, and only a persistent service can have them"
        yield Fault("address", endpoint(key.address, 0), "a port, or persistence", message)
    if held is not None and held.mask is not None and held.mask.version != key.address.version:
        family = f"a mask of IPv{key.address.version} addresses"
        message = f"{held.mask} is no mask of IPv{key.address.version} addresses"
        yield Fault("persistence_mask", str(held.mask), family, message)


def mask_alone(mask: IPAddress | int) -> Fault:
    """Refuse a mask that says which clients are one, where none is kept at a server."""
    message = "a mask belongs to persistence, and this service has none"
    return Fault("persistence_mask", str(mask), "persistence as well", message)


def destination_faults(service: ServiceKey, destination: Destination) -> Iterator[Fault]:
    """Find what is wrong with a destination of this service."""
    address, port, found = destination.address, destination.port, destination.endpoint
    if address.version != service.address.version and destination.method is not ForwardingMethod.TUN:
        families = f"is IPv{address.version} and its service IPv{service.address.version}"
        message = f"{found} {families}; {destination.method.value} does not mix them, tun does"
        yield Fault("address", found, f"an IPv{service.address.version} address", message)
    elif address.version == 6 and address.is_link_local():
        message = f"{found} is link-local, and on which interface it does not say"
        yield Fault("address", found, "an address that a route leads to", message)
    if destination.method is not ForwardingMethod.NAT and port != service.port and not service.mark:
        message = (
            f"{found} has port {port}; {destination.method.value} keeps the service's port {service.port}"
        )
        yield Fault("address", found, f"port {service.port}", message)
    yield from _threshold_faults(destination)
    yield from _tunnel_faults(destination)


def _threshold_faults(destination: Destination) -> Iterator[Fault]:
    upper, lower = destination.upper, destination.lower
    if lower > upper:
        message = f"{lower} is above upper, which is {upper}"
        yield Fault("lower", str(lower), f"at most {upper}", message)


def _tunnel_faults(destination: Destination) -> Iterator[Fault]:
    tunnel = destination.tunnel
    if destination.method is not ForwardingMethod.TUN:
        if tunnel != Tunnel():
            message = f"a tunnel belongs to the method tun, and this server has {destination.method.value}"
            yield Fault("tunnel", tunnel.type.value, "the method tun", message)
        return
    if (tunnel.port != 0) != (tunnel.type is TunnelType.GUE):
        expected = "a UDP port" if tunnel.type is TunnelType.GUE else "0"
        message = f"{tunnel.port} is not {expected}: the tunnel is {tunnel.type.value}"
        yield Fault("tunnel_port", str(tunnel.port), expected, message)
    if tunnel.checksum not in _CHECKSUMS[tunnel.type]:
        expected = " or ".join(each.value for each in _CHECKSUMS[tunnel.type])
        message = f"{tunnel.type.value} has no checksum {tunnel.checksum.value}; expected {expected}"
        yield Fault("tunnel_checksum", tunnel.checksum.value, expected, message)


def mark_faults(count: int) -> Iterator[Fault]:
    """Find what the table has no room for."""
    if count > MAX_MARKS:
        yield _too_many("mark", count, MAX_MARKS, "rules")


def size_faults(services: Iterable[VirtualService]) -> Iterator[Fault]:
    """Find what the table has no room for."""
    counts = [len(service.destinations) for service in services]
    for index, count in enumerate(counts):
        if count > MAX_SERVICE_DESTINATIONS:
            yield _too_many(f"service[{index}].destination", count, MAX_SERVICE_DESTINATIONS, "destinations")
    if len(counts) > MAX_SERVICES:
        yield _too_many("service", len(counts), MAX_SERVICES, "services")
    if sum(counts) > MAX_DESTINATIONS:
        yield _too_many("service", sum(counts), MAX_DESTINATIONS, "destinations in all")


def _too_many(key: str, count: int, most: int, what: str) -> Fault:
    return Fault(key, f"{count} {what}", f"at most {most}", f"{count} {what} are more than {most}")
