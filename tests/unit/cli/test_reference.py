# SPDX-License-Identifier: Apache-2.0
"""The reference page is what the tree of commands says, and the tree says something everywhere."""

from __future__ import annotations

import click
import pytest

from director.cli import root
from director.cli.reference import contexts, page
from tests.repo import tree

CONTEXTS = list(contexts(root, 78))
PATHS = [context.command_path for context in CONTEXTS]


def test_the_page_is_written_from_the_tree() -> None:
    written = (tree.ROOT / "docs/cli.md").read_text()
    assert written == page(root), "run: python -m director.cli.reference > docs/cli.md"


def test_every_verb_is_there() -> None:
    expected = [
        "director",
        "director run",
        "director service",
        *(f"director service {verb}" for verb in ("add", "edit", "delete", "list")),
        "director server",
        *(f"director server {verb}" for verb in ("add", "edit", "delete", "list")),
        "director mark",
        *(f"director mark {verb}" for verb in ("add", "delete", "list")),
        "director sysctl",
        "director timeouts",
        "director connections",
        "director sync",
        "director sync start",
        "director sync stop",
        "director sync show",
        "director stats",
        "director status",
        "director config",
        *(f"director config {verb}" for verb in ("check", "diff", "apply", "save", "show", "import")),
        "director check",
        "director stop",
        "director cleanup",
        "director completion",
    ]
    assert expected == PATHS


@pytest.mark.parametrize("context", CONTEXTS, ids=PATHS)
def test_every_command_and_option_says_what_it_does(context: click.Context) -> None:
    options = [each for each in context.command.get_params(context) if isinstance(each, click.Option)]
    assert context.command.help
    assert [option.name for option in options if not option.help] == []


def test_no_line_of_a_list_of_verbs_is_cut_at_80_columns() -> None:
    groups = [context for context in CONTEXTS if isinstance(context.command, click.Group)]
    verbs = [line for each in groups for line in each.get_help().partition("Commands:")[2].splitlines()]
    assert (len(groups), [line for line in verbs if line.endswith("...")]) == (6, [])
