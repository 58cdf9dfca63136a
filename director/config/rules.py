# SPDX-License-Identifier: Apache-2.0
"""What must hold between the fields of a service, its destinations and the table, for files and edits alike.

Works on nouns whose single fields were checked when they were read. Keys of faults are relative to the noun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from director.config.errors import Fault
from director.config.limits import MAX_DESTINATIONS, MAX_SERVICE_DESTINATIONS, MAX_SERVICES
from director.model.service import Destination, ForwardingMethod, ServiceKey, VirtualService, endpoint


def service_faults(service: VirtualService) -> Iterator[Fault]:
    """Find what is wrong with a service, its destinations apart."""
    key = service.key
    if key.address.version == 6:
        found = endpoint(key.address, key.port)
        yield Fault("address", found, "an IPv4 address", f"{found}: IPv6 services are not forwarded yet")
    for flag in sorted(service.flags, key=lambda each: each.value):
        if flag.scheduler is not service.scheduler:
            mine, theirs = service.scheduler.value, flag.scheduler.value
            message = f"{flag.value} belongs to the scheduler {theirs}, and this service has {mine}"
            yield Fault("flags", flag.value, f"a flag of the scheduler {mine}", message)


def destination_faults(service: ServiceKey, destination: Destination) -> Iterator[Fault]:
    """Find what is wrong with a destination of this service."""
    address, port, found = destination.address, destination.port, destination.endpoint
    if address.version != service.address.version:
        families = f"is IPv{address.version} and its service IPv{service.address.version}"
        message = f"{found} {families}; mixed families are not forwarded yet"
        yield Fault("address", found, f"an IPv{service.address.version} address", message)
    elif address == service.address:
        message = f"{found} is the service's own address; expected a real server's"
        yield Fault("address", found, "a real server's address", message)
    if destination.method is not ForwardingMethod.NAT and port != service.port:
        message = (
            f"{found} has port {port}; {destination.method.value} keeps the service's port {service.port}"
        )
        yield Fault("address", found, f"port {service.port}", message)


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
