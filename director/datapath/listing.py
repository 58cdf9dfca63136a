# SPDX-License-Identifier: Apache-2.0
"""Turn questions about connections into the C table's terms, and its entries into nouns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netaddr import IPAddress, IPNetwork

from director.datapath._native import ffi, lib
from director.model import Destination, ForwardingMethod, Protocol, ServiceKey
from director.model.connection import ConnectionEntry, ConnectionQuery, ConnectionState, Endpoint

TCP_STATES = (*list(ConnectionState)[:11], ConnectionState.UDP)
SCTP_STATES = (
    ConnectionState.NONE,
    ConnectionState.INIT1,
    ConnectionState.INIT,
    ConnectionState.COOKIE_SENT,
    ConnectionState.COOKIE_REPLIED,
    ConnectionState.COOKIE_WAIT,
    ConnectionState.COOKIE,
    ConnectionState.COOKIE_ECHOED,
    ConnectionState.ESTABLISHED,
    ConnectionState.SHUTDOWN_SENT,
    ConnectionState.SHUTDOWN_RECEIVED,
    ConnectionState.SHUTDOWN_ACK_SENT,
    ConnectionState.REJECTED,
    ConnectionState.CLOSED,
)
STATES = dict(enumerate(TCP_STATES)) | dict(enumerate(SCTP_STATES, start=lib.LB_S_SCTP_NONE))
"""The states by C's numbers for them; SCTP has its own, also for those that share a name with TCP's."""

PROTOCOLS: dict[int, Protocol | None] = {0: None, **{each.number: each for each in Protocol}}
SHOWN: dict[int, ConnectionState] = STATES | {lib.LB_SHOWN_ASSURED: ConnectionState.ASSURED}
ENDED_PORT = 65535
"""Where a template is listed that serves no more, as in kernel IPVS."""
Holder = tuple[ServiceKey, Destination]


@dataclass(frozen=True, slots=True)
class RawQuery:
    """The C query, and the memory that it points to."""

    raw: Any
    wanted: Any


def query_of(query: ConnectionQuery, holders: Callable[[int], Holder | None]) -> RawQuery:
    """Write the question as C's; a destination becomes the set of ids that stand for it, and so does a
    service of many ports, whose connections do not tell it.
    """
    raw = ffi.new("struct lb_conn_query *")
    raw.flows_only = not query.templates
    if query.service is not None and query.service.port:
        raw.protocol = query.service.protocol.number
        raw.family = query.service.address.version
        raw.vport = _port(query.service.port)
        _write_address(raw.vaddr, query.service.address)
    if query.client is not None:
        _write_client(raw, query.client)
    if query.state is not None:
        raw.states = sum(1 << number for number, state in SHOWN.items() if state is query.state)
    wanted = ffi.NULL
    if query.destination is not None or (query.service is not None and not query.service.port):
        wanted = _wanted(query, holders)
        raw.dests, raw.dest_wanted = len(wanted), wanted
    return RawQuery(raw, wanted)


def entry_of(raw: Any, holders: Callable[[int], Holder | None], now: int) -> ConnectionEntry | None:
    """Read one copied entry; None when its destination's id was given back meanwhile."""
    holder = holders(raw.dest)
    if holder is None:
        return None
    service, destination = holder
    at = ffi.addressof(raw)
    family = lib.lb_conn_family_of(at)
    return ConnectionEntry(
        protocol=PROTOCOLS[raw.protocol],
        client=Endpoint(_address(raw.caddr, family), _port(raw.cport)),
        virtual=Endpoint(_address(raw.vaddr, family), virtual_port(raw)),
        destination=Endpoint(destination.address, destination_port(raw, service, destination)),
        method=destination.method,
        state=state_of(raw),
        expires_in=max((raw.expires - now + 2**31) % 2**32 - 2**31, 0) / 1000,
        packets=lib.lb_conn_packets_of(at),
        template=bool(lib.lb_conn_template_of(at)),
    )


def state_of(raw: Any) -> ConnectionState:
    """Read the state of a copied entry; a template's is NONE or ASSURED."""
    return SHOWN[lib.lb_conn_state_of(ffi.addressof(raw))]


def virtual_port(raw: Any) -> int:
    """Read the port that a copied entry is listed with."""
    return ENDED_PORT if lib.lb_conn_ended_of(ffi.addressof(raw)) else _port(raw.vport)


def destination_port(raw: Any, service: ServiceKey, destination: Destination) -> int:
    """Tell at which port a copied entry reaches its destination.

    Persistent connections to a service of many ports keep the client's; their template has none.
    """
    at, port = ffi.addressof(raw), virtual_port(raw)
    kept = lib.lb_conn_template_of(at) or lib.lb_conn_held_of(at)
    if kept and (port != service.port or (lib.lb_conn_template_of(at) and port in (0, ENDED_PORT))):
        return port
    return _reached_port(service, destination) or port


def _wanted(query: ConnectionQuery, holders: Callable[[int], Holder | None]) -> Any:
    wanted = ffi.new("uint8_t[]", lib.LB_MAX_DESTS)
    for number in range(1, lib.LB_MAX_DESTS):
        holder = holders(number)
        if holder is not None and _is_wanted(query, *holder):
            wanted[number] = 1
    return wanted


def _is_wanted(query: ConnectionQuery, service: ServiceKey, destination: Destination) -> bool:
    if query.service is not None and not query.service.port and service != query.service:
        return False
    return query.destination is None or _is_at(query.destination, service, destination)


def _is_at(endpoint: Endpoint, service: ServiceKey, destination: Destination) -> bool:
    same_port = endpoint.port in (0, _reached_port(service, destination))
    return destination.address == endpoint.address and same_port


def _reached_port(service: ServiceKey, destination: Destination) -> int:
    return destination.port if destination.method is ForwardingMethod.NAT else service.port


def _port(port: int) -> int:
    """Swap a port between host and network order."""
    return int.from_bytes(port.to_bytes(2, "little"), "big")


def _words(address: IPAddress) -> list[int]:
    packed = address.packed.ljust(16, b"\0")
    return [int.from_bytes(packed[i : i + 4], "little") for i in range(0, 16, 4)]


def _write_address(raw: Any, address: IPAddress) -> None:
    for place, word in enumerate(_words(address)):
        raw.word[place] = word


def _write_client(raw: Any, network: IPNetwork) -> None:
    raw.client_family = network.version
    _write_address(raw.client, network.network)
    _write_address(raw.client_mask, network.netmask)


def _address(raw: Any, family: int) -> IPAddress:
    packed = b"".join(raw.word[i].to_bytes(4, "little") for i in range(4 if family == 6 else 1))
    return IPAddress(int.from_bytes(packed, "big"), 6 if family == 6 else 4)
