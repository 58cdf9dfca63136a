# SPDX-License-Identifier: Apache-2.0
"""What was seen elsewhere than at the client: the servers' access logs, and which way replies came.

Replies are counted twice, by witnesses that the director has no hand in: at the router by nftables, by the
MAC address of who sent them there, and before the director by tcpdump, by what goes to its MAC address.
"""

import json
import re
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from netaddr import EUI, IPAddress

from demo.cast import CLIENT, Application, Service
from lab import Capture, Lab, RunningNode

DEADLINE = 3.0
CAPTURE_OPTIONS = ("-s", "96", "-B", "65536")  # headers only, and 64 MiB for what comes too fast
TABLE = f"""
table ip demo {{
  set replies {{
    type ether_addr . ipv4_addr . inet_proto . inet_service
    size 4096
    flags dynamic
    counter
  }}
  chain watch {{
    type filter hook prerouting priority raw
    ip daddr {CLIENT} update @replies {{ ether saddr . ip saddr . ip protocol . th sport }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A kind of reply frame: who sent it on its last leg, and the addresses in it."""

    sender: EUI | None  # None: not looked at
    source: IPAddress
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class Logged:
    """What a server's access log holds about a service: requests of the client's address, and of others."""

    own: int = 0
    others: int = 0


class Router:
    """The router's count of reply frames, by nftables. All replies pass here, whichever way they came."""

    def __init__(self, lab: Lab) -> None:
        self._node = lab.node("router")
        done = self._node.run(("nft", "-f", "-"), stdin=TABLE)
        assert done.returncode == 0, done.stderr

    def replies(self) -> Counter[Reply]:
        """Return the frames counted so far."""
        text = self._node.output_of(("nft", "-j", "list", "set", "ip", "demo", "replies"))
        return nft_replies(text)


def nft_replies(text: str) -> Counter[Reply]:
    """Read the set's elements from nft's JSON."""
    found: Counter[Reply] = Counter()
    for thing in json.loads(text)["nftables"]:
        for one in thing.get("set", {}).get("elem", ()):
            sender, source, protocol, port = one["elem"]["val"]["concat"]
            key = Reply(EUI(sender), IPAddress(source), str(protocol), int(port))
            found[key] += one["elem"]["counter"]["packets"]
    return found


class Tap:
    """What comes to the director's interfaces for itself and is on its way to the client.

    Looked at where its wires begin: what an XDP program takes at their ends, no capture there would see.
    """

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        legs = lab.node("director").noun.interfaces
        self._captures = tuple(stack.enter_context(_capture(lab, leg.name)) for leg in legs)

    def replies(self) -> Counter[Reply]:
        """Stop looking and return the frames that arrived."""
        found: Counter[Reply] = Counter()
        for capture in self._captures:
            capture.stop()
            found.update(captured_replies(capture.path.read_bytes()))
        return found

    @property
    def missed(self) -> int:
        """Return how many frames tcpdump was too slow for, once it has stopped."""
        return sum(dropped(capture.log.read_text()) for capture in self._captures)


def _capture(lab: Lab, interface: str) -> Capture:
    packets = f"ether dst {mac_address(lab.node('director'), interface)} and ip dst host {CLIENT}"
    owner, port = lab.far_end("director", interface)
    return owner.capture(port, packets, name=f"replies-{interface}", options=CAPTURE_OPTIONS)


def dropped(said: str) -> int:
    """Read from tcpdump's last words how many packets the kernel had no room for."""
    found = re.search(r"^(\d+) packets? dropped by kernel", said, re.MULTILINE)
    assert found is not None, f"tcpdump has not said how much it missed: {said!r}"
    return int(found[1])


def mac_address(node: RunningNode, interface: str) -> EUI:
    [link] = json.loads(node.output_of(("ip", "-j", "link", "show", "dev", interface)))
    return EUI(link["address"])


PCAP_HEADER, RECORD_HEADER, ETHERNET_HEADER = 24, 16, 14
PROTOCOLS = {6: "tcp", 17: "udp"}


def captured_replies(pcap: bytes) -> Counter[Reply]:
    """Count a capture's unfragmented IPv4 frames by source; the file is of this machine's byte order."""
    counts = Counter(_source(frame) for frame in _frames(pcap))
    return Counter(
        {
            Reply(None, IPAddress(source, 4), PROTOCOLS.get(protocol, str(protocol)), port): count
            for (source, protocol, port), count in counts.items()
        }
    )


def _frames(pcap: bytes) -> Iterator[bytes]:
    offset = PCAP_HEADER
    while offset + RECORD_HEADER <= len(pcap):
        (length,) = struct.unpack_from("=I", pcap, offset + 8)
        offset += RECORD_HEADER
        yield pcap[offset : offset + length]
        offset += length


def _source(frame: bytes) -> tuple[int, int, int]:
    """Return source address, protocol and source port of an IPv4 frame."""
    packet = frame[ETHERNET_HEADER:]
    protocol, source = struct.unpack_from("!9xB2xI", packet)
    words = (packet[0] & 15) * 4
    return source, protocol, struct.unpack_from("!H", packet, words)[0] if protocol in PROTOCOLS else 0


class AccessLogs:
    """The servers' access logs from one moment on: what is in them already is of others' asking."""

    def __init__(self, lab: Lab, service: Service) -> None:
        self._service = service
        self._logs = {
            server.node: lab.node(server.node).access_log(service.application.program)
            for server in service.servers
        }
        self._starts = {node: _size(path) for node, path in self._logs.items()}

    def read(self, wanted: Counter[str]) -> dict[str, Logged]:
        """Return what each server logged, once it has logged as much as is wanted, or is late."""
        deadline = time.monotonic() + DEADLINE
        while True:
            logged = {node: self._logged(node) for node in self._logs}
            if all(logged[node].own >= wanted[node] for node in logged) or time.monotonic() > deadline:
                return logged
            time.sleep(0.02)

    def _logged(self, node: str) -> Logged:
        path = self._logs[node]
        if not path.exists():
            return Logged()
        with path.open("rb") as log:
            log.seek(self._starts[node])
            text = log.read().decode(errors="replace")
        clients = http_clients(text) if self._service.application is Application.HTTP else dns_clients(text)
        own = clients[str(CLIENT)]
        return Logged(own, clients.total() - own)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def http_clients(log: str) -> Counter[str]:
    """Count the requests in nginx's log by client, the last line only when it is whole."""
    return Counter(json.loads(line)["client"] for line in log.splitlines() if line.endswith("}"))


def dns_clients(log: str) -> Counter[str]:
    """Count the queries in dnsmasq's log by client."""
    return Counter(line.rsplit(" ", 1)[1] for line in log.splitlines() if " query[TXT] " in line)
