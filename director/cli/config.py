# SPDX-License-Identifier: Apache-2.0
"""`director config`: the whole configuration as a file, checked, compared, applied and saved.

Only `check` and `save` read configurations themselves; `diff` and `apply` send the file as it is, and the
director judges it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from director.cli import printing
from director.cli.calling import Failure, InOrder, client, done, naming
from director.cli.importing import import_
from director.cli.options import as_json
from director.config.errors import ConfigError
from director.control.client import RefusedError

if TYPE_CHECKING:
    from director.model import Configuration

CONFIG = "/v1/config"
STANDARD_INPUT = "standard input"

file_argument = click.argument("file", type=click.Path(allow_dash=True, path_type=Path))


@click.group(cls=InOrder)
def config() -> None:
    """The whole configuration, as a TOML file. FILE - is the standard input, or output."""


@config.command()
@file_argument
@as_json
def check(file: Path, *, as_json: bool) -> None:
    """Check a file and show every fault.

    The director need not run."""
    from dataclasses import asdict

    from director.config.load import load

    try:
        configuration = load(_text(file), _name(file))
    except ConfigError as error:
        if as_json:
            printing.show_json({"faults": [asdict(fault) for fault in error.faults]})
        raise
    if as_json:
        printing.show_json({"faults": []})
    else:
        click.echo(f"{_name(file)}: valid, {_contents(configuration)}")


@config.command()
@file_argument
@as_json
def diff(file: Path, *, as_json: bool) -> None:
    """Show what applying a file would change."""
    _put(file, dry_run=True, as_json=as_json)


@config.command()
@file_argument
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@as_json
def apply(file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Make a file the running configuration.

    It is one transaction: all of the file, or nothing."""
    _put(file, dry_run=dry_run, as_json=as_json)


@config.command()
@file_argument
def save(file: Path) -> None:
    """Write the running configuration to a file.

    The file keeps the comments it has, and is replaced as a whole."""
    text = client().get_text(CONFIG, format="toml")
    if _is_dash(file):
        click.echo(text, nl=False)
        return
    from director.config.file import write_configuration
    from director.config.load import load

    try:
        write_configuration(file, load(text))
    except OSError as error:
        raise Failure(f"{file}: cannot be written: {(error.strerror or str(error)).lower()}") from error


@config.command()
@as_json
def show(*, as_json: bool) -> None:
    """Print the running configuration."""
    if as_json:
        printing.show_json(client().get(CONFIG))
    else:
        click.echo(client().get_text(CONFIG, format="toml"), nl=False)


config.add_command(import_)


def _put(file: Path, *, dry_run: bool, as_json: bool) -> None:
    query = {"dry_run": "true"} if dry_run else {}
    try:
        answer = client().put_toml(CONFIG, _text(file), **query)
    except RefusedError as refusal:
        raise naming(_name(file), refusal) from refusal
    done(answer, as_json=as_json)


def _text(file: Path) -> str:
    from director.config.file import read_text
    from director.config.load import text_from

    if _is_dash(file):
        return text_from(sys.stdin.buffer.read(), STANDARD_INPUT)
    return read_text(file)


def _name(file: Path) -> str:
    return STANDARD_INPUT if _is_dash(file) else str(file)


def _is_dash(file: Path) -> bool:
    return str(file) == "-"


def _contents(configuration: Configuration) -> str:
    services = len(configuration.services)
    servers = sum(len(each.destinations) for each in configuration.services)
    return f"{_plural(services, 'service')}, {_plural(servers, 'server')}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
