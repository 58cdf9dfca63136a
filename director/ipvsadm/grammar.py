# SPDX-License-Identifier: Apache-2.0
"""From a command line to a command, or to the error that ipvsadm 1.31 gives for it.

Pure. What ipvsadm refuses and in which words was learnt by asking it; tests/interop/recordings/ipvsadm.json
holds its answers. Mistakes are looked for in its order: words that can not be read and values, from the left;
words left over; options that are missing or out of place; values that do not fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netaddr import IPAddress

from director.ipvsadm import values
from director.ipvsadm.commands import (
    AddServer,
    AddService,
    Clear,
    Command,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Help,
    Restore,
    Save,
    SetTimeouts,
    StartDaemon,
    StopDaemon,
    Version,
    Writing,
    Zero,
)
from director.ipvsadm.errors import SyntaxFaultError, UsageError
from director.ipvsadm.listing import list_command
from director.ipvsadm.names import Names
from director.ipvsadm.options import ALLOWED, NEEDED, Option, Verb
from director.ipvsadm.reading import Said, seconds
from director.ipvsadm.scanner import Found, Scanner
from director.ipvsadm.tunnelling import tunnel_of
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    VirtualService,
)
from director.model.sync import GROUP, PORT, SyncDaemon, SyncRole

ROLE_FAULTS = {
    Verb.START_DAEMON: "illegal start-daemon parameter specified",
    Verb.STOP_DAEMON: "illegal start_daemon specified",
}


class HelpNeededError(SyntaxFaultError):
    """No command was given, and the way to the help is shown."""

    def __init__(self, program: str) -> None:
        super().__init__(f"Try `{program} -h' or '{program} --help' for more information.")


def parse(program: str, words: Sequence[str], names: Names) -> Command:
    """Read the words after the program's name; without any, the table is listed."""
    scanner = Scanner(words)
    first = _first(program, scanner) if words else None
    if first is None:
        return list_command(Said(names))
    verb = first.switch.means
    assert isinstance(verb, Verb)
    if verb is Verb.HELP:
        return Help()
    if verb is Verb.VERSION:
        return Version()
    if verb in ROLE_FAULTS and first.value not in {each.value for each in SyncRole}:
        raise UsageError(ROLE_FAULTS[verb])
    said = Said(names)
    while (found := scanner.next()) is not None:
        if isinstance(found.switch.means, Verb):
            raise UsageError(f"invalid option `{found.word}'")
        said.take(found)
    times = _times(scanner.left) if verb is Verb.SET else ()
    if scanner.left:
        raise UsageError(f"unexpected argument {scanner.left[0]}")
    _check_options(verb, said.options)
    if verb is Verb.SET:
        return SetTimeouts(*times)
    if verb in ROLE_FAULTS:
        return _daemon(verb, SyncRole(first.value), said)
    return _MAKERS[verb](said)


def _first(program: str, scanner: Scanner) -> Found:
    """Find the command, which is the first switch."""
    try:
        found = scanner.next()
    except SyntaxFaultError:
        found = None
    if found is None or not isinstance(found.switch.means, Verb):
        raise HelpNeededError(program)
    return found


def _times(left: list[str]) -> tuple[int, int, int]:
    if len(left) < 3:
        raise UsageError("--set option requires 3 timeout values")
    tcp, tcp_fin, udp = (seconds(word, 0) for word in left[:3])
    del left[:3]
    return tcp, tcp_fin, udp


def _check_options(verb: Verb, options: set[Option]) -> None:
    needed = NEEDED.get(verb, frozenset())
    allowed = ALLOWED.get(verb, frozenset()) | needed
    for option in Option:
        if option in needed and option not in options:
            raise UsageError(f"You need to supply the '{option.value}' option for the '{verb.value}' command")
        if option in options and option not in allowed:
            raise UsageError(f"Illegal '{option.value}' option with the '{verb.value}' command")


def _service(said: Said) -> tuple[VirtualService, bool]:
    """Make the service, and say whether it asks for a scheduler or an engine that there is not."""
    scheduler = said.scheduler or Scheduler.WLC.value
    flags = values.flags_of(said.flags, scheduler)
    if isinstance(flags, str):
        raise UsageError(flags)
    persistent = Option.PERSISTENT in said.options
    one_packet = Option.ONE_PACKET in said.options
    if not said.key.mark:
        if not said.key.port and not persistent:
            raise UsageError("Zero port specified for non-persistent service")
        if one_packet and said.key.protocol is not Protocol.UDP:
            raise UsageError("One-Packet Scheduling is only for UDP virtual services")
    known = values.is_scheduler(scheduler)
    service = VirtualService(
        said.key,
        Scheduler(scheduler) if known else Scheduler.NONE,
        flags,
        persistence=Persistence(said.persistence, _mask(said)) if persistent else None,
        one_packet=one_packet,
    )
    return service, bool(said.engine) or not known


def _mask(said: Said) -> IPAddress | None:
    """Return the mask, unless it has every bit, or was read before the service turned out to be IPv6."""
    if said.mask is None or said.mask.version != said.key.address.version or values.whole(said.mask):
        return None
    return said.mask


def _server(said: Said) -> Destination:
    if said.server.address.version != said.key.address.version and said.method is not ForwardingMethod.TUN:
        raise UsageError("Different address family is allowed only for tunneling servers")
    tunnel = tunnel_of(said)
    keeps_port = said.method is ForwardingMethod.NAT or said.key.mark
    return Destination(
        said.server.address,
        said.server.port if keeps_port else said.key.port,
        said.method,
        said.numbers.get(Option.WEIGHT, 1),
        said.numbers.get(Option.UPPER, 0),
        said.numbers.get(Option.LOWER, 0),
        tunnel,
    )


def _daemon(verb: Verb, role: SyncRole, said: Said) -> Command:
    if verb is Verb.STOP_DAEMON:
        return StopDaemon(role)
    return StartDaemon(
        SyncDaemon(
            role,
            said.interface,
            said.numbers.get(Option.SYNCID, 0),
            said.numbers.get(Option.MAX_LENGTH, 0),
            said.group or GROUP,
            said.numbers.get(Option.PORT, PORT),
            said.numbers.get(Option.TTL, 1),
        )
    )


def _zero(said: Said) -> Command:
    return Zero(said.key if Option.SERVICE in said.options else None)


def _save(said: Said) -> Command:
    return Save(Writing.NUMERIC if Option.NUMERIC in said.options else Writing.NAMED)


_MAKERS: dict[Verb, Callable[[Said], Command]] = {
    Verb.ADD_SERVICE: lambda said: AddService(*_service(said)),
    Verb.EDIT_SERVICE: lambda said: EditService(*_service(said)),
    Verb.DELETE_SERVICE: lambda said: DeleteService(said.key),
    Verb.CLEAR: lambda _: Clear(),
    Verb.ADD_SERVER: lambda said: AddServer(said.key, _server(said)),
    Verb.EDIT_SERVER: lambda said: EditServer(said.key, _server(said)),
    Verb.DELETE_SERVER: lambda said: DeleteServer(said.key, said.server),
    Verb.LIST: list_command,
    Verb.ZERO: _zero,
    Verb.RESTORE: lambda _: Restore(),
    Verb.SAVE: _save,
}
