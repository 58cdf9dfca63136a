# SPDX-License-Identifier: Apache-2.0
"""`director config import`: another program's services as our configuration, and what was not taken over.

The readers are in `director/importing/`; here is the command, and the merge into what runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from director.cli.calling import Failure, client, done
from director.cli.options import as_json, words
from director.importing.kinds import Format

if TYPE_CHECKING:
    from director.model import VirtualService

STANDARD_INPUT = "standard input"


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
@click.option("--format", "kind", type=words(Format), help="Whose file it is.  [default: found out]")
@click.option("--apply", "applied", is_flag=True, help="Merge it into the running configuration.")
@click.option("--strict", is_flag=True, help="Fail where something is not taken over.")
@as_json
def import_(file: Path, kind: str | None, *, applied: bool, strict: bool, as_json: bool) -> None:
    """Take services over from another program's file.

    It is what ipvsadm -S -n saved, an ldirectord.cf or a keepalived.conf. Prints a configuration, and
    on standard error, by line, what could not be taken over."""
    from director.importing.formats import FormatError, detect, read
    from director.ipvsadm.names import SystemNames

    name, text = _text(file)
    try:
        found = read(text, Format(kind) if kind else detect(text), SystemNames())
    except FormatError as error:
        raise Failure(f"{name}: {error}") from error
    for left in found.left:
        click.echo(f"{name}:{left.line}: {left.what}", err=True)
    for hint in _of_marks(found.services):
        click.echo(f"{name}: {hint}", err=True)
    if strict and found.left:
        raise Failure(f"{name}: {len(found.left)} not taken over")
    if applied:
        done(_merge(found.services), as_json=as_json)
    else:
        _show(found.services)


def _of_marks(services: tuple[VirtualService, ...]) -> Iterator[str]:
    """Say what services of marks lack, since no such file tells which packets have a mark."""
    for service in services:
        if mark := service.key.mark:
            yield (
                f"{service.key}: the firewall's rules say which packets have the mark, and not this file; "
                f"here it is told by `director mark add {mark} NETWORK` or [[mark]]"
            )


def _show(services: tuple[VirtualService, ...]) -> None:
    from director.config.save import save
    from director.model.configuration import Configuration

    click.echo(save(Configuration(services)), nl=False)


def _merge(services: tuple[VirtualService, ...]) -> Any:
    """Add what is new, and change what is there already, in one transaction."""
    from director.config.batch import merging
    from director.config.load import configuration_from

    api = client()
    now = configuration_from(api.get("/v1/config"))
    return api.post("/v1/edits", {"edits": merging(now, services)})


def _text(file: Path) -> tuple[str, str]:
    from director.config.file import read_text
    from director.config.load import text_from

    if str(file) == "-":
        return STANDARD_INPUT, text_from(sys.stdin.buffer.read(), STANDARD_INPUT)
    return str(file), read_text(file)
