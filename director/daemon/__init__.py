# SPDX-License-Identifier: Apache-2.0
"""The running director: the asyncio loop that turns happenings into events and commands into calls.

Decides nothing: that is the engine's. `run` is `director run`, `cleanup` is `director cleanup`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import structlog
from pyroute2.netlink.exceptions import NetlinkError

from director.config.errors import ConfigError
from director.control.listening import SocketError
from director.daemon.cleanup import CleanUp, clean_up, refuse_while_running
from director.daemon.identity import hold_identity
from director.daemon.logs import LogFormat, set_up
from director.daemon.options import Options
from director.daemon.running import Running

__all__ = ["LogFormat", "Options", "cleanup", "run"]

log = structlog.get_logger()

TURN_SECONDS = 0.001
"""For how long a thread that reads a large file keeps the loop waiting, whenever it wants to go on."""


def run(options: Options) -> int:
    """Run a director until it is told to stop; return the exit status, 1 when it could not start."""
    set_up(options.log_format)
    sys.setswitchinterval(TURN_SECONDS)
    try:
        asyncio.run(_run(options))
    except ConfigError as error:
        for fault in error.faults:
            log.error("configuration refused", file=error.file, fault=str(fault))
        return 1
    except (OSError, NetlinkError, SocketError) as error:
        log.error("director can not run", why=str(error))
        return 1
    return 0


async def _run(options: Options) -> None:
    from director.daemon.choosing import make_datapath  # the native part is loaded to carry, not to clean up

    await Running(options, make_datapath).run()


def cleanup(socket: Path) -> tuple[str, ...]:
    """Undo what a killed director left and say what; OSError while one is running on this socket."""
    found = asyncio.run(_cleanup(socket))
    return (*found.undone, *found.left)


async def _cleanup(socket: Path) -> CleanUp:
    refuse_while_running(socket)
    with await hold_identity(socket):
        return await clean_up(socket)
