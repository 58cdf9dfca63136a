# SPDX-License-Identifier: Apache-2.0
"""The wheel carries all that was built, a changed header rebuilds, and a missing compiler is named.

Everything happens in a copy of the tree, since other tests use what is built in this one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.needs import needs
from tests.repo import tree

pytestmark = needs("gcc", "clang")

BUILT = (
    "director/datapath/_native.*.so",
    "director/datapath/*.bpf.o",
    "realserver/*.so",
    "realserver/*.bpf.o",
)
PIP_WHEEL = ("-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the sources and build them in place."""
    copy = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.bpf.o", *tree.GENERATED)
    for package in ("director", "realserver"):
        shutil.copytree(tree.ROOT / package, copy / package, ignore=unwanted)
    for file in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy2(tree.ROOT / file, copy / file)
    done = build_in_place(copy)
    assert done.returncode == 0, done.stderr
    return copy


def build_in_place(checkout: Path, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    return subprocess.run(
        command, cwd=checkout, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def built(checkout: Path) -> dict[str, int]:
    """Say when each thing that was built in place was written."""
    found = [path for pattern in BUILT for path in checkout.glob(pattern)]
    return {str(path.relative_to(checkout)): path.stat().st_mtime_ns for path in found}


@pytest.mark.parametrize("pattern", BUILT)
def test_each_native_part_is_built_beside_the_python_that_loads_it(checkout: Path, pattern: str) -> None:
    assert list(checkout.glob(pattern)) != []


def test_nothing_is_rebuilt_where_nothing_changed(checkout: Path) -> None:
    before = built(checkout)
    done = build_in_place(checkout)
    assert (done.returncode, built(checkout)) == (0, before)


def test_a_changed_header_rebuilds_what_includes_it(checkout: Path) -> None:
    before = built(checkout)
    (checkout / "director/datapath/native/wire.h").touch()
    done = build_in_place(checkout)
    after = built(checkout)
    assert done.returncode == 0, done.stderr
    assert [name for name in after if name.startswith("director/") and after[name] == before[name]] == []


def test_the_wheel_carries_what_was_built_and_no_source_of_it(checkout: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, *PIP_WHEEL, "-w", tmp_path, "."], cwd=checkout, check=True)
    (wheel,) = tmp_path.glob("director-*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    assert built(checkout).keys() - carried == set()
    assert [
        name for name in carried if name.endswith((".c", ".h")) or name.startswith(("lab/", "tests/"))
    ] == []


def test_the_wheel_carries_the_units(checkout: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, *PIP_WHEEL, "-w", tmp_path, "."], cwd=checkout, check=True)
    (wheel,) = tmp_path.glob("director-*.whl")
    units = {"director/systemd/director.service", "realserver/systemd/realserver@.service"}
    assert units - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_a_missing_clang_is_named_in_one_line(checkout: Path, tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    assert gcc is not None
    (tmp_path / "gcc").symlink_to(gcc)
    (checkout / "realserver/decap.bpf.c").touch()
    done = build_in_place(checkout, path=str(tmp_path))
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "error: clang is missing: it compiles realserver/decap.bpf.c (apt-get install clang)",
    )
