# SPDX-License-Identifier: Apache-2.0
"""What each file says in its first lines, and what none may say: that something is still to be done."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.repo import tree

THIS_FILE = Path(__file__).resolve().relative_to(tree.ROOT)
SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_BPF = re.compile(r"SPDX-License-Identifier: .*\bOR BSD-2-Clause\b")  # the kernel asks it of eBPF
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplemented(Error)?|not implemented)\b")
CODE = (".py", ".c", ".h", ".sh", ".toml")


def test_each_file_names_its_licence_in_its_first_two_lines() -> None:
    assert [
        str(path) for path in tree.files(*CODE) if not_an_example(path) and not names_its_licence(path)
    ] == []


def test_nothing_is_left_to_be_done() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in tree.files(*CODE, ".md", ".service", "")
        if path != THIS_FILE  # which has to name the words
        for number, line in enumerate(tree.lines(path), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_the_pattern_finds_what_is_unfinished() -> None:
    said = ["# TODO: later", "raise NotImplementedError", "todos are fine in prose"]
    assert [bool(UNFINISHED.search(line)) for line in said] == [True, True, False]


def test_each_module_says_what_it_is_for() -> None:
    silent = [
        str(path)
        for path in tree.files(".py")
        if ast.get_docstring(ast.parse((tree.ROOT / path).read_text())) is None
    ]
    assert silent == []


def test_no_file_lies_about_its_room() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    assert [str(path) for path in tree.files(*CODE) if vague & {*path.parts[:-1], path.stem}] == []


def not_an_example(path: Path) -> bool:
    """Tell our files from the examples under docs/, which are a reader's to copy."""
    return path.parts[0] != "docs"


def names_its_licence(path: Path) -> bool:
    first = "\n".join(tree.lines(path)[:2])
    return SPDX in first or (path.name.endswith(".bpf.c") and SPDX_BPF.search(first) is not None)
