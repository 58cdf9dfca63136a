# SPDX-License-Identifier: Apache-2.0
"""A load that notices one lost packet: numbered lines and datagrams, answered by name and number.

Runs in the lab's nodes, as processes of their own; the project's own code has no part in it: `restart_load.py
serve PORT NAME ADDRESS...` at a real server, `restart_load.py ask PORT VIP...` at the client, which ends at
SIGTERM and prints what it met as JSON. TCP hides a loss by sending again, but the kernel counts it, and the
other end says which of those it had not missed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

HELD = 4  # connections to each VIP that stay open
PAUSE = 0.01
PATIENCE = 10.0
INFO = struct.Struct("100xI")  # tcpi_total_retrans
INFO_DUPLICATES = struct.Struct("216xI")  # tcpi_dsack_dups
INFO_LENGTH = 248


class Echo(asyncio.DatagramProtocol):
    """A server's UDP end."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._transport.sendto(self._name + b" " + data, address)


async def serve(port: int, name: bytes, addresses: Sequence[str]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(name + b" " + line)
        writer.close()

    loop = asyncio.get_running_loop()
    for address in addresses:
        await loop.create_datagram_endpoint(lambda: Echo(name), local_addr=(address, port))
    server = await asyncio.start_server(answer, "0.0.0.0", port, backlog=4096)
    await server.serve_forever()


class Asker:
    """All that is asked of one VIP, and what came of it."""

    def __init__(self, vip: str, port: int) -> None:
        self._place = (vip, port)
        self.stopping = asyncio.Event()
        self.found = {
            "asked by held connections": 0,
            "asked by new connections": 0,
            "datagrams of one flow": 0,
            "datagrams of new flows": 0,
            "failed": 0,
            "moved": 0,
            "sent again": 0,
            "datagrams lost": 0,
        }

    def tasks(self) -> tuple[Coroutine[Any, Any, None], ...]:
        held = tuple(self._hold() for _ in range(HELD))
        return (*held, self._flow(), self._repeat(self._connect), self._repeat(self._datagram))

    async def _hold(self) -> None:
        """Keep one connection: each line must be answered, by the server that answered the first."""
        reader, writer = await asyncio.open_connection(*self._place)
        names, number = set[bytes](), 0
        try:
            while not self.stopping.is_set():
                number += 1
                names.add(await _ask(reader, writer, number))
                self.found["asked by held connections"] += 1
                await asyncio.sleep(PAUSE)
        except (OSError, TimeoutError, ValueError):
            self.found["failed"] += 1
        self.found["moved"] += len(names) - 1
        self._end(writer)

    async def _connect(self) -> None:
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(*self._place), PATIENCE)
            await _ask(reader, writer, 1)
        except (OSError, TimeoutError, ValueError):
            self.found["failed"] += 1
            return
        self.found["asked by new connections"] += 1
        self._end(writer)

    async def _flow(self) -> None:
        """Send numbered datagrams from one port, however fast the answers come."""
        with _datagram_socket(self._place) as flow:
            answers, arrived, sent = set[bytes](), asyncio.Event(), 0
            listening = asyncio.create_task(_listen(flow, answers, arrived))
            while not self.stopping.is_set():
                sent += 1
                flow.send(b"%d" % sent)
                await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while len(answers) < sent:
                        await arrived.wait()
                        arrived.clear()
            listening.cancel()
        self.found["datagrams of one flow"] = sent
        self.found["datagrams lost"] += sent - len({answer.split()[1] for answer in answers})
        self.found["moved"] += len({answer.split()[0] for answer in answers}) - 1

    async def _datagram(self) -> None:
        with _datagram_socket(self._place) as one:
            one.send(b"1")
            self.found["datagrams of new flows"] += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.get_running_loop().sock_recv(one, 100)
            except TimeoutError:
                self.found["datagrams lost"] += 1

    async def _repeat(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin this again and again, whether or not the last has ended."""
        async with asyncio.TaskGroup() as group:
            while not self.stopping.is_set():
                group.create_task(act())
                await asyncio.sleep(PAUSE)

    def _end(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection and look how often the kernel had to send again, unless it was reset."""
        if writer.is_closing():
            return
        raw = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_LENGTH)
        (again,) = INFO.unpack_from(raw)
        needless = INFO_DUPLICATES.unpack_from(raw)[0] if len(raw) >= INFO_DUPLICATES.size else 0
        self.found["sent again"] += again - needless
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bytes:
    writer.write(b"%d\n" % number)
    name, answered = (await asyncio.wait_for(reader.readline(), PATIENCE)).split()
    if int(answered) != number:
        raise ValueError(f"{answered!r} answers {number}")
    return name


def _datagram_socket(place: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.connect(place)
    return made


async def _listen(flow: socket.socket, answers: set[bytes], arrived: asyncio.Event) -> None:
    while True:
        answers.add(await asyncio.get_running_loop().sock_recv(flow, 100))
        arrived.set()


async def ask(port: int, vips: Sequence[str]) -> None:
    askers = [Asker(vip, port) for vip in vips]

    def stop() -> None:
        for asker in askers:
            asker.stopping.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    print("asking", flush=True)
    await asyncio.gather(*(task for asker in askers for task in asker.tasks()))
    print(json.dumps({vip: asker.found for vip, asker in zip(vips, askers, strict=True)}), flush=True)


if __name__ == "__main__":
    _, verb, where, *words = sys.argv
    if verb == "serve":
        asyncio.run(serve(int(where), words[0].encode(), words[1:]))
    else:
        asyncio.run(ask(int(where), words))
