# SPDX-License-Identifier: Apache-2.0
"""Each module has the test file that its name promises, or a reason here why it needs none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.repo import tree

ROOMS = (Path("director"), Path("realserver"), Path("netns-lab/lab"))

DATA = "data and nothing else"  # which is counted: not one function

# A name, or a path where the name alone would say too much, and the reason.
EXEMPT = {
    "__init__.py": "says what its package is for",
    "__main__.py": "calls main and nothing else",
    "director/datapath/native/build_native.py": "runs at build time: test_build.py",
    "realserver/build_bpf.py": "runs at build time: test_build.py",
    "director/control/port.py": "a protocol, tested by the tests of what implements it",
    "director/daemon/carrier.py": "a protocol, tested by the tests of what implements it",
    "director/commands.py": DATA,
    "director/events.py": DATA,
    "director/cli/answers.py": DATA,
    "director/control/routes.py": DATA,
    "director/importing/kinds.py": DATA,
    "director/ipvsadm/commands.py": DATA,
    "director/ipvsadm/options.py": DATA,
}


def test_each_module_has_its_test_file() -> None:
    """Count by name too: a routes.py in each of three rooms wants three files named test_routes.py."""
    tested = Counter(path.stem for path in tree.files(".py") if path.parts[0] == "tests")
    wanted = Counter(f"test_{path.stem}" for path in modules() if not is_exempt(path))
    lacking = wanted - tested
    assert [str(path) for path in modules() if f"test_{path.stem}" in lacking and not is_exempt(path)] == []


def test_each_exemption_is_of_a_file_that_is_there() -> None:
    here = {str(path) for path in modules()} | {path.name for path in modules()}
    assert set(EXEMPT) - here == set()


def test_what_is_exempt_as_data_has_no_function() -> None:
    files = {name: (tree.ROOT / name).read_text() for name, reason in EXEMPT.items() if reason == DATA}
    assert [name for name, text in files.items() if re.search(r"^\s*(async )?def ", text, re.MULTILINE)] == []


def modules() -> tuple[Path, ...]:
    return tuple(path for path in tree.files(".py") if any(path.is_relative_to(room) for room in ROOMS))


def is_exempt(path: Path) -> bool:
    return path.name in EXEMPT or str(path) in EXEMPT
