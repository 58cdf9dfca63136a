# SPDX-License-Identifier: Apache-2.0
"""Which packets are a service's, and must not be answered by the local stack. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from netaddr import IPAddress

from director.commands import GuardKey, GuardRule, GuardSide, SetGuard
from director.model import Configuration, ForwardingMethod, Protocol, ServiceKey, VirtualService

FTP_PORT = 21


class Guards:
    """What is guarded. What is new is so before the tables know it, what is gone until they have forgotten
    it.
    """

    def __init__(self) -> None:
        self._keys: dict[ServiceKey, frozenset[GuardKey]] = {}
        self._rules: tuple[GuardRule, ...] = ()
        self._held: SetGuard | None = None
        self._new_keys: set[GuardKey] = set()
        self._new_rules: list[tuple[GuardRule, ...]] = []
        self._stale = False

    def set(self, service: VirtualService, lingering: frozenset[tuple[IPAddress, int]]) -> None:
        """Guard a service as it is now."""
        keys = guard_keys(service, lingering)
        if keys != self._keys.get(service.key):
            self._keys[service.key] = keys
            self._new_keys |= keys
            self._stale = True

    def remove(self, key: ServiceKey) -> None:
        """Guard this service no more."""
        del self._keys[key]
        self._stale = True

    def set_rules(self, rules: tuple[GuardRule, ...]) -> None:
        """Guard what these rules pick out, and no others."""
        if rules != self._rules:
            self._rules = rules
            self._new_rules.append(rules)
            self._stale = True

    def widened(self) -> Iterator[SetGuard]:
        """Order what is new besides what is held: nothing if there is nothing new."""
        held = self._held if self._held is not None else SetGuard(frozenset())
        rules = tuple(each for each in dict.fromkeys((*held.rules, *self._new_rules)) if each)
        if self._held is None or not self._new_keys <= held.keys or rules != held.rules:
            self._held = SetGuard(held.keys | self._new_keys, rules)
            yield self._held
        self._new_keys, self._new_rules = set(), []

    def narrowed(self) -> Iterator[SetGuard]:
        """Order what is left without all that is gone."""
        if not self._stale:
            return
        self._stale = False
        wanted = SetGuard(frozenset().union(*self._keys.values()), (self._rules,) if self._rules else ())
        if wanted != self._held:
            self._held = wanted
            yield wanted


def translated(service: VirtualService) -> frozenset[tuple[IPAddress, int]]:
    """Return where a service's packets go with another address: its NAT servers."""
    nat = (d for d in service.destinations if d.method is ForwardingMethod.NAT)
    return frozenset((destination.address, destination.port) for destination in nat)


def guard_keys(service: VirtualService, lingering: frozenset[tuple[IPAddress, int]]) -> frozenset[GuardKey]:
    """Return whose packets the local stack must not answer: clients' to the service, and NAT servers'
    replies.

    A mark's service has no address, but rules. What answers a packet that was scheduled alone is not
    translated back.
    """
    key = service.key
    servers = translated(service) | lingering
    replies = frozenset(
        GuardKey(GuardSide.FROM, protocol, address, _reply_port(service, port))
        for protocol in (tuple(Protocol) if key.mark else (key.protocol,))
        if not (service.one_packet and protocol is Protocol.UDP)
        for address, port in servers
    )
    if key.mark:
        return replies
    return replies | {GuardKey(GuardSide.TO, key.protocol, key.address, key.port, _has_data(service))}


def guard_rules(configuration: Configuration, gone: Iterable[ServiceKey] = ()) -> tuple[GuardRule, ...]:
    """Return the rules of marks, as far as a service's: the first that fits decides, also if its mark has
    none. A deleted service still has its own while it is among the `gone`.
    """
    keys = (service.key for service in configuration.services if configuration.marks)
    served = {(key.mark, key.address.version) for key in chain(keys, gone) if key.mark}
    rules = [
        GuardRule(
            rule.network,
            rule.protocol,
            rule.first_port,
            rule.last_port,
            (rule.mark, rule.network.version) in served,
        )
        for rule in configuration.marks
    ]
    while rules and not rules[-1].served:
        rules.pop()
    return tuple(rules)


def _reply_port(service: VirtualService, port: int) -> int:
    """Return the port that a NAT server with this one replies from, 0 for the one that its client chose.

    The connections of a persistent service with many ports keep theirs.
    """
    if service.persistence is None:
        return port
    return 0 if service.key.port == 0 or service.key.port == port == FTP_PORT else port


def _has_data(service: VirtualService) -> bool:
    """Whether FTP's data connections are its too: kernel IPVS gives them to a persistent service."""
    key = service.key
    return key.protocol is Protocol.TCP and key.port == FTP_PORT and service.persistence is not None
