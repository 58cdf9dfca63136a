# SPDX-License-Identifier: Apache-2.0
"""What is pinned in a BPF file system can be had again by its name, also where `ip netns exec` hides that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from director.datapath.errors import DatapathError
from director.datapath.pins import Pins, find_pins, make_pins
from director.datapath.programs import ProgramKind, Programs, TableSizes
from tests.needs import needs

pytestmark = [needs("root", "bpf", "netns"), pytest.mark.lab]

IDENTITY = f"pins{os.getpid()}"
FIND = f"""
from director.datapath.pins import find_pins
for pins in find_pins("{IDENTITY}"):
    print(pins.name, *pins.names(), pins.get("lb_conns") > 0)
"""


@pytest.fixture
def programs() -> Iterator[Programs]:
    loaded = Programs.load(ProgramKind.TC, TableSizes(sets=1 << 6, image_lines=64))
    yield loaded
    loaded.close()


@pytest.fixture
def pins() -> Iterator[Pins]:
    made = make_pins(IDENTITY, "1")
    yield made
    with contextlib.suppress(FileNotFoundError):
        made.remove()


def test_a_pinned_map_is_had_again_and_can_be_replaced(programs: Programs, pins: Pins) -> None:
    for name in ("lb_conns", "lb_dests"):
        pins.pin("lb_conns", programs.tables.descriptors[name])
    os.close(pins.get("lb_conns"))
    assert (pins.names(), find_pins(IDENTITY)) == (("lb_conns",), (pins,))
    pins.unpin("lb_conns")
    with pytest.raises(DatapathError, match="there is no pinned lb_conns: No such file"):
        pins.get("lb_conns")


def test_a_removed_directory_leaves_nothing(programs: Programs, pins: Pins) -> None:
    pins.pin("lb_conns", programs.tables.descriptors["lb_conns"])
    pins.remove()
    assert find_pins(IDENTITY) == ()


def test_a_process_in_a_mount_namespace_of_its_own_finds_them(programs: Programs, pins: Pins) -> None:
    pins.pin("lb_conns", programs.tables.descriptors["lb_conns"])
    name = f"pins{os.getpid()}"
    subprocess.run(("ip", "netns", "add", name), check=True)
    try:
        command = ("ip", "netns", "exec", name, sys.executable, "-c", FIND)
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        subprocess.run(("ip", "netns", "delete", name), check=True)
    assert said == f"director-{IDENTITY}-1 lb_conns True\n"
