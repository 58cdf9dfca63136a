# SPDX-License-Identifier: Apache-2.0
"""What each duty asks of the host: which thing must hold which value. Pure.

It sees the host as it would be without this tool (`base`), so no earlier run has a say in the answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from netaddr import IPAddress, IPNetwork

from realserver.errors import WantedError
from realserver.settings import (
    ABSENT,
    ANY_TUNNEL,
    LOOPBACK,
    MAIN_TABLE,
    PRESENT,
    TUNNEL_DEVICE,
    UNICAST,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    Decapsulation,
    Duty,
    HostState,
    Interface,
    IpipSupport,
    Key,
    LinkKey,
    LinkState,
    Method,
    ModuleKey,
    Route,
    RouteKey,
    RuleKey,
    Served,
    Settings,
    SysctlKey,
    TunnelType,
    Value,
    Wanted,
)

IP_HEADER = {4: 20, 6: 40}
TCP_HEADER = 20  # without options, as an MSS is counted
# The most that stands between the two IP headers: GRE with a checksum; UDP, GUE and its option.
TUNNEL_HEADER = {TunnelType.IPIP: 0, TunnelType.GRE: 8, TunnelType.GUE: 8 + 4 + 8}
LEAST_MSS = 88  # that Linux will use itself
RULE_PRIORITY = 2000  # between the kernel's `local` (0) and `main` (32766)
LOWEST_METRIC = {4: 0, 6: 1}  # IPv6 reads 0 as "the default, 1024"
SILENT_ARP_IGNORE = ("1", "2", "8")  # each leaves an address of `lo` unanswered on every other interface
SILENT_ARP_ANNOUNCE = "2"
# Kernel, boot, static, RA and DHCP. The routes of a routing daemon are its own: it would write them back.
SETTLED_PROTOCOLS = (2, 3, 4, 9, 16)


def targets(have: HostState, base: Settings, want: Wanted) -> dict[Key, Value]:
    """Name what each thing that the duties need must hold."""
    duties = tuple(dict.fromkeys(want.duties))
    for duty in duties:
        _refuse_impossible(have, duty)
    wanted: dict[Key, Value] = {}
    for duty in duties:
        for key, value in _duty_targets(base, duty):
            if wanted.setdefault(key, value) != value:
                raise WantedError(_conflict(key, wanted[key], value))
    wanted.update(_rp_filter_targets(have, base, duties))
    wanted.update(_decap_targets(have, duties))
    wanted.update(_advmss_targets(have, {**base, **wanted}, duties))
    return wanted


def uses_kernel_tunnel(have: HostState, duty: Duty) -> bool:
    """Decide whether the kernel's ipip device unwraps: where it has one, what it can."""
    if duty.method is not Method.TUN:
        return False
    if duty.decapsulation is Decapsulation.AUTO:
        return have.ipip is not IpipSupport.MISSING and _may_be_ipip(have, duty)
    return duty.decapsulation is Decapsulation.KERNEL


def uses_program(have: HostState, duty: Duty) -> bool:
    """Decide whether this tool's program unwraps: whatever the kernel's device does not.

    The two get on: the program passes on what it does not take, and the device puts fragments together.
    """
    if duty.method is not Method.TUN or duty.decapsulation is Decapsulation.KERNEL:
        return False
    return not (uses_kernel_tunnel(have, duty) and _is_kernels_alone(have, duty))


def _may_be_ipip(have: HostState, duty: Duty) -> bool:
    """Say whether IPv4 in IPv4 is among what may come: the only thing that the ipip device unwraps."""
    has_ipv4 = any(endpoint.version == 4 for endpoint in endpoints_of(have, duty))
    return duty.vip.version == 4 and has_ipv4 and TunnelType.IPIP in duty.tunnels.types


def _is_kernels_alone(have: HostState, duty: Duty) -> bool:
    """Say whether nothing but IPv4 in IPv4 was asked for."""
    return duty.tunnels.types == (TunnelType.IPIP,) and all(
        endpoint.version == 4 for endpoint in endpoints_of(have, duty)
    )


def overhead_of(have: HostState, duty: Duty) -> int:
    """Count the most that the director's wrapping adds to a packet.

    The outer family is the VIP's own where a tunnel may end at such an address, else the other.
    """
    families = {endpoint.version for endpoint in endpoints_of(have, duty)}
    outer = duty.vip.version if duty.vip.version in families else min(families, default=4)
    types = duty.tunnels.types if uses_program(have, duty) else (TunnelType.IPIP,)
    return IP_HEADER[outer] + max(TUNNEL_HEADER[each] for each in types)


def advmss_of(have: HostState, duty: Duty) -> int:
    """Compute the segment size that fits a path of this MTU once the director has wrapped the packet."""
    interface = have.interface(duty.interface)
    path = duty.mtu or (interface.mtu if interface else 0)
    return path - overhead_of(have, duty) - IP_HEADER[duty.vip.version] - TCP_HEADER


def endpoints_of(have: HostState, duty: Duty) -> tuple[IPAddress, ...]:
    """List the addresses that the director's tunnel may end at: those asked for, else the interface's own."""
    if duty.endpoints:
        return duty.endpoints
    interface = have.interface(duty.interface)
    addresses = interface.addresses if interface else ()
    return tuple(
        own.address
        for own in addresses
        if own.address != duty.vip and (own.address.version == 4 or not own.address.is_link_local())
    )


def prefix_of(address: IPAddress) -> int:
    return 32 if address.version == 4 else 128


def _refuse_impossible(have: HostState, duty: Duty) -> None:
    interface = have.interface(duty.interface)
    if interface is None:
        raise WantedError(f"interface {duty.interface} (for VIP {duty.vip}) does not exist on this host")
    refusal = {Method.DR: _dr_refusal, Method.TUN: _tun_refusal, Method.NAT: _nat_refusal}[duty.method]
    sentence = refusal(have, duty, interface)
    if sentence:
        raise WantedError(sentence)


def _dr_refusal(have: HostState, duty: Duty, _interface: Interface) -> str | None:
    if not duty.vip.is_unicast():
        return f"VIP {duty.vip} is not a unicast address"
    return _held_elsewhere(have, duty)


def _held_elsewhere(have: HostState, duty: Duty) -> str | None:
    """Refuse a VIP that an interface has as its own, which answers ARP for it; not one taken up before."""
    if any(entry.key == AddressKey(LOOPBACK, duty.vip, prefix_of(duty.vip)) for entry in have.ledger):
        return None
    others = (each for each in have.interfaces if each.name not in (LOOPBACK, TUNNEL_DEVICE))
    found = ((other.name, own) for other in others for own in other.addresses if own.address == duty.vip)
    for name, own in found:
        return (
            f"VIP {duty.vip} is already an address of {name}, which answers for it: give the service's VIP, "
            f"or `ip address del {own.address}/{own.prefix} dev {name}` first"
        )
    return None


def _tun_refusal(have: HostState, duty: Duty, interface: Interface) -> str | None:
    if not duty.vip.is_unicast():
        return f"VIP {duty.vip} is not a unicast address"
    if not endpoints_of(have, duty):
        return f"interface {duty.interface} has no address for a tunnel: give --endpoint ADDRESS"
    if advmss_of(have, duty) < LEAST_MSS:
        return f"an MTU of {duty.mtu or interface.mtu} leaves no room for a tunnel"
    if duty.decapsulation is Decapsulation.KERNEL and have.ipip is IpipSupport.MISSING:
        return "this kernel has no ipip device: use --decap ebpf"
    if duty.decapsulation is Decapsulation.KERNEL and not _is_kernels_to_do(have, duty):
        return "the kernel's device unwraps IPv4 in IPv4 only (--tunnel ipip): use --decap ebpf for all else"
    if uses_program(have, duty) and not interface.is_ethernet:
        return f"interface {duty.interface} carries no Ethernet frames, and the unwrapping program needs them"
    return _held_elsewhere(have, duty)


def _is_kernels_to_do(have: HostState, duty: Duty) -> bool:
    """Say whether the kernel's device alone can do what was asked for; all tunnels means: those it can."""
    return _may_be_ipip(have, duty) and (
        duty.tunnels == ANY_TUNNEL or duty.tunnels.types == (TunnelType.IPIP,)
    )


def _nat_refusal(have: HostState, duty: Duty, interface: Interface) -> str | None:
    if duty.director is None:
        return "--method nat needs --director ADDRESS: replies must go back through it"
    if duty.director.version != duty.vip.version:
        return f"director {duty.director} and VIP {duty.vip} are of different families"
    if not any(own.reaches(duty.director) for own in interface.addresses):
        return f"director {duty.director} is on no network of interface {duty.interface}"
    if any(own.address == duty.director for own in interface.addresses):
        return f"director {duty.director} is this host's own address"
    if duty.source and not any(
        own.address == duty.source for each in have.interfaces for own in each.addresses
    ):
        return f"source {duty.source} is no address of this host"
    return None


def _conflict(key: Key, one: Value, other: Value) -> str:
    if isinstance(one, Route) and isinstance(other, Route) and isinstance(key, RouteKey):
        return (
            f"two directors, {one.gateway} and {other.gateway}, for the default route of table {key.table}: "
            "give --source ADDRESS and a --table of its own to one of them"
        )
    return f"two VIPs ask for different values of {key}: {one} and {other}"


def _duty_targets(base: Settings, duty: Duty) -> Iterator[tuple[Key, Value]]:
    if duty.method is Method.NAT:
        yield from _nat_targets(duty)
        return
    if duty.vip.version == 4:
        for interface in ("all", duty.interface):
            yield from _silence_targets(base, interface)
    yield AddressKey(LOOPBACK, duty.vip, prefix_of(duty.vip)), PRESENT


def _silence_targets(base: Settings, interface: str) -> Iterator[tuple[Key, Value]]:
    ignore = SysctlKey("ipv4", interface, "arp_ignore")
    found = base.get(ignore, ABSENT)
    yield ignore, found if found in SILENT_ARP_IGNORE else SILENT_ARP_IGNORE[0]
    yield SysctlKey("ipv4", interface, "arp_announce"), SILENT_ARP_ANNOUNCE


def _nat_targets(duty: Duty) -> Iterator[tuple[Key, Value]]:
    assert duty.director is not None
    anywhere = IPNetwork("0.0.0.0/0" if duty.director.version == 4 else "::/0")
    priority = LOWEST_METRIC[duty.director.version]
    through_director = Route(gateway=duty.director, interface=duty.interface)
    if duty.source is None:
        yield RouteKey(MAIN_TABLE, anywhere, priority), through_director
    else:
        yield RouteKey(duty.table, anywhere, priority), through_director
        yield RuleKey(duty.source, duty.table, RULE_PRIORITY), PRESENT


def _rp_filter_targets(have: HostState, base: Settings, duties: tuple[Duty, ...]) -> dict[Key, Value]:
    """Let clients' packets in though their sources are not routed back by the interface they came in by.

    The kernel takes the maximum of `all` and the interface's own value, so both must be 0. Where `all` held
    the other interfaces' filter, they get its value as their own, and stay as strict as they were.
    """
    entrances = {duty.interface for duty in duties if duty.binds_vip and duty.vip.version == 4}
    if not entrances:
        return {}
    entrances |= {TUNNEL_DEVICE for duty in duties if uses_kernel_tunnel(have, duty)}
    everywhere = SysctlKey("ipv4", "all", "rp_filter")
    strictness = base.get(everywhere, "0")
    wanted: dict[Key, Value] = {everywhere: "0"}
    for key, value in base.items():
        if (
            isinstance(key, SysctlKey)
            and key.name == "rp_filter"
            and key.interface not in {"all", *entrances}
        ):
            wanted[key] = max(str(value), str(strictness), key=int)
    wanted.update({SysctlKey("ipv4", interface, "rp_filter"): "0" for interface in entrances})
    return wanted


def _decap_targets(have: HostState, duties: tuple[Duty, ...]) -> dict[Key, Value]:
    wanted: dict[Key, Value] = {}
    tunnels = [duty for duty in duties if duty.method is Method.TUN]
    if any(uses_kernel_tunnel(have, duty) for duty in tunnels):
        wanted[ModuleKey("ipip")] = PRESENT
        wanted[LinkKey(TUNNEL_DEVICE)] = LinkState.UP
    own = [duty for duty in tunnels if uses_program(have, duty)]
    for interface in sorted({duty.interface for duty in own}):
        served = [duty for duty in own if duty.interface == interface]
        endpoints = {endpoint for duty in served for endpoint in endpoints_of(have, duty)}
        vips = {duty.vip: Served(duty.vip, duty.tunnels) for duty in served}
        wanted[ClsactKey(interface)] = PRESENT
        wanted[DecapKey(interface)] = Decap.of(
            tuple(sorted(endpoints - set(vips))), tuple(vips[vip] for vip in sorted(vips))
        )
    return wanted


def _advmss_targets(have: HostState, settings: Settings, duties: tuple[Duty, ...]) -> dict[Key, Value]:
    """Tell clients an MSS that fits the tunnel, on each route by which an answer to a client may leave."""
    wanted: dict[Key, Value] = {}
    for duty in duties:
        if duty.method is not Method.TUN:
            continue
        limit = advmss_of(have, duty)
        for key, route in answering_routes({**settings, **wanted}, duty.interface, duty.vip.version):
            if told_mss(have, route, duty.vip.version) > limit:
                wanted[key] = route.with_advmss(limit)
    return wanted


def told_mss(have: HostState, route: Route, family: int) -> int:
    """Compute the MSS that the kernel tells a peer by this route: its own, else what its MTU leaves."""
    if route.advmss is not None:
        return route.advmss
    ways = {route.interface, *(hop.interface for hop in route.hops)}
    mtus = [interface.mtu for interface in have.interfaces if interface.name in ways]
    mtu = int(dict(route.metrics).get("mtu", 0)) or min(mtus, default=0)
    return mtu - IP_HEADER[family] - TCP_HEADER


def answering_routes(settings: Settings, interface: str, family: int) -> tuple[tuple[RouteKey, Route], ...]:
    """List a family's default routes, and the others that leave by this interface and that no daemon owns."""
    return tuple(
        (key, route)
        for key, route in settings.items()
        if isinstance(key, RouteKey)
        and isinstance(route, Route)
        and key.table == MAIN_TABLE
        and key.destination.version == family
        and route.kind == UNICAST
        and not route.unwritable
        and (key.is_default or (route.interface == interface and route.protocol in SETTLED_PROTOCOLS))
    )
