# SPDX-License-Identifier: Apache-2.0
"""The virtual servers of a keepalived.conf. Pure.

keepalived's VRRP, its checks, quorums and notices are left, each by its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise

from netaddr import IPAddress

from director.config.limits import MAX_SERVICES
from director.importing.blocks import Block, parse
from director.importing.found import Collection, Found
from director.ipvsadm import values
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)

_METHODS = {"DR": ForwardingMethod.DR, "TUN": ForwardingMethod.TUN, "NAT": ForwardingMethod.NAT}
_METHOD = ("lvs_method", "lb_kind")
_FLAGS = {each.value: each for each in SchedulerFlag}
_CHECKSUMS = {
    "nocsum": TunnelChecksum.NONE,
    "csum": TunnelChecksum.CHECKSUM,
    "remcsum": TunnelChecksum.REMOTE,
}
_OF_SERVICE = {
    "lvs_sched", "lb_algo", *_METHOD, "protocol", "persistence_timeout", "persistence_granularity", "ops",
    "ip_family", *_FLAGS,
}  # fmt: skip
_OF_SERVER = {"weight", "lvs_method", "uthreshold", "lthreshold"}
_OF_IPVS = {
    "lvs_timeouts": "director timeouts tcp_established=N tcp_fin_wait=N udp=N",
    "lvs_sync_daemon": "director sync start ROLE --interface IFNAME --syncid N",
}
MOST_OF_A_RANGE = 256


def read(text: str) -> Found:
    """Read the virtual servers of a keepalived.conf."""
    found, top = Collection(), parse(text)
    groups = {
        each.words[1]: each for each in top if each.name == "virtual_server_group" and len(each.words) > 1
    }
    for block in top:
        if block.name == "virtual_server":
            _take(found, block, groups)
        elif block.name != "virtual_server_group":
            found.leave(block.line, f"{' '.join(block.words)[:60]}: not taken over")
            _tell_of_ipvs(found, block)
    return found.found()


def _tell_of_ipvs(found: Collection, block: Block) -> None:
    """Say by what command that can be had which global_defs tells IPVS itself."""
    for each in block.below:
        if each.name in _OF_IPVS:
            words = " ".join(each.words)[:60]
            found.leave(each.line, f"{words}: not taken over; `{_OF_IPVS[each.name]}` does that")


def _take(found: Collection, block: Block, groups: dict[str, Block]) -> None:
    keys = list(_keys(found, block, groups))
    service = _service(found, block, keys[0]) if keys else None
    if service is None:
        return
    for place, key in enumerate(keys):
        if found.add_service(block.line, replace(service, key=key)):
            _take_servers(found, block, key, Collection() if place else found)
    for each in block.below:
        if each.name not in _OF_SERVICE and each.name != "real_server":
            found.leave(each.line, f"{each.name}: not taken over")


def _keys(found: Collection, block: Block, groups: dict[str, Block]) -> Iterator[ServiceKey]:
    """Find what the service is known by: of a group, one for each of its addresses and marks."""
    said = block.named("protocol")
    word = said.words[1].lower() if said is not None and len(said.words) > 1 else Protocol.TCP.value
    family = block.named("ip_family")
    version = 6 if family is not None and family.words[1:] == ("inet6",) else 4
    statements = [block.words[1:]]
    if block.words[1:2] == ("group",):
        group = groups.get(" ".join(block.words[2:3]))
        statements = [each.words for each in group.below] if group is not None else []
    if word not in {each.value for each in Protocol}:
        statements = []
    every = (key for words in statements for key in _keys_of(words, Protocol(word), version))
    keys = list(islice(every, MAX_SERVICES))
    if not keys:
        found.leave(
            block.line, f"{' '.join(block.words)[:60]}: no address and port, mark or group that there is"
        )
    yield from keys


def _keys_of(words: tuple[str, ...], protocol: Protocol, version: int) -> Iterator[ServiceKey]:
    if words[:1] == ("fwmark",):
        mark = values.number(" ".join(words[1:2]), 1, values.MAX_MARK)
        if mark is not None:
            yield ServiceKey.of_mark(mark, version)
        return
    port = values.number(words[1] if len(words) > 1 else "0", 0, values.MAX_PORT)
    if port is not None and words:
        for address in _addresses(words[0]):
            yield ServiceKey(protocol, address, port)


def _addresses(text: str) -> Iterator[IPAddress]:
    """Read an address, or a range of them as keepalived writes it: `192.0.2.1-9`."""
    first_text, dash, last_text = text.partition("-")
    first = values.address6(first_text) if ":" in first_text else values.address4(first_text)
    if first is None or (not dash and "." not in text and ":" not in text):
        return
    low = int(first) & (0xFFFF if first.version == 6 else 0xFF)
    digits = last_text.isascii() and last_text.isalnum() and len(last_text) <= 4
    try:
        last = int(last_text, 16 if first.version == 6 else 10) if dash and digits else low
    except ValueError:
        return
    if (not dash or digits) and 0 <= last - low < MOST_OF_A_RANGE and last <= 0xFFFF:
        yield from (IPAddress(int(first) + step, first.version) for step in range(last - low + 1))


def _service(found: Collection, block: Block, key: ServiceKey) -> VirtualService | None:
    said = block.named("lvs_sched", "lb_algo")
    word = " ".join(said.words[1:2]) if said is not None else Scheduler.WLC.value
    if said is not None and not values.is_scheduler(word):
        found.leave(said.line, f"scheduler {word!r} is not known here")
        return None
    names = [each.name for each in block.below]
    flags = frozenset(_FLAGS[name] for name in names if name in _FLAGS)
    persistence = _persistence(found, block, key)
    return VirtualService(key, Scheduler(word), flags, persistence=persistence, one_packet="ops" in names)


def _persistence(found: Collection, block: Block, key: ServiceKey) -> Persistence | None:
    said, mask = block.named("persistence_timeout"), block.named("persistence_granularity")
    if said is None:
        return None
    timeout = values.number(said.words[1] if len(said.words) > 1 else "360", 1, values.MAX_SECONDS)
    if timeout is None:
        found.leave(said.line, f"{' '.join(said.words)[:60]!r} is no time of persistence")
        return None
    bits = None
    if mask is not None:
        text = " ".join(mask.words[1:2])
        bits = values.mask6(text) if key.address.version == 6 else values.address4(text)
        if bits is None:
            found.leave(mask.line, f"{text[:60]!r} is no mask of these addresses")
    return Persistence(timeout, bits)


def _take_servers(found: Collection, block: Block, key: ServiceKey, notes: Collection) -> None:
    """Take the servers over; `notes` gets what is left of each, once for all addresses of a group."""
    method = _method(notes, block, ForwardingMethod.NAT)
    for each in block.below:
        if each.name != "real_server":
            continue
        addresses = list(_addresses(" ".join(each.words[1:2])))
        port = values.number(each.words[2], 0, values.MAX_PORT) if len(each.words) > 2 else key.port
        if len(addresses) != 1 or port is None:
            notes.leave(each.line, f"{' '.join(each.words)[:60]}: no server's address and port")
            continue
        server = _server(notes, each, Destination(addresses[0], port, _method(notes, each, method)))
        own = server.method is ForwardingMethod.NAT or key.mark
        found.add_server(each.line, key, replace(server, port=port if own else key.port))


def _server(notes: Collection, block: Block, server: Destination) -> Destination:
    numbers = {"weight": 1, "uthreshold": 0, "lthreshold": 0}
    for each in block.below:
        if each.name in numbers:
            given = values.number(" ".join(each.words[1:2]), 0, values.MAX_NUMBER)
            if given is None:
                notes.leave(each.line, f"{' '.join(each.words)[:60]!r} has no number of its range")
            else:
                numbers[each.name] = given
        elif each.name not in _OF_SERVER:
            kind = "health checks are not taken over" if each.name.isupper() else "not taken over"
            notes.leave(each.line, f"{each.name}: {kind}")
    return replace(
        server,
        weight=numbers["weight"],
        upper=numbers["uthreshold"],
        lower=numbers["lthreshold"],
        tunnel=_tunnel(block) if server.method is ForwardingMethod.TUN else Tunnel(),
    )


def _method(notes: Collection, block: Block, otherwise: ForwardingMethod) -> ForwardingMethod:
    said = block.named(*_METHOD)
    if said is None:
        return otherwise
    word = " ".join(said.words[1:2])
    if word not in _METHODS:
        notes.leave(said.line, f"{word[:60]!r} is no forwarding method")
    return _METHODS.get(word, otherwise)


def _tunnel(block: Block) -> Tunnel:
    """Read `lvs_method TUN type gue port 6080 csum`."""
    said = block.named(*_METHOD)
    words = said.words[2:] if said is not None else ()
    pairs = dict(pairwise(words))
    kind = pairs.get("type", TunnelType.IPIP.value)
    checksums = [_CHECKSUMS[word] for word in words if word in _CHECKSUMS]
    port = values.number(pairs.get("port", "0"), 0, values.MAX_PORT) or 0
    known = kind in {each.value for each in TunnelType}
    return Tunnel(
        TunnelType(kind) if known else TunnelType.IPIP,
        port,
        checksums[0] if checksums else TunnelChecksum.NONE,
    )
