# SPDX-License-Identifier: Apache-2.0
"""What commands have in common: the control socket, `--json`, and how a service is written.

A service's words are joined here and judged by the director alone, so that there is one truth about them.
Completion asks the running director for names, and offers none when it does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from director.cli import calling
from director.control.client import DEFAULT_SOCKET, SOCKET_VARIABLE
from director.model.service import Protocol

Function = TypeVar("Function", bound=Callable[..., Any])


def words(enum: type[Enum]) -> click.Choice[str]:
    """Offer the words of an enum, in any case."""
    return click.Choice([each.value for each in enum], case_sensitive=False)


def _keep_socket(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.find_root().meta[calling.SOCKET] = value


def socket_option(text: str) -> Callable[[Function], Function]:
    """Add `--socket`; the last that is given counts."""
    return click.option(
        "--socket",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_keep_socket,
        help=text,
    )


socket_of_all = socket_option(
    f"The director's control socket, else what {SOCKET_VARIABLE} names, else {DEFAULT_SOCKET}."
)
socket_again = socket_option("The control socket; may also stand before the verb.")


def interface_names(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what no interface can be called."""
    from director.config.fields import AN_INTERFACE, is_interface

    for name in given:
        if not is_interface(name):
            raise click.BadParameter(f"{name!r} is not {AN_INTERFACE}", context, parameter)
    return given


def assignment(word: str) -> tuple[str, int]:
    """Read NAME=NUMBER."""
    name, equals, number = word.partition("=")
    if not equals or not re.fullmatch(r"[0-9]{1,10}", number):
        raise click.UsageError(f"{word!r} is not NAME=NUMBER")
    return name, int(number)


as_json = click.option("--json", "as_json", is_flag=True, help="Print the control API's answer as JSON.")


def _services(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in calling.names(context) if name.startswith(incomplete)]


def _joined(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str:
    """Accept `tcp:192.0.2.1:80` and `tcp 192.0.2.1:80`."""
    first = {*(each.value for each in Protocol), "mark", "mark6"}
    if len(given) == 1 or (len(given) == 2 and given[0].lower() in first):
        return ":".join((given[0].lower(), *given[1:]))
    raise click.BadParameter(
        f"{' '.join(given)!r} is not a service; write tcp:192.0.2.1:80 or tcp 192.0.2.1:80",
        context,
        parameter,
    )


# One word or two: both ways of writing a service.
service_words = click.argument(
    "service", metavar="SERVICE", nargs=-1, required=True, callback=_joined, shell_complete=_services
)
service_argument = click.argument("service", metavar="SERVICE", shell_complete=_services)
service_or_all = click.argument("service", metavar="[SERVICE]", required=False, shell_complete=_services)
service_filter = click.option(
    "--service", metavar="SERVICE", shell_complete=_services, help="Only this service."
)
