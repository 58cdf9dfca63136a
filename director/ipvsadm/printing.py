# SPDX-License-Identifier: Apache-2.0
"""The listings of `ipvsadm -L`, to the byte: spaces at the ends of lines are ipvsadm's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple

from director.ipvsadm.commands import ListTable, Numbers, Order, View
from director.ipvsadm.sorting import servers_sorted, services_sorted
from director.ipvsadm.wire import ANY_PROTOCOL, Json, ListedServer, ListedService, endpoint_of
from director.ipvsadm.writing import Pen, flags_of, mask_of, transport_of
from director.model.counters import Counters, Rates
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.sync import SyncDaemon

_BELOW = "  -> RemoteAddress:Port"
_HEADS = {
    View.SCHEDULERS: (
        "Prot LocalAddress:Port Scheduler Flags",
        f"{_BELOW}           Forward Weight ActiveConn InActConn",
    ),
    View.STATS: ("Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes", _BELOW),
    View.RATES: ("Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS", _BELOW),
    View.THRESHOLDS: (
        "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
        _BELOW,
    ),
    View.PERSISTENT: (
        "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
        _BELOW,
    ),
    View.TUNNELS: (
        "Prot LocalAddress:Port Scheduler Flags",
        f"{_BELOW}           Forward TunnelInfo    Weight ActiveConn InActConn",
    ),
}
_CONNECTIONS = "pro expire state       source             virtual            destination"
_ENGINES = "        pe name          pe_data"
_METHODS = {ForwardingMethod.DR: "Route", ForwardingMethod.TUN: "Tunnel", ForwardingMethod.NAT: "Masq"}
_CHECKSUMS = {TunnelChecksum.NONE: "-c", TunnelChecksum.CHECKSUM: "+c", TunnelChecksum.REMOTE: "r+c"}
_STEPS = ((10**14, 10**12, "T"), (10**11, 10**9, "G"), (10**9, 10**6, "M"), (10**8, 10**3, "K"))


def table(listed: Iterable[ListedService], wanted: ListTable, size: int, pen: Pen) -> Iterator[str]:
    """Write a listing line by line. One service alone goes without the version's line."""
    if wanted.key is None:
        yield f"IP Virtual Server version 1.2.1 (size={size})"
    yield from _HEADS[wanted.view]
    for each in services_sorted(listed) if wanted.order is Order.SORTED else listed:
        yield _service_line(each, wanted, pen)
        below = servers_sorted(each.servers) if wanted.order is Order.SORTED else reversed(each.servers)
        transport = transport_of(each.service.key)
        for server in below:
            where = pen.endpoint(server.server.address, server.server.port, transport)
            yield f"  -> {where:<28}{_COLUMNS[wanted.view](server, wanted.numbers)}"


def _service_line(listed: ListedService, wanted: ListTable, pen: Pen) -> str:
    key = listed.service.key
    name = f"{'FWM' if key.mark else key.protocol.name:<4} {pen.key(key)}"
    if wanted.view is View.STATS:
        return f"{name:<33}{_counters(listed.counters, wanted.numbers)}"
    if wanted.view is View.RATES:
        return f"{name:<33}{_rates(listed.rates, wanted.numbers)}"
    return f"{name} {_particulars(listed.service)}"


def _particulars(service: VirtualService) -> str:
    words = [service.scheduler.value]
    if service.flags:
        words.append(f"({flags_of(service)})")
    if service.persistence is not None:
        words.append(f"persistent {service.persistence.timeout}")
        mask = mask_of(service)
        words += [f"mask {mask}"] if mask else []
    return " ".join([*words, "ops"] if service.one_packet else words)


def _schedulers(listed: ListedServer, _: Numbers) -> str:
    server = listed.server
    return f" {_METHODS[server.method]:<7} {server.weight:<6} {listed.active:<10} {listed.inactive:<10}"


def _tunnels(listed: ListedServer, _: Numbers) -> str:
    server = listed.server
    first = f" {_METHODS[server.method]:<7} {_tunnel(server):<13} {server.weight:<6}"
    return f"{first} {listed.active:<10} {listed.inactive:<10}"


def _thresholds(listed: ListedServer, _: Numbers) -> str:
    server = listed.server
    return f" {server.upper:<10} {server.lower:<10} {listed.active:<10} {listed.inactive:<10}"


def _persistent(listed: ListedServer, _: Numbers) -> str:
    first = f" {listed.server.weight:<9} {listed.persistent:<11}"
    return f"{first} {listed.active:<10} {listed.inactive:<10}"


def _tunnel(server: Destination) -> str:
    tunnel = server.tunnel
    if server.method is not ForwardingMethod.TUN:
        return "n/a"
    if tunnel.type is TunnelType.IPIP:
        return "ipip"
    port = f":{tunnel.port}" if tunnel.type is TunnelType.GUE else ""
    return f"{tunnel.type.value}{port}:{_CHECKSUMS[tunnel.checksum]}"


def _counters(counters: Counters, numbers: Numbers) -> str:
    connections, packets_in, bytes_in, packets_out, bytes_out = astuple(counters)
    in_order = (connections, packets_in, packets_out, bytes_in, bytes_out)
    return "".join(_number(each, numbers) for each in in_order)


def _rates(rates: Rates, numbers: Numbers) -> str:
    """Write rates as whole numbers, rounded as kernel IPVS rounds them."""
    return _counters(Counters(*(int(each + 0.5) for each in astuple(rates))), numbers)


def _number(value: int, numbers: Numbers) -> str:
    if numbers is Numbers.EXACT:
        return f" {value:>8}"
    for least, divisor, suffix in _STEPS:
        if value >= least:
            return f"{value // divisor:>8}{suffix}"
    return f"{value:>9}"


_COLUMNS: dict[View, Callable[[ListedServer, Numbers], str]] = {
    View.SCHEDULERS: _schedulers,
    View.STATS: lambda listed, numbers: _counters(listed.counters, numbers),
    View.RATES: lambda listed, numbers: _rates(listed.rates, numbers),
    View.THRESHOLDS: _thresholds,
    View.PERSISTENT: _persistent,
    View.TUNNELS: _tunnels,
}


def connections_head(*, engines: bool) -> Iterator[str]:
    yield "IPVS connection entries"
    yield f"{_CONNECTIONS}{_ENGINES if engines else ''}"


def connection(values: Json, pen: Pen) -> str:
    """Write one connection of the API's answer."""
    word = values["protocol"]
    protocol = None if word == ANY_PROTOCOL else Protocol(word)
    source, virtual, destination = (
        pen.endpoint(where.address, where.port, protocol)
        for where in map(endpoint_of, (values["client"], values["virtual"], values["destination"]))
    )
    minutes, seconds = divmod(int(values["expires_in"]), 60)
    expires = f"{minutes:02}:{seconds:02}"
    return f"{word.upper():<3} {expires:<6} {values['state']:<11} {source:<18} {virtual:<18} {destination}"


def timeouts(tcp: int, tcp_fin: int, udp: int) -> str:
    return f"Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}"


def daemon(running: SyncDaemon) -> str:
    return (
        f"{running.role.value} sync daemon (mcast={running.interface}, syncid={running.syncid}, "
        f"maxlen={running.longest}, group={running.group}, port={running.port}, ttl={running.ttl})"
    )
