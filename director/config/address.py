# SPDX-License-Identifier: Apache-2.0
"""Addresses, endpoints and service keys, from the words that operators write.

Every function returns a noun or raises ConfigError with one fault; its key is left to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from netaddr import INET_PTON, AddrFormatError, IPAddress, IPNetwork

from director.config.errors import ConfigError, Fault, show
from director.config.limits import MAX_MARK, MAX_PORT
from director.model.connection import Endpoint
from director.model.service import Protocol, ServiceKey

AN_ENDPOINT = "an address and port such as 192.0.2.1:80"
AN_ENDPOINT6 = "an address and port such as [2001:db8::1]:80"
A_PORT = f"a port from 0 to {MAX_PORT}"
A_SERVICE = "a service such as tcp:192.0.2.1:80"
A_MASK = "a mask such as 255.255.255.0, or a prefix length"
PORTS = "a port, a range such as 8000-8100, or any"
ANY_PORT = (0, 65535)
A_GROUP = "a multicast address such as 224.0.0.81"
A_NETWORK = "an address or network such as 198.51.100.0/24"

_ENDPOINT = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^:\[\]]*)):(?P<port>[^:]*)")
_MARK = re.compile(r"mark(?P<six>6?):(?P<mark>[0-9]{1,10})")
_PORTS = re.compile(r"(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?")
_PORT = re.compile(r"[0-9]{1,9}")
_BROADCAST = IPAddress("255.255.255.255")
_THIS_NETWORK = IPNetwork("0.0.0.0/8")
_UNSPECIFIED = IPAddress("::")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")


def parse_endpoint(text: str) -> Endpoint:
    """Read `192.0.2.1:80` or `[2001:db8::1]:80`."""
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        address = address_or_none(text.strip("[]"))
        if address is not None:
            raise refusal(text, AN_ENDPOINT if address.version == 4 else AN_ENDPOINT6, "has no port")
        raise refusal(text, AN_ENDPOINT)
    address = address_or_none(match["six"] or match["four"] or "")
    if address is None or (address.version == 6) != (match["six"] is not None):
        raise refusal(text, AN_ENDPOINT)
    return Endpoint(address, _port(text, match["port"]))


def parse_unicast(text: str) -> Endpoint:
    """Read an endpoint that a service can have."""
    found = parse_endpoint(text)
    kind = _kind(found.address)
    if kind:
        raise refusal(text, "a unicast address", f"is {kind}")
    return found


def parse_server(text: str) -> Endpoint:
    """Read an endpoint that a destination can have: a loopback address is this host's own."""
    found = parse_endpoint(text)
    return found if found.address.is_loopback() else parse_unicast(text)


def parse_destination(text: str, service: ServiceKey) -> Endpoint:
    """Read a destination whose port may be left out: it is the service's then."""
    address = address_or_none(text.strip("[]"))
    return parse_server(text if address is None else str(Endpoint(address, service.port)))


def parse_filter(text: str) -> Endpoint:
    """Read an address with a port, or without one for every port."""
    address = address_or_none(text.strip("[]"))
    return parse_endpoint(text) if address is None else Endpoint(address, 0)


def parse_service_key(text: str) -> ServiceKey:
    """Read `tcp:192.0.2.1:80`, or `mark:7` and `mark6:7` for a firewall mark."""
    mark = _MARK.fullmatch(text)
    if mark is not None and 1 <= int(mark["mark"]) <= MAX_MARK:
        return ServiceKey.of_mark(int(mark["mark"]), 6 if mark["six"] else 4)
    protocol, colon, rest = text.partition(":")
    if not colon or protocol not in {each.value for each in Protocol}:
        raise refusal(text, A_SERVICE)
    found = parse_endpoint(rest)
    return ServiceKey(Protocol(protocol), found.address, found.port)


def parse_ports(text: str) -> tuple[int, int]:
    """Read a port, a range of ports, or `any`: the first and the last."""
    match = _PORTS.fullmatch(text)
    if text == "any":
        return ANY_PORT
    first = int(match["first"]) if match else -1
    last = int(match["last"] or first) if match else -1
    if not 0 <= first <= last <= MAX_PORT:
        raise refusal(text, PORTS)
    return first, last


def write_ports(ports: tuple[int, int]) -> str:
    """Write what parse_ports reads."""
    if ports == ANY_PORT:
        return "any"
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def parse_mask(text: str) -> IPAddress | int | None:
    """Read which bits of a client's address count: a mask, a prefix length, or nothing for all of them."""
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= 128:
        return int(text)
    found = address_or_none(text)
    if found is None:
        raise refusal(text, A_MASK)
    return found


def write_mask(mask: IPAddress | int | None) -> str:
    """Write what parse_mask reads: an IPv6 mask as a prefix length."""
    if isinstance(mask, IPAddress) and mask.version == 6 and mask.is_netmask():
        return str(mask.netmask_bits())
    return "" if mask is None else str(mask)


def parse_integer(lowest: int, highest: int) -> Callable[[str], int]:
    """Make a function that reads a decimal number of this range."""

    def parse(text: str) -> int:
        expected = f"an integer from {lowest} to {highest}"
        if not re.fullmatch(r"[0-9]{1,18}", text) or not lowest <= int(text) <= highest:
            raise refusal(text, expected)
        return int(text)

    return parse


def parse_network(text: str) -> IPNetwork:
    """Read an address or a network in CIDR notation."""
    address, slash, length = text.partition("/")
    found = address_or_none(address)
    if found is None or (slash and not re.fullmatch(r"[0-9]{1,3}", length)):
        raise refusal(text, A_NETWORK)
    try:
        return IPNetwork(text)
    except (AddrFormatError, ValueError):
        raise refusal(text, A_NETWORK) from None


def parse_group(text: str) -> IPAddress:
    """Read a multicast address."""
    found = address_or_none(text)
    if found is None or not found.is_multicast():
        raise refusal(text, A_GROUP)
    return found


def address_or_none(text: str) -> IPAddress | None:
    """Read an address in its strict form: four decimal numbers, or IPv6."""
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        return IPAddress(text, flags=INET_PTON)
    except (AddrFormatError, ValueError):
        return None


def refusal(found: object, expected: str, what: str = "") -> ConfigError:
    """Return an error of one fault: what was found, what is wrong with it, what was expected."""
    message = f"{show(found)} {what}; expected {expected}" if what else f"{show(found)} is not {expected}"
    return ConfigError([Fault("", show(found), expected, message)])


def _port(text: str, written: str) -> int:
    if not written:
        raise refusal(text, AN_ENDPOINT, "has no port")
    if not _PORT.fullmatch(written):
        raise refusal(text, AN_ENDPOINT)
    port = int(written)
    if port > MAX_PORT:
        raise refusal(text, A_PORT, f"has port {port}")
    return port


def _kind(address: IPAddress) -> str:
    """Name what keeps an address from being anyone's, or return nothing."""
    if address.is_multicast():
        return "a multicast address"
    if address.is_loopback():
        return "a loopback address"
    if address == _BROADCAST:
        return "the broadcast address"
    if address in _THIS_NETWORK or address == _UNSPECIFIED:
        return "an unspecified address"
    return ""
