# SPDX-License-Identifier: Apache-2.0
"""Ask the running director, and say what it refused: a sentence a line on standard error, and exit status 1.

Every failure of a verb passes through `Root`, so that no verb has to word one and none shows a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click

from director.cli import printing
from director.cli.answers import Change, Service
from director.config.errors import ConfigError
from director.control.client import Client, ControlError, RefusedError

SOCKET = "director.socket"
COMPLETION_SECONDS = 1.0
SERVERS = (
    ("destination already exists: ", "server already exists: "),
    ("no such destination: ", "no such server: "),
)


class Failure(click.ClickException):
    """What was asked cannot be done; the message is for the operator."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class InOrder(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)


class Root(InOrder):
    """The whole tree: every failure that a verb can meet becomes a sentence."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say where a verb is that was named without its group."""
        groups = [each for each in self.commands.values() if isinstance(each, click.Group)]
        there = [f"{ctx.info_name} {each.name} {args[0]}" for each in groups if args[0] in each.commands]
        if there and args[0] not in self.commands and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {' or '.join(there)}?", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has seen enough: click ends quietly
        except (ControlError, ConfigError) as error:
            raise Failure(_as_named_here(str(error))) from error
        except OSError as error:
            raise Failure(_words(error)) from error


def _as_named_here(sentence: str) -> str:
    """Call a destination of the API's what the commands call it."""
    for theirs, ours in SERVERS:
        sentence = sentence.replace(theirs, ours)
    return sentence


def _words(error: OSError) -> str:
    return (
        f"{error.filename}: {(error.strerror or '').lower()}"
        if error.filename
        else error.strerror or str(error)
    )


def socket_path() -> Path | None:
    """Return the socket that the command line names, or None."""
    path = click.get_current_context().find_root().meta.get(SOCKET)
    assert path is None or isinstance(path, Path)
    return path


def client() -> Client:
    """Return a client of the director that the command line, the environment or the default names."""
    return Client(socket_path())


def names(context: click.Context) -> list[str]:
    """Return the services' names for completion, or none if no director answers at once."""
    try:
        with context.scope(cleanup=False):
            answer = Client(socket_path(), COMPLETION_SECONDS).get("/v1/services")
    except ControlError:
        return []
    return [service_name(each) for each in answer["service"]]


def service_name(service: Service) -> str:
    """Write a service's name as commands take it."""
    if service["mark"]:
        return f"mark{'6' if service['family'] == 'ipv6' else ''}:{service['mark']}"
    return f"{service['protocol']}:{service['address']}"


def named(service: str) -> dict[str, Any]:
    """Turn a service's name into the fields that say it; the director judges them."""
    word, _, rest = service.partition(":")
    if word not in {"mark", "mark6"}:
        return {"protocol": word, "address": rest}
    family = {"family": "ipv6"} if word == "mark6" else {}
    return {"mark": int(rest) if rest.isascii() and rest.isdigit() else rest, **family}


def show_changes(changes: Sequence[Change]) -> None:
    """Print what changed, or that nothing did."""
    for change in changes:
        click.echo(change["text"])
    if not changes:
        click.echo("nothing changes")


def done(answer: Any, *, as_json: bool) -> None:
    """Print the answer to an edit."""
    if as_json:
        printing.show_json(answer)
    else:
        show_changes(answer["changes"])


def naming(file: str, refusal: RefusedError) -> Failure:
    """Word a refusal of a file's content as the file's own check does."""
    return Failure("\n".join(f"{file}: {fault}" for fault in refusal.faults))
