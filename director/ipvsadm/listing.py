# SPDX-License-Identifier: Apache-2.0
"""What `-L` is asked to list: the options that exclude each other, as tables, and the command they make.

Pure; `printing.py` writes what is found.
"""

from __future__ import annotations

from director.ipvsadm.commands import (
    Command,
    ListConnections,
    ListDaemons,
    ListTable,
    ListTimeouts,
    Numbers,
    Order,
    View,
    Writing,
)
from director.ipvsadm.errors import UsageError
from director.ipvsadm.options import Option
from director.ipvsadm.reading import Said

_ONE_OF = (Option.CONNECTION, Option.SERVICE, Option.TIMEOUT, Option.DAEMON)
_VIEWS = (
    (Option.STATS, View.STATS),
    (Option.RATE, View.RATES),
    (Option.THRESHOLDS, View.THRESHOLDS),
    (Option.PERSISTENT_CONN, View.PERSISTENT),
    (Option.TUNNEL_INFO, View.TUNNELS),
)
_OF_TABLE = {Option.STATS, Option.RATE, Option.THRESHOLDS}


def list_command(said: Said) -> Command:
    """Make the listing that the options ask for, or raise UsageError."""
    options = said.options
    _check(options)
    writing = Writing.NUMERIC if Option.NUMERIC in options else Writing.NAMED
    if Option.CONNECTION in options:
        return ListConnections(writing, engines=Option.PERSISTENT_CONN in options)
    if Option.TIMEOUT in options:
        return ListTimeouts()
    if Option.DAEMON in options:
        return ListDaemons()
    return ListTable(
        said.key if Option.SERVICE in options else None,
        next((view for option, view in _VIEWS if option in options), View.SCHEDULERS),
        writing,
        Numbers.EXACT if Option.EXACT in options else Numbers.SHORT,
        Order.AS_IT_IS if Option.NOSORT in options else Order.SORTED,
    )


def _check(options: set[Option]) -> None:
    given = [option for option in _ONE_OF if option in options]
    if len(given) > 1:
        first, second = given[:2]
        raise UsageError(
            f"The option '{second.value}' conflicts with the '{first.value}' option in the 'list' command"
        )
    if not given or given == [Option.SERVICE]:
        return
    excluded = _OF_TABLE if given == [Option.CONNECTION] else _OF_TABLE | {Option.PERSISTENT_CONN}
    if options & excluded:
        raise UsageError("options conflicts in the list command")
