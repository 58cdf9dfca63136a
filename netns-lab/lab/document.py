# SPDX-License-Identifier: Apache-2.0
"""A topology's TOML text into the nouns of topology.py, or a TopologyError that names file, key, found and
expected.

Pure but for `read_topology`, which opens the file. What no single value can tell (does the segment
exist?) is check.py's.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from netaddr import EUI, AddrFormatError, IPAddress, IPNetwork, mac_unix_expanded
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from lab import topology as nouns
from lab.check import check
from lab.errors import TopologyError

TOPOLOGIES = Path(__file__).resolve().parent.parent / "topologies"


def _parser(parse: Callable[[str], object], expected: str) -> BeforeValidator:
    def validate(found: object) -> object:
        try:
            if isinstance(found, str):
                return parse(found)
        except (AddrFormatError, ValueError):
            pass
        raise PydanticCustomError("expected", "{expected}", {"expected": expected})

    return BeforeValidator(validate)


def _match(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return parse


def _sysctl_value(found: object) -> str:
    if isinstance(found, str) or (isinstance(found, int) and not isinstance(found, bool)):
        return str(found)
    raise PydanticCustomError("expected", "{expected}", {"expected": "a whole number or a string"})


def _interface_address(text: str) -> IPNetwork:
    if "/" not in text:
        raise ValueError(text)
    return IPNetwork(text)


def _network(text: str) -> IPNetwork:
    network = IPNetwork(text)
    if network.ip != network.network:
        raise ValueError(text)
    return network


def _target(text: str) -> IPNetwork | str:
    return text if text == "default" else _network(text)


def _endpoint(text: str) -> nouns.Endpoint:
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not port.isdecimal() or not 0 < int(port) < 65536 or (":" in bare and bare == host):
        raise ValueError(text)
    return nouns.Endpoint(IPAddress(bare), int(port))


def _mac(text: str) -> EUI:
    return EUI(text, version=48, dialect=mac_unix_expanded)


Address = Annotated[IPAddress, _parser(IPAddress, "an address such as 10.0.0.1 or fd00::1")]
InterfaceAddress = Annotated[
    IPNetwork,
    _parser(_interface_address, "an address with its prefix length, such as 10.0.0.1/24"),
]
Network = Annotated[IPNetwork, _parser(_network, "a network such as 10.0.0.0/24, no host bits set")]
Target = Annotated[
    IPNetwork | Literal["default"],
    _parser(
        lambda text: text if text == "default" else _network(text),
        'a network such as 10.0.0.0/24, no host bits set, or "default"',
    ),
]
Mac = Annotated[EUI, _parser(_mac, "a MAC address such as 02:00:00:00:00:01")]
Listen = Annotated[nouns.Endpoint, _parser(_endpoint, "an address and a port, such as 0.0.0.0:80 or [::]:80")]
Name = Annotated[
    str,
    _parser(
        _match(r"[a-z][a-z0-9]{0,13}"), "a name: a small letter, then small letters and digits, 14 at most"
    ),
]
Mtu = Annotated[int, Field(ge=68, le=65535, strict=True)]
Table = Annotated[int, Field(ge=1, le=2**32 - 1, strict=True)]
SysctlKey = Annotated[
    str,
    _parser(_match(r"net(\.[a-z0-9_-]+)+"), "a setting of the network, such as net.ipv4.ip_forward"),
]
SysctlValue = Annotated[str, BeforeValidator(_sysctl_value)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Segment(_Table):
    kind: nouns.SegmentKind = nouns.SegmentKind.BRIDGE
    mtu: Mtu = nouns.ETHERNET_MTU


class _Interface(_Table):
    segment: Name | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    mtu: Mtu | None = None
    mac: Mac | None = None
    offloads: dict[nouns.Offload, Annotated[bool, Field(strict=True)]] = {}


class _Route(_Table):
    to: Target
    via: Address | None = None
    interface: Name | None = None
    table: Table = nouns.MAIN_TABLE
    advmss: Annotated[int, Field(ge=88, le=65495, strict=True)] | None = None


class _Rule(_Table):
    source: Network | None = Field(default=None, alias="from")
    destination: Network | None = Field(default=None, alias="to")
    table: Table
    priority: Annotated[int, Field(ge=1, le=32765, strict=True)] = nouns.RULE_PRIORITY


class _Neighbour(_Table):
    address: Address
    mac: Mac
    interface: Name


class _Service(_Table):
    kind: nouns.ServiceKind
    listen: tuple[Listen, ...]


class _Node(_Table):
    interface: dict[Name, _Interface] = {}
    route: tuple[_Route, ...] = ()
    rule: tuple[_Rule, ...] = ()
    neighbour: tuple[_Neighbour, ...] = ()
    sysctl: dict[SysctlKey, SysctlValue] = {}
    nameservers: tuple[Address, ...] = ()
    service: dict[Name, _Service] = {}


class _Document(_Table):
    summary: str = ""
    segment: dict[Name, _Segment]
    node: Annotated[dict[Name, _Node], Field(min_length=1)]


def find_topology(topology: str) -> Path:
    """Find the file of a shipped topology by its name, or take a path that ends in .toml."""
    path = Path(topology) if topology.endswith(".toml") else TOPOLOGIES / f"{topology}.toml"
    if path.is_file():
        return path
    shipped = ", ".join(sorted(file.stem for file in TOPOLOGIES.glob("*.toml")))
    raise TopologyError(f"{topology}: no such topology, expected a path to a .toml file or one of {shipped}")


def read_topology(path: Path) -> nouns.Topology:
    """Read and check a topology file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TopologyError(f"{path}: cannot be read: {error}, expected a TOML file") from error
    return parse_topology(text, path)


def parse_topology(text: str, path: Path) -> nouns.Topology:
    """Parse and check a topology's text; `path` gives it its name and the errors their place."""
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise TopologyError(f"{path}: found no TOML, expected TOML: {error}") from error
    except ValidationError as error:
        raise TopologyError("\n".join(_sentence(path, detail) for detail in error.errors())) from error
    topology = _topology(path.stem, document)
    faults = check(topology)
    if faults:
        raise TopologyError("\n".join(f"{path}: {fault}" for fault in faults))
    return topology


EXPECTED = {
    "extra_forbidden": "no such key",
    "missing": "this key, which is required",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "too_short": "at least {min_length} of them",
    "expected": "{expected}",
    "enum": "{expected}",
}
NOT_KEYS = frozenset({"[key]"})


def _sentence(path: Path, detail: ErrorDetails) -> str:
    wanted = EXPECTED.get(detail["type"])
    context: Mapping[str, Any] = detail.get("ctx", {})
    expected = wanted.format(**context) if wanted else detail["msg"][0].lower() + detail["msg"][1:]
    found = "nothing" if detail["type"] == "missing" else repr(detail["input"])
    return f"{path}: {_key(detail['loc'])}: found {found}, expected {expected}"


def _key(location: tuple[int | str, ...]) -> str:
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part not in NOT_KEYS
    )
    return "".join(parts).removeprefix(".")


def _topology(name: str, document: _Document) -> nouns.Topology:
    segments = tuple(nouns.Segment(key, table.kind, table.mtu) for key, table in document.segment.items())
    return nouns.Topology(
        name, document.summary, segments, tuple(_node(*item) for item in document.node.items())
    )


def _node(name: str, table: _Node) -> nouns.Node:
    return nouns.Node(
        name=name,
        interfaces=tuple(_interface(*item) for item in table.interface.items()),
        routes=tuple(_route(route) for route in table.route),
        rules=tuple(
            nouns.Rule(rule.source, rule.destination, rule.table, rule.priority) for rule in table.rule
        ),
        neighbours=tuple(
            nouns.Neighbour(entry.address, entry.mac, entry.interface) for entry in table.neighbour
        ),
        sysctls=tuple(nouns.Sysctl(key, value) for key, value in table.sysctl.items()),
        nameservers=table.nameservers,
        services=tuple(
            nouns.Service(key, service.kind, service.listen) for key, service in table.service.items()
        ),
    )


def _interface(name: str, table: _Interface) -> nouns.Interface:
    offloads = tuple(nouns.OffloadSetting(key, nouns.Switch(state)) for key, state in table.offloads.items())
    return nouns.Interface(name, table.segment or name, table.addresses, table.mtu, table.mac, offloads)


def _route(table: _Route) -> nouns.Route:
    everything = IPNetwork("::/0" if table.via is not None and table.via.version == 6 else "0.0.0.0/0")
    destination = everything if table.to == "default" else table.to
    return nouns.Route(destination, table.via, table.interface, table.table, table.advmss)
