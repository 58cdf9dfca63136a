# SPDX-License-Identifier: Apache-2.0
"""The `director` command: the tree of its verbs, one module for each group.

A verb asks the running director through its control socket and prints the answer. Whatever is slow to import
(tables, configuration files, the daemon) is imported by the verb that needs it. Nothing here decides.
"""

from __future__ import annotations

import click

from director.cli import (
    check,
    completion,
    config,
    connections,
    lifecycle,
    mark,
    server,
    service,
    stats,
    status,
    sync,
    tuning,
)
from director.cli.calling import Root
from director.cli.options import socket_of_all


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@socket_of_all
@click.version_option(package_name="director", prog_name="director", message="%(prog)s %(version)s")
def root() -> None:
    """Balance connections over real servers by direct routing, tunnels or NAT, in user space."""


for command in (
    lifecycle.run,
    service.service,
    server.server,
    mark.mark,
    tuning.sysctl,
    tuning.timeouts,
    connections.connections,
    sync.sync,
    stats.stats,
    status.status,
    config.config,
    check.check,
    lifecycle.stop,
    lifecycle.cleanup,
    completion.completion,
):
    root.add_command(command)


def main() -> None:
    """Run the command line."""
    root.main(prog_name="director")
