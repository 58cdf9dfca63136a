# SPDX-License-Identifier: Apache-2.0
"""`director check`: is this host fit for a director, and for these services; what is not, and what mends it.

Judged in director/checking/, gathered in evidence.py; here it is asked for and printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from director.cli import printing
from director.cli.answers import Status
from director.cli.calling import client, socket_path
from director.cli.options import interface_names, socket_again, words
from director.control.client import UnreachableError
from director.model.configuration import DatapathKind

if TYPE_CHECKING:
    from director.checking.findings import Checked
    from director.cli.evidence import Evidence
    from director.model import Configuration


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path),
    help="Check for this configuration; without it, for the running director's, if there is one.",
)  # fmt: skip
@click.option("--datapath", type=words(DatapathKind), help="As `director run` would be told.")
@click.option(
    "--interface", "interfaces", metavar="IFNAME", multiple=True, callback=interface_names,
    help="As `director run`; repeatable.",
)  # fmt: skip
@socket_again
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def check(
    context: click.Context,
    config: Path | None,
    datapath: str | None,
    interfaces: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Name what keeps packets from being forwarded.

    Looks at the rights and the kernel, each interface and its offloads, and each service with the way to its
    servers, and says what mends it; changes nothing. Exit status 1 if there is a problem;
    notes do not count. To be run as root.
    """
    from director.cli import evidence

    kind = DatapathKind(datapath) if datapath else None
    wanted = _wanted(config, kind, interfaces)
    checked = tuple(_judge(evidence.gather(wanted.configuration, wanted.running), wanted))
    if as_json:
        printing.show_json(_json(checked))
    else:
        _show(checked)
    context.exit(0 if all(one.is_right for one in checked) else 1)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is checked for: a file, or what a director runs with, whose status `running` is then."""

    configuration: Configuration
    running: Status | None = None
    silent: Path | None = None
    """The socket of a director that was asked and did not answer."""


def _wanted(config: Path | None, kind: DatapathKind | None, interfaces: tuple[str, ...]) -> _Wanted:
    from director.config.load import load
    from director.control import client as control
    from director.daemon import Options

    options = Options(control.socket_path(socket_path()), config, kind, interfaces)
    plans = bool(kind or interfaces)
    if config is not None:
        return _Wanted(options.configuration())
    try:
        status: Status = client().get("/v1/status")
        text = client().get_text("/v1/config", format="toml")
    except UnreachableError:
        return _Wanted(options.configuration(), silent=None if plans else options.socket)
    return _Wanted(options.over(load(text)), None if plans else status)


def _judge(evidence: Evidence, wanted: _Wanted) -> Iterator[Checked]:
    from director.checking.interfaces import check_interface, check_missing
    from director.checking.machine import check_machine
    from director.checking.running import check_running
    from director.checking.services import check_service

    configuration = wanted.configuration
    yield from check_running(wanted.silent, configuration)
    yield check_machine(evidence.machine, configuration)
    yield from map(check_missing, evidence.missing)
    yield from map(check_interface, evidence.interfaces)
    for service in configuration.services:
        yield check_service(service, evidence.around)


def _show(checked: tuple[Checked, ...]) -> None:
    for one in checked:
        for finding in one.findings:
            click.echo(f"{finding.level.value}: {finding}")
        if one.is_right and one.words:
            click.echo(f"all right: {one.words}")


def _json(checked: tuple[Checked, ...]) -> dict[str, Any]:
    return {
        "ok": all(one.is_right for one in checked),
        "checked": [one.words for one in checked if one.words],
        "findings": [
            {
                "about": finding.about,
                "level": finding.level.value,
                "what": finding.what,
                "means": finding.means,
                "remedy": finding.remedy,
            }
            for one in checked
            for finding in one.findings
        ],
    }
