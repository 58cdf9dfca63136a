# SPDX-License-Identifier: Apache-2.0
"""What `ipvsadm -S` writes: the rules that would make the table again, one a line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from director.ipvsadm.sorting import servers_sorted, services_sorted
from director.ipvsadm.wire import ListedService
from director.ipvsadm.writing import Pen, flags_of, mark_number, mask_of, transport_of
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    ServiceKey,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)

_OPTIONS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
_METHODS = {ForwardingMethod.DR: "-g", ForwardingMethod.TUN: "-i", ForwardingMethod.NAT: "-m"}
_CHECKSUMS = {
    TunnelChecksum.NONE: "--tun-nocsum",
    TunnelChecksum.CHECKSUM: "--tun-csum",
    TunnelChecksum.REMOTE: "--tun-remcsum",
}


def rules(listed: Iterable[ListedService], pen: Pen) -> Iterator[str]:
    """Write the rules, sorted as a listing is."""
    for each in services_sorted(listed):
        key = _key(each.service.key, pen)
        yield f"-A {key} {_particulars(each.service)}"
        for below in servers_sorted(each.servers):
            server = below.server
            where = pen.endpoint(server.address, server.port, transport_of(each.service.key))
            yield f"-a {key} -r {where} {_METHODS[server.method]} -w {server.weight}{_tunnel(server)}"


def _key(key: ServiceKey, pen: Pen) -> str:
    if key.mark:
        return f"-f {mark_number(key.mark)}{' -6' if key.address.version == 6 else ''}"
    return f"{_OPTIONS[key.protocol]} {pen.key(key)}"


def _particulars(service: VirtualService) -> str:
    words = [f"-s {service.scheduler.value}"]
    if service.persistence is not None:
        mask = mask_of(service)
        words.append(f"-p {service.persistence.timeout}")
        words += [f"-M {mask}"] if mask else []
    words += ["-o"] if service.one_packet else []
    words += [f"-b {flags_of(service)}"] if service.flags else []
    return " ".join(words)


def _tunnel(server: Destination) -> str:
    if server.method is not ForwardingMethod.TUN:
        return ""
    tunnel = server.tunnel
    words = f" --tun-type {tunnel.type.value}"
    if tunnel.type is TunnelType.GUE:
        words += f" --tun-port {tunnel.port}"
    return words if tunnel.type is TunnelType.IPIP else f"{words} {_CHECKSUMS[tunnel.checksum]}"
