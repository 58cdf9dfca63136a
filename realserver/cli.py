# SPDX-License-Identifier: Apache-2.0
"""The command `realserver`: reads the options, holds the lock, shows what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from netaddr import IPAddress

from realserver import state
from realserver.arp import ask_segment
from realserver.check import Finding, Level, ask_findings
from realserver.check import check as judge
from realserver.duties import Request, duties_of
from realserver.errors import HostError, RealServerError, WantedError
from realserver.host import Host
from realserver.options import ASK, DRY_RUN, JSON, METHOD, STATE, VIP, details
from realserver.plan import left_alone, merge, plan
from realserver.probe import gather, unwrappings
from realserver.report import Status, answer_words, as_json, console, findings_json, plan_json, show
from realserver.settings import Decapsulation, HostState, Method, Step, TunnelType, Wanted
from realserver.transaction import carry_out
from realserver.words import describe, duty_words, explain, key_words

CAP_NET_ADMIN = 12

EPILOG = """Exit status: 0 done, or nothing to do; 1 `check` found something wrong; 2 the request makes no
sense here; 3 the host refused or lacks something, or the state file cannot be used; 4 not allowed."""


class NotAllowedError(RealServerError):
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the result of `up` and `down` is asked for, and told."""

    is_dry_run: bool
    is_json: bool
    words: Callable[[Step], str]


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="director", prog_name="realserver", message="%(prog)s %(version)s")
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
    presentation = Presentation(is_dry_run=is_dry_run, is_json=is_json, words=explain)
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
    """Undo everything, or only the VIPs that are named.

    `--method` narrows it further. Each value becomes what it was before.
    """
    presentation = Presentation(is_dry_run=is_dry_run, is_json=is_json, words=describe)
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
    """Show what is up, and what was changed for it.

    Also what was there before, and what was unwrapped.
    """
    with _reporting():
        found = _status(state_file)
        if is_json:
            _print_json(as_json(found))
        else:
            show(found, console())


@main.command(epilog=EPILOG)
@VIP
@METHOD
@details
@ASK
@STATE
@JSON
def check(
    vips: tuple[IPAddress, ...],
    asked: tuple[IPAddress, ...],
    state_file: Path | None,
    *,
    is_json: bool,
    **options: Any,
) -> None:
    """Prove that all is right; name what is not, and the remedy.

    Looks at what is up, or as if --vip and --method were to be.

    With --ask, from another host on the segment (the director, say): find out who answers ARP for an address.
    """
    with _reporting(), Host() as host:
        memory = state.read(state_file or state.default_path())
        have = host.observe(memory.ledger)
        if asked:
            findings, subjects = _ask(have, asked, options["interface"], options["director"])
        else:
            options["vips"] = vips
            duties = duties_of(have, request_of(options)) if vips or options["method"] else memory.want.duties
            findings = judge(have, duties, gather(host, have, duties))
            subjects = tuple(duty_words(duty) for duty in duties)
    _show_findings(findings, subjects, is_json=is_json)
    if any(finding.level is Level.PROBLEM for finding in findings):
        sys.exit(1)


def request_of(options: dict[str, Any]) -> Request:
    """Turn the options of `up` and `check` into one value."""
    if not options["vips"] or not options["method"]:
        raise WantedError("say which: --vip ADDRESS and --method dr|tun|nat")
    parsed = {
        "method": Method(options["method"]),
        "decapsulation": Decapsulation(options["decapsulation"]),
        "tunnels": tuple(map(TunnelType, options["tunnels"])),
    }
    return Request(**{**options, **parsed})


def _change(host: Host, path: Path, want: Wanted, presentation: Presentation) -> None:
    if presentation.is_dry_run:
        _show_plan(want, host.observe(state.read(path).ledger), presentation)
        return

    def tell(step: Step) -> None:
        if not presentation.is_json:
            click.echo(presentation.words(step))

    steps = carry_out(host, path, want, tell)
    if presentation.is_json:
        _print_json({"steps": [presentation.words(step) for step in steps]})
    elif not steps:
        click.echo("nothing to do")


def _show_plan(want: Wanted, have: HostState, presentation: Presentation) -> None:
    if presentation.is_json:
        _print_json(plan_json(want, have))
        return
    steps = plan(have, want)
    for number, step in enumerate(steps, 1):
        click.echo(f"{number:2}. {presentation.words(step)}")
    if not steps:
        click.echo("nothing to do")


def _status(state_file: Path | None) -> Status:
    path = state_file or state.default_path()
    memory = state.read(path)
    with Host() as host:
        have = host.observe(memory.ledger)
        unwrapping = unwrappings(host, have)
    return Status(memory.want, have, unwrapping, str(path))


def _ask(
    have: HostState, asked: tuple[IPAddress, ...], name: str | None, director: IPAddress | None
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Ask a segment who has these addresses; return what is wrong, and who answered."""
    (duty, *_) = duties_of(have, Request(asked, Method.DR, interface=name, director=director))
    interface = have.interface(duty.interface)
    if interface is None:
        raise WantedError(f"interface {duty.interface} does not exist on this host")
    answers = ask_segment(interface, (*asked, *((director,) if director else ())))
    if answers.fault:
        raise HostError(answers.fault)
    findings = tuple(each for vip in asked for each in ask_findings(have, interface, director, vip, answers))
    return findings, tuple(answer_words(vip, answers) for vip in asked)


def _show_findings(findings: tuple[Finding, ...], subjects: tuple[str, ...], *, is_json: bool) -> None:
    if is_json:
        _print_json(findings_json(findings, subjects))
        return
    for finding in findings:
        click.echo(f"{finding.level.value}: {finding.what}; {finding.remedy}")
    if not subjects:
        click.echo("nothing is set up here: say --vip ADDRESS --method dr|tun|nat to check for one")
    elif not any(finding.level is Level.PROBLEM for finding in findings):
        click.echo("all right: " + "; ".join(subjects))


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


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
