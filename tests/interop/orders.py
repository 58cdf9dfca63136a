# SPDX-License-Identifier: Apache-2.0
"""What an operator types to bring a kernel director to a setting: ipvsadm's commands, and those beside it.

Pure: settings in, commands out. The marks, which the kernel's IPVS only reads, are traffic control's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from netaddr import IPAddress

from director.model import (
    Destination,
    ForwardingMethod,
    MarkRule,
    Protocol,
    ServiceKey,
    Timeouts,
    Tunables,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from tests.interop.families import family_of
from tests.packets.network import MTU, Setting

METHODS = {ForwardingMethod.DR: "-g", ForwardingMethod.TUN: "-i", ForwardingMethod.NAT: "-m"}
CHECKSUMS = {
    TunnelChecksum.NONE: "--tun-nocsum",
    TunnelChecksum.CHECKSUM: "--tun-csum",
    TunnelChecksum.REMOTE: "--tun-remcsum",
}
KERNELS_NOT = ("icmp_msgs_per_sec", "sync_threshold", "sync_period")  # by that name
KERNEL_TUNABLES = tuple(field.name for field in fields(Tunables) if field.name not in KERNELS_NOT)
SETTABLE = ("tcp_established", "tcp_fin_wait", "udp")  # by ipvsadm --set, in its order
INGRESS = ("out0", "in0")
DEFENCES = ("drop_entry", "drop_packet", "secure_tcp")
AT_ONCE, FLUSHING, DEFENDING = 0, 0.1, 1.5  # seconds until the kernel has done what it puts off

Step = dict[str, Any]


def commands(old: Setting | None, new: Setting) -> Step:
    """Say how to get from one setting to another, an operator's way."""
    was = {service.key: service for service in old.configuration.services} if old else {}
    now = {service.key: service for service in new.configuration.services}
    typed: list[tuple[str, ...]] = [("-D", *_key(key)) for key in was if key not in now]
    for key, service in now.items():
        typed += _changes(was.get(key), service)
    typed += _timeouts(old.configuration.timeouts if old else Timeouts(), new.configuration.timeouts)
    written = dict(_tunables(old.configuration.tunables if old else Tunables(), new.configuration.tunables))
    return {
        "write": written,
        "ip": list(_routes(old, new)),
        "tc": list(_marks(old.configuration.marks if old else (), new.configuration.marks)),
        "ipvsadm": typed,
        "settles": _settling(typed, written),
    }


def _settling(typed: list[tuple[str, ...]], written: dict[str, str]) -> float:
    if any(path.rsplit("/", 1)[1] in DEFENCES for path in written):
        return DEFENDING
    return FLUSHING if any(word[0] in ("-d", "-D") for word in typed) else AT_ONCE


def _changes(old: VirtualService | None, new: VirtualService) -> Iterator[tuple[str, ...]]:
    if old is None or _options(old) != _options(new):
        yield ("-A" if old is None else "-E", *_key(new.key), *_options(new))
    was = {destination.endpoint: destination for destination in old.destinations} if old else {}
    now = {destination.endpoint: destination for destination in new.destinations}
    for name in was:
        if name not in now:
            yield ("-d", *_key(new.key), "-r", name)
    for name, destination in now.items():
        if was.get(name) != destination:
            yield ("-e" if name in was else "-a", *_key(new.key), *_destination(destination))


def _options(service: VirtualService) -> tuple[str, ...]:
    flags = ("-b", ",".join(sorted(flag.value for flag in service.flags))) if service.flags else ()
    lasting: tuple[str, ...] = ()
    if service.persistence:
        lasting = ("-p", str(service.persistence.timeout), *_mask(service.persistence.mask))
    one_packet = ("-o",) if service.one_packet else ()
    return ("-s", service.scheduler.value, *lasting, *one_packet, *flags)


def _mask(mask: IPAddress | None) -> tuple[str, ...]:
    if mask is None:
        return ()
    return ("-M", str(mask) if mask.version == 4 else str(mask.netmask_bits()))


def _key(key: ServiceKey) -> tuple[str, ...]:
    if key.mark:
        return ("-f", str(key.mark), *(("-6",) if key.address.version == 6 else ()))
    return f"--{key.protocol.value}-service", str(key).split(":", 1)[1]


def _destination(destination: Destination) -> tuple[str, ...]:
    limits = ("-x", str(destination.upper), "-y", str(destination.lower)) if destination.upper else ()
    method = METHODS[destination.method]
    return (
        "-r",
        destination.endpoint,
        method,
        "-w",
        str(destination.weight),
        *limits,
        *(_tunnel(destination) if destination.method is ForwardingMethod.TUN else ()),
    )


def _tunnel(destination: Destination) -> tuple[str, ...]:
    tunnel = destination.tunnel
    if tunnel.type is TunnelType.IPIP:
        return ()
    port = ("--tun-port", str(tunnel.port)) if tunnel.type is TunnelType.GUE else ()
    return ("--tun-type", tunnel.type.value, *port, CHECKSUMS[tunnel.checksum])


def _timeouts(old: Timeouts, new: Timeouts) -> Iterator[tuple[str, ...]]:
    """Set what differs; 0 keeps what is."""
    seconds = [getattr(new, name) * (getattr(old, name) != getattr(new, name)) for name in SETTABLE]
    if any(seconds):
        yield ("--set", *map(str, seconds))


def _tunables(old: Tunables, new: Tunables) -> Iterator[tuple[str, str]]:
    for name in KERNEL_TUNABLES:
        if getattr(old, name) != getattr(new, name):
            yield f"net/ipv4/vs/{name}", str(getattr(new, name))
    threshold = (new.sync_threshold, new.sync_period)
    if (old.sync_threshold, old.sync_period) != threshold:
        yield "net/ipv4/vs/sync_threshold", "{} {}".format(*threshold)


def _marks(old: tuple[MarkRule, ...], new: tuple[MarkRule, ...]) -> Iterator[tuple[str, ...]]:
    """Say the rules that mark what arrives, the first that fits; nothing when they stay."""
    if old == new:
        return
    for end in INGRESS:
        if old:
            yield "qdisc", "del", "dev", end, "ingress"
        yield "qdisc", "add", "dev", end, "ingress"
        for preference, rule in enumerate(new, start=1):
            for protocol in (rule.protocol,) if rule.protocol else tuple(Protocol):
                yield ("filter", "add", "dev", end, "ingress", *_mark(rule, protocol, preference))


def _mark(rule: MarkRule, protocol: Protocol, preference: int) -> tuple[str, ...]:
    ether, number = ("ipv6", 1) if rule.network.version == 6 else ("ip", 0)
    order = str(2 * preference + number)  # a preference is of one family only
    ports = f"{rule.first_port}-{rule.last_port}" if rule.first_port < rule.last_port else f"{rule.last_port}"
    some = () if (rule.first_port, rule.last_port) == (0, 65535) else ("dst_port", ports)
    fits = ("flower", "ip_proto", protocol.value, "dst_ip", str(rule.network), *some)
    return ("protocol", ether, "pref", order, *fits, "action", "skbedit", "mark", str(rule.mark))


def _routes(old: Setting | None, new: Setting) -> Iterator[tuple[str, ...]]:
    for address, way in new.hops.items():
        if way.mtu != (old.hops[address].mtu if old else MTU):
            length, source = (32, 128)[address.version == 6], family_of(str(address)).director
            route = (f"{address}/{length}", "dev", "in0", "src", source, "mtu", str(way.mtu))
            yield "route", "replace", *route
