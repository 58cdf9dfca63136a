# SPDX-License-Identifier: Apache-2.0
"""What `director run` was told, and how that joins with the configuration file: the command line wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from director.config.file import read_configuration
from director.daemon.logs import LogFormat
from director.model import Configuration
from director.model.configuration import DatapathKind

DEFAULT_SOCKET = Path("/run/director/control.sock")


@dataclass(frozen=True, slots=True)
class Options:
    """`config` None starts empty. `datapath` None and `interfaces` empty leave the choice to the file."""

    socket: Path = DEFAULT_SOCKET
    config: Path | None = None
    datapath: DatapathKind | None = None
    interfaces: tuple[str, ...] = ()
    log_format: LogFormat = LogFormat.TEXT

    def over(self, configuration: Configuration) -> Configuration:
        """Put what the command line said over a configuration."""
        settings = configuration.settings
        wanted = replace(
            settings,
            datapath=self.datapath or settings.datapath,
            interfaces=self.interfaces or settings.interfaces,
        )
        return replace(configuration, settings=wanted)

    def configuration(self, otherwise: Configuration | None = None) -> Configuration:
        """Read the file, ConfigError says all that is wrong with it; without one take what is given."""
        return self.over(read_configuration(self.config) if self.config else otherwise or Configuration())
