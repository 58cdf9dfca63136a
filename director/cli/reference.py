# SPDX-License-Identifier: Apache-2.0
"""The reference page, written from the tree of commands: `python -m director.cli.reference > docs/cli.md`.

A test holds the page to this, so that a command and its page cannot part ways. Nothing is described here.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

HEAD = """\
<!-- Written by `python -m director.cli.reference > docs/cli.md`; a test compares. -->

# The `director` command

{summary}

Exit status: 0 when it is done, 1 when it was refused or failed (the reasons are on standard error, one a
line), 2 when the command line itself is wrong. With `--json` the control API's answer is printed as it is.
"""
WIDTH = 100


def page(root: click.Command) -> str:
    """Write the whole page."""
    head = HEAD.format(summary=(root.help or "").strip().splitlines()[0])
    return "\n".join((head, *map(_section, contexts(root, WIDTH))))


def contexts(root: click.Command, width: int) -> Iterator[click.Context]:
    """Visit every command of the tree, in the order in which help lists them."""
    settings = {**root.context_settings, "terminal_width": width}
    return _walk(click.Context(root, info_name="director", **settings))


def _section(context: click.Context) -> str:
    return f"## `{context.command_path}`\n\n```\n{context.get_help().rstrip()}\n```\n"


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None, f"{name} is listed but cannot be had"
            if not command.hidden:
                yield from _walk(click.Context(command, parent=context, info_name=name))


if __name__ == "__main__":
    from director.cli import root as whole

    click.echo(page(whole), nl=False)
