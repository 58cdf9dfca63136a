# SPDX-License-Identifier: Apache-2.0
"""The command line over the file."""

from pathlib import Path

from director.daemon.options import Options
from director.model import Configuration, Settings
from director.model.configuration import DatapathKind

FROM_FILE = Configuration(settings=Settings(datapath=DatapathKind.AUTO, interfaces=("eth0",), workers=2))


def test_the_command_line_wins_over_the_file() -> None:
    options = Options(datapath=DatapathKind.PACKET, interfaces=("eth1", "eth2"))
    wanted = Settings(datapath=DatapathKind.PACKET, interfaces=("eth1", "eth2"), workers=2)
    assert options.over(FROM_FILE) == Configuration(settings=wanted)


def test_what_the_command_line_leaves_open_the_file_decides() -> None:
    assert Options().over(FROM_FILE) == FROM_FILE


def test_without_a_file_the_director_starts_empty() -> None:
    assert Options().configuration() == Configuration()


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "director.toml"
    file.write_text('[director]\ninterfaces = ["eth0"]\nworkers = 2\n')
    assert Options(config=file).configuration() == FROM_FILE
