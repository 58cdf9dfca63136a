# SPDX-License-Identifier: Apache-2.0
"""The command line's words as types and options: parsed once, and refused, here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from netaddr import AddrFormatError, IPAddress

from realserver.settings import GUE_PORT, Decapsulation, Method, Port, Transport, TunnelType


class AddressType(click.ParamType[IPAddress]):
    """An IPv4 or IPv6 address, without a prefix length."""

    name = "ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPAddress:
        if isinstance(value, IPAddress):
            return value
        try:
            return IPAddress(value.removesuffix("/32").removesuffix("/128"))
        except (AddrFormatError, ValueError):
            self.fail(f"{value!r} is not an IPv4 or IPv6 address", param, ctx)


class PortType(click.ParamType[Port]):
    """`tcp/80`."""

    name = "PROTOCOL/PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Port:
        if isinstance(value, Port):
            return value
        transport, _, number = value.partition("/")
        known = {each.value: each for each in Transport}
        if (
            transport not in known
            or not number.isascii()
            or not number.isdigit()
            or not 0 < int(number) < 65536
        ):
            self.fail(f"{value!r} is not a port such as tcp/80 or udp/53", param, ctx)
        return Port(known[transport], int(number))


ADDRESS = AddressType()
PORT = PortType()

Command = Callable[..., Any]

VIP = click.option(
    "--vip", "vips", type=ADDRESS, multiple=True, help="The service's address; may be repeated."
)
METHOD = click.option(
    "--method",
    type=click.Choice([method.value for method in Method]),
    help="How the director forwards to here.",
)
STATE = click.option(
    "--state",
    "state_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REALSERVER_STATE",
    help="Where what was before is kept.  [default: in /run/realserver, by namespace]",
)
JSON = click.option("--json", "is_json", is_flag=True, help="Write JSON.")
DRY_RUN = click.option(
    "--dry-run", "is_dry_run", is_flag=True, help="Say what would be done, and do nothing."
)
ASK = click.option(
    "--ask",
    "asked",
    type=ADDRESS,
    multiple=True,
    help="Only ask --interface's segment who answers ARP for this address.",
)
DETAILS = (
    click.option("--interface", metavar="IF", help="Where the director's packets come in.  [default: found]"),
    click.option("--director", type=ADDRESS, help="The director; nat: where replies go back through."),
    click.option("--source", type=ADDRESS, help="nat: route only packets from this address so."),
    click.option("--table", type=click.IntRange(1, 2**31 - 1), help="nat with --source: the routing table."),
    click.option("--endpoint", "endpoints", type=ADDRESS, multiple=True,
                 help="tun: an address the tunnel ends at.  [default: the interface's own]"),
    click.option("--mtu", type=click.IntRange(576, 65535), help="tun: the path MTU.  [default: interface's]"),
    click.option("--decap", "decapsulation", type=click.Choice([each.value for each in Decapsulation]),
                 default=Decapsulation.AUTO.value, show_default=True, help="tun: who unwraps."),
    click.option("--tunnel", "tunnels", type=click.Choice([each.value for each in TunnelType]), multiple=True,
                 help="tun: what the director wraps packets in; may be repeated.  [default: all of them]"),
    click.option("--tunnel-port", type=click.IntRange(1, 65535),
                 help=f"tun: the UDP port of gue.  [default: {GUE_PORT}]"),
    click.option("--port", "ports", type=PORT, multiple=True, help="Where the service listens, for `check`."),
)  # fmt: skip


def details(command: Command) -> Command:
    """Give a command the options that describe a duty beyond its VIP and method."""
    for option in reversed(DETAILS):
        command = option(command)
    return command
