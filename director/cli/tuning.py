# SPDX-License-Identifier: Apache-2.0
"""`director sysctl` and `director timeouts`: behaviour switches and idle times, shown and changed."""

from __future__ import annotations

import re

import click

from director.cli import printing
from director.cli.calling import client, done
from director.cli.options import as_json, assignment

PREFIX = re.compile(r"(?:net[./]ipv4[./]vs[./])?")
PAIR = re.compile(r"\s*([0-9]{1,10})[\s,]+([0-9]{1,10})\s*")


@click.command()
@click.argument("words", metavar="[NAME[=VALUE]]...", nargs=-1)
@as_json
def sysctl(words: tuple[str, ...], *, as_json: bool) -> None:
    """Show or change behaviour switches, under the kernel's names.

    Without words all are shown. expire_nodest_conn shows one, expire_nodest_conn=1 changes it, at once and
    for packets of old connections too. net.ipv4.vs. before a name may be left out.
    """
    _show_or_change("/v1/sysctl", tuple(map(_kernel_words, words)), as_json=as_json)


@click.command()
@click.argument("words", metavar="[NAME[=SECONDS]]...", nargs=-1)
@as_json
def timeouts(words: tuple[str, ...], *, as_json: bool) -> None:
    """Show or change the idle times of connections.

    They are in seconds, by protocol and state. A service can have its own, see director service edit.
    """
    _show_or_change("/v1/timeouts", words, as_json=as_json)


def _kernel_words(word: str) -> str:
    """Take the kernel's prefix off."""
    return PREFIX.sub("", word, count=1)


def _show_or_change(path: str, words: tuple[str, ...], *, as_json: bool) -> None:
    assignments = [word for word in words if "=" in word]
    changes = {name: value for word in assignments for name, value in _change(word).items()}
    if changes and len(assignments) < len(words):
        raise click.UsageError("either show or change: some words have a value, others have none")
    if changes:
        done(client().patch(path, changes), as_json=as_json)
        return
    values = client().get(path)
    unknown = [word for word in words if word not in values]
    if len(words) == 2 and words[1].isdigit() and words[0] in values:
        raise click.UsageError(f"to change it, write {words[0]}={words[1]}")
    if unknown:
        raise click.UsageError(f"{unknown[0]!r} is not one of {', '.join(values)}")
    shown = {name: values[name] for name in words or values}
    if as_json:
        printing.show_json(shown)
    else:
        click.echo("\n".join(f"{name} = {value}" for name, value in shown.items()))


def _change(word: str) -> dict[str, int]:
    """Read NAME=NUMBER; the kernel's sync_threshold has two, the second of which is sync_period here."""
    name, _, value = word.partition("=")
    pair = PAIR.fullmatch(value)
    if name == "sync_threshold" and pair is not None:
        return {"sync_threshold": int(pair[1]), "sync_period": int(pair[2])}
    return dict([assignment(word)])
