# SPDX-License-Identifier: Apache-2.0
"""Walks through a connection's states: every short sequence of packets, put to a kernel's IPVS.

`python -m tests.interop.walks` boots User-Mode Linux with walker.py and writes recordings/walks.json: for
each sequence of a lot the state in which its connection stands at the end, or nothing where there is none. A
walk is written as `>INIT <INIT_ACK`: `>` from the client, `<` from the server. Some begin with an ICMP error,
which with schedule_icmp opens a connection that no packet has stepped yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from tests.interop.lab import network
from tests.interop.walked import RECORDING
from tests.packets.case import Packet
from tests.packets.frames import (
    Chunk,
    association,
    explicit,
    icmp_error,
    ipv4,
    sctp,
    sctp_reply,
    tcp,
    tcp_reply,
)
from tests.packets.network import CLIENT, ONE, VIP

ROOM = Path(__file__).parent
WALKER, GUEST = ROOM / "walker.py", ROOM / "guest.py"
FIRST_PORT = 1024  # the client's; each walk has the next
MINUTES = 30
TICK = 3  # seconds: the kernel looks once a second whether secure_tcp is in force
CHUNKS = tuple(kind.name for kind in Chunk if kind is not Chunk.SACK)
SEGMENTS = ("S", "F", "A", "R", "P")

Walk = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a protocol's packets are made, from either side, and the error that quotes the server's."""

    name: str
    events: tuple[str, ...]
    inward: Callable[[str, int], Packet]
    outward: Callable[[str, int], Packet]
    quoted: Callable[[int], Packet]
    ports: tuple[int, int]  # the service's, and a translated server's


@dataclass(frozen=True, slots=True)
class Lot:
    """Walks of one protocol and method, up to this length."""

    protocol: Protocol
    method: str
    secure: bool = False
    by_error: bool = False
    length: int = 3

    @property
    def name(self) -> str:
        words = (
            self.protocol.name,
            self.method,
            "secure" * self.secure,
            "opened by an error" * self.by_error,
        )
        return " ".join(word for word in words if word)

    def walks(self) -> tuple[Walk, ...]:
        inward = tuple(f">{event}" for event in self.protocol.events)
        outward = tuple(f"<{event}" for event in self.protocol.events) if self.method == "nat" else ()
        first = (*inward, *outward) if self.by_error else inward
        later = (*inward, *outward)
        lengths = range(1 if self.by_error else self.length)
        return tuple(walk for more in lengths for walk in product(first, *(later,) * more))

    def frames(self, walk: Walk, port: int) -> Iterator[tuple[str, Packet]]:
        if self.by_error:
            yield "out1", icmp_error(self.protocol.quoted(port), kind=3, code=4, mtu=1400)
        for move in walk:
            made = self.protocol.inward if move[0] == ">" else self.protocol.outward
            yield "out1" if move[0] == ">" else "in1", made(move[1:], port)


SCTP = Protocol(
    "sctp",
    CHUNKS,
    lambda event, port: sctp(Chunk[event], port=port),
    lambda event, port: sctp_reply(ONE, Chunk[event], sport=9001, port=port),
    lambda port: ipv4(VIP, CLIENT, proto=132) / Raw(association(9000, port, Chunk.DATA)),
    (9000, 9001),
)
TCP_SEGMENTS = Protocol(
    "tcp",
    SEGMENTS,
    lambda event, port: tcp(event, port=port),
    lambda event, port: tcp_reply(ONE, event, sport=8080, port=port),
    lambda port: IP(bytes(ipv4(VIP, CLIENT) / TCP(sport=80, dport=port, flags="A"))),
    (80, 8080),
)
LOTS = (
    *(Lot(SCTP, method) for method in ("dr", "nat")),
    *(Lot(TCP_SEGMENTS, method, secure=True, length=4) for method in ("dr", "nat")),
    *(Lot(SCTP, method, by_error=True) for method in ("dr", "nat")),
    *(Lot(TCP_SEGMENTS, m, s, by_error=True) for m, s in product(("dr", "nat"), (False, True))),
)


def described(lot: Lot) -> dict[str, Any]:
    """Say a lot as the guest wants it."""
    service, server = lot.protocol.ports
    key = (f"--{lot.protocol.name}-service", f"{VIP}:{service}")
    port = server if lot.method == "nat" else service
    way = "-m" if lot.method == "nat" else "-g"
    tunables = {
        "conn_reuse_mode": "0",
        "sloppy_tcp": "1",
        "sloppy_sctp": "1",
        "secure_tcp": "3" if lot.secure else "0",
        "schedule_icmp": "1" if lot.by_error else "0",
    }
    return {
        "configure": {
            "write": {f"net/ipv4/vs/{name}": value for name, value in tunables.items()},
            "ip": [],
            "ipvsadm": [("-A", *key, "-s", "rr"), ("-a", *key, "-r", f"{ONE}:{port}", way)],
            "settles": False,
        },
        "wait": TICK if lot.secure else 0,
        "walks": [
            {"port": port, "frames": [(end, bytes(explicit(f)).hex()) for end, f in lot.frames(walk, port)]}
            for port, walk in enumerate(lot.walks(), start=FIRST_PORT)
        ],
    }


def ask(lots: Iterable[Lot]) -> tuple[str, list[list[str]]]:
    """Boot a guest; return its kernel's release, and the states that it listed, lot by lot."""
    described_lots = [described(lot) for lot in lots]
    job = {"modules": ["veth", "ip_vs", "ip_vs_rr"], "network": network((VIP,)), "lots": described_lots}
    with tempfile.TemporaryDirectory(prefix="walks-") as directory:
        room = Path(directory)
        (room / "job.json").write_text(json.dumps(job))
        options = ("mem=512M", "con=null", "con0=null,fd:1", "quiet", f"uml_dir={room}/uml/")
        places = (f"INTEROP_ROOM={room}", f"INTEROP_GUEST={GUEST}")
        root = ("rootfstype=hostfs", "rootflags=/", "rw", f"init={WALKER}")
        command = ("linux.uml", *root, *options, *places)
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60 * MINUTES, check=False)
        if (room / "error").exists():
            sys.exit(f"walks: {(room / 'error').read_text()}")
        return (room / "release").read_text(), json.loads((room / "states.json").read_text())


def main() -> None:
    kernel, said = ask(LOTS)
    rows = [json.dumps({"kernel": kernel})[:-1]]
    for lot, states in zip(LOTS, said, strict=True):
        walks = dict(zip((" ".join(walk) for walk in lot.walks()), states, strict=True))
        rows.append(f"{json.dumps(lot.name)}:{json.dumps(walks, separators=(',', ':'))}")
    RECORDING.write_text(",\n".join(rows) + "}\n")
    print(RECORDING)


if __name__ == "__main__":
    main()
