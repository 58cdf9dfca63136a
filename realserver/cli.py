# SPDX-License-Identifier: Apache-2.0
"""The command `realserver`: reads the options, holds the lock, shows what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from netaddr import IPAddress
from rich.console import Console

from realserver import bpf, state
from realserver.duties import Request, duties_of
from realserver.errors import HostError, RealServerError, WantedError
from realserver.host import Host
from realserver.options import DRY_RUN, JSON, METHOD, STATE, VIP, details
from realserver.plan import left_alone, merge, plan
from realserver.report import Status, Unwrapping, as_json, plan_json, show
from realserver.settings import DecapKey, Decapsulation, HostState, Method, Step, Wanted
from realserver.transaction import carry_out
from realserver.words import describe, key_words

CAP_NET_ADMIN = 12

EPILOG = """Exit status: 0 done, or nothing to do; 1 `check` found something wrong; 2 the request makes no
sense here; 3 the host refused or lacks something, or the state file cannot be used; 4 not allowed."""


class NotAllowedError(RealServerError):
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the result of `up` and `down` is asked for."""

    is_dry_run: bool
    is_json: bool


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="director", prog_name="realserver")
def main() -> None:
    """Make this machine a real server of a Linux virtual server, prove that it is one, and undo it."""


@main.command(epilog=EPILOG)
@VIP
@METHOD
@details
@STATE
@DRY_RUN
@JSON
def up(*, state_file: Path | None, is_dry_run: bool, is_json: bool, **options: Any) -> None:
    """Take VIPs: bind them silently, unwrap tunnels, route replies.

    Adds to what is up already; doing it again changes nothing.
    """
    presentation = Presentation(is_dry_run=is_dry_run, is_json=is_json)
    with _reporting():
        request = request_of(options)
        with _opened(state_file, presentation) as (host, path):
            memory = state.read(path)
            duties = duties_of(host.observe(memory.ledger), request)
            _change(host, path, merge(memory.want, duties), presentation)


@main.command(epilog=EPILOG)
@VIP
@METHOD
@STATE
@DRY_RUN
@JSON
def down(
    vips: tuple[IPAddress, ...],
    method: str | None,
    state_file: Path | None,
    *,
    is_dry_run: bool,
    is_json: bool,
) -> None:
    """Undo it: everything, or only the VIPs (and the method) that are named.

    Each value becomes what it was before.
    """
    presentation = Presentation(is_dry_run=is_dry_run, is_json=is_json)
    with _reporting(), _opened(state_file, presentation) as (host, path):
        memory = state.read(path)
        kept = tuple(
            duty
            for duty in memory.want.duties
            if (vips and duty.vip not in vips) or (method and duty.method is not Method(method))
        )
        strangers = left_alone(host.observe(memory.ledger))
        _change(host, path, Wanted(kept), presentation)
        for entry in strangers:
            click.echo(f"left alone, because somebody else changed it: {key_words(entry.key)}", err=True)


@main.command(epilog=EPILOG)
@STATE
@JSON
def status(state_file: Path | None, *, is_json: bool) -> None:
    """Show what is up, what was changed for it and what was there before, and what was unwrapped."""
    with _reporting():
        found = _status(state_file)
        if is_json:
            _print_json(as_json(found))
        else:
            show(found, Console())


def request_of(options: dict[str, Any]) -> Request:
    """Turn the options of `up` and `check` into one value."""
    if not options["vips"] or not options["method"]:
        raise WantedError("say which: --vip ADDRESS and --method dr|tun|nat")
    parsed = {"method": Method(options["method"]), "decapsulation": Decapsulation(options["decapsulation"])}
    return Request(**{**options, **parsed})


def _change(host: Host, path: Path, want: Wanted, presentation: Presentation) -> None:
    if presentation.is_dry_run:
        _show_plan(want, host.observe(state.read(path).ledger), presentation)
        return
    tell = _silence if presentation.is_json else _tell
    steps = carry_out(host, path, want, tell)
    if presentation.is_json:
        _print_json({"steps": [describe(step) for step in steps]})
    elif not steps:
        click.echo("nothing to do")


def _show_plan(want: Wanted, have: HostState, presentation: Presentation) -> None:
    if presentation.is_json:
        _print_json(plan_json(want, have))
        return
    steps = plan(have, want)
    for number, step in enumerate(steps, 1):
        click.echo(f"{number:2}. {describe(step)}")
    if not steps:
        click.echo("nothing to do")


def _status(state_file: Path | None) -> Status:
    path = state_file or state.default_path()
    memory = state.read(path)
    with Host() as host:
        have = host.observe(memory.ledger)
        interfaces = [key.interface for key in have.settings if isinstance(key, DecapKey)]
        unwrapping = tuple(_unwrapping(host, interface) for interface in interfaces)
    return Status(memory.want, have, unwrapping, str(path))


def _unwrapping(host: Host, interface: str) -> Unwrapping:
    program = host.decap_program(interface)
    assert program is not None
    try:
        return Unwrapping(
            interface,
            bpf.read_addresses(program, "endpoints"),
            bpf.read_addresses(program, "vips"),
            bpf.read_counts(program),
        )
    except HostError as error:
        return Unwrapping(interface, fault=str(error))


@contextmanager
def _opened(state_file: Path | None, presentation: Presentation) -> Iterator[tuple[Host, Path]]:
    """Open the host and hold its state, unless nothing will be changed."""
    path = state_file or state.default_path()
    with Host() as host:
        if presentation.is_dry_run:
            yield host, path
            return
        _refuse_without_privilege()
        with state.locked(path):
            yield host, path


@contextmanager
def _reporting() -> Iterator[None]:
    """End the command with one line and the right exit status."""
    try:
        yield
    except RealServerError as error:
        click.echo(f"realserver: {error}", err=True)
        sys.exit(error.exit_code)


def _refuse_without_privilege() -> None:
    status_lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in status_lines if line.startswith("CapEff:"))
    if not effective >> CAP_NET_ADMIN & 1:
        raise NotAllowedError("this changes addresses, routes and kernel settings: run it as root, with sudo")


def _tell(step: Step) -> None:
    click.echo(describe(step))


def _silence(_step: Step) -> None:
    """Say nothing: the steps are told as JSON when all are done."""


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
