# SPDX-License-Identifier: Apache-2.0
"""Which ports are listened on, read from the text of /proc/net/{tcp,udp}{,6}.

Pure: text in, endpoints out. Asks nobody and connects to nothing, so that waiting for a server leaves no
connection in its log.
"""

from collections.abc import Iterable

from netaddr import IPAddress

from lab.topology import Endpoint, Protocol

# As the kernel prints them: a TCP socket that listens, a UDP socket that is connected to no one.
READY_STATE = {Protocol.TCP: "0A", Protocol.UDP: "07"}
FILES = {protocol: (f"/proc/net/{protocol.value}", f"/proc/net/{protocol.value}6") for protocol in Protocol}


def parse_listeners(text: str, protocol: Protocol) -> frozenset[Endpoint]:
    """Read the listening sockets out of the kernel's tables."""
    rows = (line.split() for line in text.splitlines())
    return frozenset(
        _endpoint(row[1])
        for row in rows
        if len(row) > 3 and ":" in row[1] and row[3] == READY_STATE[protocol]
    )


def is_served(wanted: Endpoint, listeners: Iterable[Endpoint]) -> bool:
    """Tell whether a packet to an endpoint meets a listener: the address itself or a wildcard."""
    return any(
        listener.port == wanted.port
        and (listener.address == wanted.address or _is_wildcard_for(listener, wanted))
        for listener in listeners
    )


def _is_wildcard_for(listener: Endpoint, wanted: Endpoint) -> bool:
    any_address = listener.address.value == 0
    return any_address and (
        listener.address.version == wanted.address.version or listener.address.version == 6
    )


def _endpoint(text: str) -> Endpoint:
    """Read an address as the kernel prints it: words of 32 bits in host order, which is little-endian."""
    address, port = text.split(":")
    words = [address[i : i + 8] for i in range(0, len(address), 8)]
    data = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return Endpoint(IPAddress(int.from_bytes(data), 4 if len(data) == 4 else 6), int(port, 16))
