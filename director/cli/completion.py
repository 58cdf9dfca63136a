# SPDX-License-Identifier: Apache-2.0
"""Shell completion: the script that a shell loads, made by click from the tree of commands.

Services are written with colons, at which bash breaks words; so bash has a script of its own here, which
hands over the line as it was typed and puts back only what follows the last colon.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

SHELLS = ("bash", "zsh", "fish")
BASH = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" type value known=""
    local word="${line##*[[:space:]]}"
    [[ $COMP_WORDBREAKS == *:* ]] && known="${word%%"${word##*:}"}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$known"}") ;;
        esac
    done < <(COMP_WORDS="$line" %(complete_var)s=bash_complete "$1")
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class WholeLineBash(BashComplete):
    """bash, with words as a shell reads them and not as COMP_WORDBREAKS cuts them."""

    source_template = BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        unfinished = "" if line[-1:].isspace() else words.pop()
        return words[1:], unfinished


add_completion_class(WholeLineBash)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For this shell only: `source <(director completion bash)`, or in fish `director completion fish | source`.
    To have it always, write it where the shell looks: /usr/share/bash-completion/completions/director,
    /usr/share/zsh/vendor-completions/_director or /usr/share/fish/vendor_completions.d/director.fish.
    """
    script = get_completion_class(shell)
    assert script is not None, f"click knows no shell {shell}"
    root = context.find_root()
    click.echo(script(root.command, {}, "director", "_DIRECTOR_COMPLETE").source())
