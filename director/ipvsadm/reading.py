# SPDX-License-Identifier: Apache-2.0
"""Reads the options of one command line, each as it comes, into what was said so far.

Pure. A value is judged when its option is met, so the first mistake from the left is the one that is named;
what depends on the whole line is `grammar.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from netaddr import IPAddress

from director.ipvsadm import values
from director.ipvsadm.errors import UsageError
from director.ipvsadm.names import Names
from director.ipvsadm.options import Option
from director.ipvsadm.scanner import Found
from director.model.connection import Endpoint
from director.model.service import ForwardingMethod, Protocol, ServiceKey, TunnelType

ILLEGAL_SERVICE = "illegal virtual server address[:port] specified"
ILLEGAL_SERVER = "illegal real server address[:port] specified"
DEFAULT_PERSISTENCE = 360
DEFAULT_INTERFACE = "eth0"
_NOWHERE = IPAddress(0, 4)
_NO_SERVICE = ServiceKey(Protocol.TCP, _NOWHERE, 0)
_NO_SERVER = Endpoint(_NOWHERE, 0)
_PROTOCOLS = {"tcp-service": Protocol.TCP, "udp-service": Protocol.UDP, "sctp-service": Protocol.SCTP}
_METHODS = {
    "gatewaying": ForwardingMethod.DR,
    "ipip": ForwardingMethod.TUN,
    "masquerading": ForwardingMethod.NAT,
}


@dataclass(slots=True)
class Said:
    """All that the options said. Before a service is named, `key` is that of none: in IPv4, with port 0."""

    names: Names
    options: set[Option] = field(default_factory=set)
    key: ServiceKey = _NO_SERVICE
    scheduler: str = ""
    persistence: int = DEFAULT_PERSISTENCE
    mask: IPAddress | None = None
    engine: str = ""
    flags: str = ""
    server: Endpoint = _NO_SERVER
    method: ForwardingMethod = ForwardingMethod.DR
    tunnel: TunnelType = TunnelType.IPIP
    interface: str = DEFAULT_INTERFACE
    group: IPAddress | None = None
    numbers: dict[Option, int] = field(default_factory=dict)

    def take(self, found: Found) -> None:
        """Take one option, or raise UsageError."""
        meaning = found.switch.means
        if found.switch.long == "ipv6":
            self._ipv6()
        if not isinstance(meaning, Option):
            return
        if meaning in self.options:
            raise UsageError(f"multiple '{meaning.value}' options specified")
        self.options.add(meaning)
        reader = _READERS.get(meaning)
        if meaning in _RANGES:
            self._number(meaning, found.value or "")
        elif reader is not None:
            reader(self, found)

    def _ipv6(self) -> None:
        if not self.key.mark:
            raise UsageError("-6 used before -f\n")
        self.key = ServiceKey.of_mark(self.key.mark, 6)

    def _number(self, option: Option, text: str) -> None:
        lowest, highest, words = _RANGES[option]
        value = values.number(text, lowest, highest)
        if value is None:
            raise UsageError(f"illegal {words} specified")
        self.numbers[option] = value


def _service(said: Said, found: Found) -> None:
    text, name = found.value or "", found.switch.long
    if name == "fwmark-service":
        mark = values.number(text, 1, values.MAX_MARK)
        if mark is None:
            raise UsageError(f"invalid fwmark value `{text}' specified")
        said.key = ServiceKey.of_mark(mark)
        return
    protocol = _PROTOCOLS[name]
    target = values.target(text, protocol, said.names)
    if target is None:
        raise UsageError(ILLEGAL_SERVICE)
    where = values.endpoint_of(target, 0)
    said.key = ServiceKey(protocol, where.address, where.port)


def _server(said: Said, found: Found) -> None:
    target = values.target(found.value or "", said.key.protocol, said.names)
    if target is None:
        raise UsageError(ILLEGAL_SERVER)
    said.server = values.endpoint_of(target, said.key.port)


def _persistent(said: Said, found: Found) -> None:
    if found.value is not None:
        said.persistence = seconds(found.value, 1)


def _netmask(said: Said, found: Found) -> None:
    text = found.value or ""
    if said.key.address.version == 6:
        said.mask = values.mask6(text)
        words = "illegal ipv6 netmask specified"
    else:
        said.mask = values.address4(text)
        words = "illegal virtual server persistent mask specified"
    if said.mask is None:
        raise UsageError(words)


def _forward(said: Said, found: Found) -> None:
    said.method = _METHODS[found.switch.long]


def _tunnel_type(said: Said, found: Found) -> None:
    if found.value not in {each.value for each in TunnelType}:
        raise UsageError("illegal tunnel type specified")
    said.tunnel = TunnelType(found.value)


def _group(said: Said, found: Found) -> None:
    text = found.value or ""
    six = ":" in text
    said.group = values.address6(text) if six else values.address4(text)
    if said.group is None or not said.group.is_multicast():
        raise UsageError(f"invalid IPv{6 if six else 4} mcast-group `{text}'")


def _scheduler(said: Said, found: Found) -> None:
    said.scheduler = found.value or ""


def _engine(said: Said, found: Found) -> None:
    said.engine = found.value or ""


def _flags(said: Said, found: Found) -> None:
    said.flags = found.value or ""


def _interface(said: Said, found: Found) -> None:
    said.interface = found.value or DEFAULT_INTERFACE


def seconds(text: str, lowest: int) -> int:
    """Read a time, or raise UsageError."""
    value = values.number(text, lowest, values.MAX_SECONDS)
    if value is None:
        raise UsageError(f"invalid timeout value `{text}' specified")
    return value


_RANGES: dict[Option, tuple[int, int, str]] = {
    Option.WEIGHT: (0, values.MAX_NUMBER, "weight"),
    Option.UPPER: (0, values.MAX_NUMBER, "u_threshold"),
    Option.LOWER: (0, values.MAX_NUMBER, "l_threshold"),
    Option.TUNNEL_PORT: (1, values.MAX_PORT, "tunnel port"),
    Option.SYNCID: (0, 255, "syncid"),
    Option.MAX_LENGTH: (1, 65507, "sync-maxlen"),
    Option.PORT: (1, values.MAX_PORT, "mcast-port"),
    Option.TTL: (1, 255, "mcast-ttl"),
}
_READERS: dict[Option, Callable[[Said, Found], None]] = {
    Option.SERVICE: _service,
    Option.SCHEDULER: _scheduler,
    Option.PERSISTENT: _persistent,
    Option.NETMASK: _netmask,
    Option.ENGINE: _engine,
    Option.FLAGS: _flags,
    Option.SERVER: _server,
    Option.FORWARD: _forward,
    Option.TUNNEL_TYPE: _tunnel_type,
    Option.INTERFACE: _interface,
    Option.GROUP: _group,
}
