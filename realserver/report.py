# SPDX-License-Identifier: Apache-2.0
"""What `status` shows, for people (rich tables) and for machines (JSON values). Is handed all it tells."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from netaddr import IPAddress
from rich.console import Console
from rich.table import Table

from realserver.bpf import MEANING, Reason
from realserver.check import Finding, Level
from realserver.errors import WantedError
from realserver.evidence import Answers, Unwrapping
from realserver.plan import left_alone, plan
from realserver.settings import HostState, LedgerEntry, Tunnels, Wanted
from realserver.words import describe, duty_words, key_words, value_words

PIPE_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Status:
    want: Wanted
    have: HostState
    unwrapping: tuple[Unwrapping, ...]
    state_file: str


def as_json(status: Status) -> dict[str, Any]:
    """Tell the status as JSON values, with stable names."""
    return {
        "state_file": status.state_file,
        "duties": [
            {"vip": str(duty.vip), "method": duty.method.value, "interface": duty.interface,
             "director": str(duty.director) if duty.director else None,
             "source": str(duty.source) if duty.source else None,
             "ports": [str(port) for port in duty.ports]}
            for duty in status.want.duties
        ],
        "changed": [_entry_json(status.have, entry) for entry in status.have.ledger],
        "pending": _pending(status),
        "left_alone": [key_words(entry.key) for entry in left_alone(status.have)],
        "decapsulation": [_unwrapping_json(unwrapping) for unwrapping in status.unwrapping],
    }  # fmt: skip


def console() -> Console:
    """Open the standard output: a terminal with its width, or a pipe, where every row is one line."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def show(status: Status, console: Console) -> None:
    """Print the status as tables."""
    if not status.want.duties and not status.have.ledger and not status.unwrapping:
        console.print("nothing is set up here")
        return
    duties = _table("VIP", "method", "interface", "through", "ports")
    for duty in status.want.duties:
        through = " ".join(
            str(each) for each in (duty.director, duty.source and f"from {duty.source}") if each
        )
        duties.add_row(
            str(duty.vip),
            duty.method.value,
            duty.interface,
            through or "-",
            " ".join(map(str, duty.ports)) or "-",
        )
    console.print(duties)
    changed = _table("changed", "now", "before")
    for entry in status.have.ledger:
        changed.add_row(
            key_words(entry.key), value_words(status.have.get(entry.key)), value_words(entry.original)
        )
    console.print(changed)
    for unwrapping in status.unwrapping:
        _show_unwrapping(unwrapping, console)
    for sentence in _pending(status):
        console.print(f"not as it should be: {sentence}", highlight=False)


def plan_json(want: Wanted, have: HostState) -> dict[str, Any]:
    """Tell a plan that was not carried out."""
    return {
        "duties": [duty_words(duty) for duty in want.duties],
        "steps": [describe(step) for step in plan(have, want)],
    }


def findings_json(findings: tuple[Finding, ...], subjects: tuple[str, ...]) -> dict[str, Any]:
    """Tell what `check` found."""
    return {
        "ok": not any(finding.level is Level.PROBLEM for finding in findings),
        "checked": list(subjects),
        "findings": [
            {
                "vip": str(finding.vip),
                "level": finding.level.value,
                "what": finding.what,
                "remedy": finding.remedy,
            }
            for finding in findings
        ],
    }


def answer_words(address: IPAddress, answers: Answers) -> str:
    """Say who answered for an address."""
    answerers = sorted(str(mac).replace("-", ":").lower() for mac in answers.by_address.get(address, ()))
    return f"{address} is answered for by {', '.join(answerers) or 'nobody'}"


def _pending(status: Status) -> list[str]:
    """List what `up` would still have to do, or why it could not."""
    try:
        return [describe(step) for step in plan(status.have, status.want)]
    except WantedError as error:
        return [str(error)]


def _entry_json(have: HostState, entry: LedgerEntry) -> dict[str, str]:
    return {
        "what": key_words(entry.key),
        "now": value_words(have.get(entry.key)),
        "before": value_words(entry.original),
    }


def _unwrapping_json(unwrapping: Unwrapping) -> dict[str, Any]:
    return {
        "interface": unwrapping.interface,
        "endpoints": [str(address) for address in unwrapping.endpoints],
        "vips": [str(each.vip) for each in unwrapping.vips],
        "tunnels": {str(each.vip): _tunnels_json(each.tunnels) for each in unwrapping.vips},
        "counts": {
            count.reason.name.lower(): {"packets": count.packets, "bytes": count.octets}
            for count in unwrapping.counts
        },
        "fault": unwrapping.fault,
    }


def _tunnels_json(tunnels: Tunnels) -> dict[str, Any]:
    return {"types": [each.value for each in tunnels.types], "port": tunnels.port}


def _show_unwrapping(unwrapping: Unwrapping, console: Console) -> None:
    if unwrapping.fault:
        console.print(
            f"the unwrapping program on {unwrapping.interface}: {unwrapping.fault}", highlight=False
        )
        return
    ends, vips = (" ".join(map(str, some)) for some in (unwrapping.endpoints, unwrapping.vips))
    console.print(f"{unwrapping.interface} unwraps tunnels that end at {ends}, for {vips}", highlight=False)
    counts = _table("packets", "bytes", "tunnel packets")
    for count in unwrapping.counts:
        if count.packets or count.reason is Reason.UNWRAPPED:
            counts.add_row(str(count.packets), str(count.octets), MEANING[count.reason])
    console.print(counts)


def _table(*columns: str) -> Table:
    """Begin a table whose first column stays whole where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return table
