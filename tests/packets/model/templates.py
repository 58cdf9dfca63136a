# SPDX-License-Identifier: Apache-2.0
"""Persistence in the model: which destination a client keeps, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from netaddr import IPAddress

from director.model import Persistence, ServiceKey
from tests.packets.case import State
from tests.packets.model.schedulers import Real

FTP = 21
AGAIN_MS = 60_000  # what a template has that is needed when its time is over
ENDED_PORT = 65535
Key = tuple[int, str, str, int]  # protocol, client, virtual address and port


@dataclass(slots=True, eq=False)
class Template:
    """What keeps a client at its destination; `flows` are the connections under it."""

    key: Key
    real: Real
    port: int
    timeout: int
    expires: int
    flows: int = 0
    assured: bool = False
    ended: bool = False

    def wind(self, now: int) -> None:
        """Let its time go on while it has connections."""
        while self.flows and self.expires <= now:
            self.timeout = AGAIN_MS
            self.expires += AGAIN_MS

    @property
    def state(self) -> State:
        return State.ASSURED if self.assured else State.NONE

    @property
    def ends(self) -> tuple[str, str, str]:
        """Client, virtual and destination as they are listed."""
        _, client, vip, vport = self.key
        vport, port = (ENDED_PORT, ENDED_PORT) if self.ended else (vport, self.port)
        return f"{client}:0", f"{vip}:{vport}", f"{self.real.address}:{port}"


def template_key(service: ServiceKey, held: Persistence, ends: tuple[int, str, int, str, int]) -> Key:
    protocol, client, _, vip, port = ends
    if held.mask is not None:
        client = str(IPAddress(int(IPAddress(client)) & int(held.mask)))
    if service.mark:
        return 0, client, str(IPAddress(service.mark)), 0
    return protocol, client, vip, port if port == service.port != FTP else 0
