# SPDX-License-Identifier: Apache-2.0
"""Files and functions stay small enough to read: the house style's limits, counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.repo import tree

FILE_LINES = 400
PYTHON_LINES = 40
C_LINES = 60
SHELL_LINES = 40
SHELL_FUNCTION = re.compile(r"^(\w+)\(\) \{")


def test_files_stop_at_400_lines() -> None:
    sizes = {path: len(tree.lines(path)) for path in tree.files(".py", ".c", ".h", ".sh")}
    assert {path: size for path, size in sizes.items() if size > FILE_LINES} == {}


def test_python_functions_stop_at_40_lines() -> None:
    found = [size for path in tree.files(".py") for size in python_functions(path)]
    assert found, "no function was found at all"
    assert [(where, size) for where, size in found if size > PYTHON_LINES] == []


def test_c_functions_stop_at_60_lines() -> None:
    found = [size for path in tree.files(".c", ".h") for size in c_functions(path, tree.lines(path))]
    assert found, "no function was found at all"
    assert [(where, size) for where, size in found if size > C_LINES] == []


def test_shell_functions_stop_at_40_lines() -> None:
    found = [size for path in tree.files(".sh") for size in shell_functions(path, tree.lines(path))]
    assert found, "no function was found at all"
    assert [(where, size) for where, size in found if size > SHELL_LINES] == []


def test_a_c_function_is_counted_from_its_brace_to_its_brace() -> None:
    source = ["static int f(void)", "{", "\tif (x) {", "\t}", "\treturn 0;", "}", "int x;"]
    assert list(c_functions(Path("x.c"), source)) == [("x.c:2 static int f(void)", 5)]


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse((tree.ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{path}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def c_functions(path: Path, lines: list[str]) -> Iterator[tuple[str, int]]:
    """Find the bodies by clang-format's word: only a function's braces stand in the first column."""
    start = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            yield f"{path}:{start} {lines[start - 2]}", number - start + 1
            start = 0


def shell_functions(path: Path, lines: list[str]) -> Iterator[tuple[str, int]]:
    start, name = 0, ""
    for number, line in enumerate(lines, 1):
        if match := SHELL_FUNCTION.match(line):
            start, name = number, match[1]
        if start and (line == "}" or line.endswith("; }")):
            yield f"{path}:{start} {name}", number - start + 1
            start = 0
