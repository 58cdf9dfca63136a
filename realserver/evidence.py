# SPDX-License-Identifier: Apache-2.0
"""What was found out by asking rather than from settings; nouns, filled by probe.py, judged by check.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netaddr import EUI, IPAddress

from realserver.bpf import Count
from realserver.settings import Served, Transport


@dataclass(frozen=True, slots=True)
class Unwrapping:
    """An interface's unwrapping program, as the kernel tells it; `fault` where it would not."""

    interface: str
    endpoints: tuple[IPAddress, ...] = ()
    vips: tuple[Served, ...] = ()
    counts: tuple[Count, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes for this address, or for any where it is unspecified."""

    transport: Transport
    address: IPAddress
    port: int

    def takes(self, address: IPAddress) -> bool:
        """Say whether a packet for this address ends here; an IPv6 wildcard takes IPv4 too by default."""
        if int(self.address) == 0:
            return self.address.version in (address.version, 6)
        own = self.address.ipv4() if self.address.is_ipv4_mapped() else self.address
        return own == address


@dataclass(frozen=True, slots=True)
class Answers:
    """Who on an interface's segment answered ARP for which address; `fault` where nobody could be asked."""

    by_address: Mapping[IPAddress, frozenset[EUI]] = field(default_factory=dict)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class OwnAnswers:
    """For which addresses this kernel itself answered ARP on an interface's behalf."""

    addresses: frozenset[IPAddress] = frozenset()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    segments: Mapping[str, Answers] = field(default_factory=dict)
    own: Mapping[str, OwnAnswers] = field(default_factory=dict)
    listeners: frozenset[Listener] = frozenset()
    unwrapping: tuple[Unwrapping, ...] = ()
    receive_merging: frozenset[str] = frozenset()  # interfaces with large-receive-offload on
