# SPDX-License-Identifier: Apache-2.0
"""Each module has the test file that its name promises, or a reason here why it needs none."""

from __future__ import annotations

from pathlib import Path

from tests.repo import tree

ROOMS = (Path("director"), Path("realserver"), Path("netns-lab/lab"))

# A name, or a path where the name alone would say too much, and the reason.
EXEMPT = {
    "__init__.py": "says what its package is for",
    "__main__.py": "calls main and nothing else",
    "director/datapath/native/build_native.py": "runs at build time: test_build.py",
    "realserver/build_bpf.py": "runs at build time: test_build.py",
}


def test_each_module_has_its_test_file() -> None:
    assert [str(path) for path in modules() if not is_exempt(path) and not is_tested(path)] == []


def test_each_exemption_is_of_a_file_that_is_there() -> None:
    here = {str(path) for path in modules()} | {path.name for path in modules()}
    assert set(EXEMPT) - here == set()


def modules() -> tuple[Path, ...]:
    return tuple(path for path in tree.files(".py") if any(path.is_relative_to(room) for room in ROOMS))


def is_exempt(path: Path) -> bool:
    return path.name in EXEMPT or str(path) in EXEMPT


def is_tested(path: Path) -> bool:
    """Look for test_x.py, or for test_room_x.py where two rooms have an x."""
    names = {f"test_{path.stem}.py", f"test_{path.parent.name}_{path.stem}.py"}
    return any(test.name in names for test in tree.files(".py") if test.parts[0] == "tests")
