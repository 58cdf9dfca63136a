# SPDX-License-Identifier: Apache-2.0
"""What the documents point at is there; decisions and dependencies stand where they are looked for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.repo import tree

DOCUMENTS = tree.files(".md")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
SCRIPT = re.compile(r"(?<![\w/.-])(?:\./)?(scripts/[\w-]+)")
PIN = re.compile(r"^[A-Za-z0-9-]+==[\w.]+$")


def pyproject() -> dict[str, object]:
    return tomllib.loads((tree.ROOT / "pyproject.toml").read_text())


def pins() -> list[str]:
    project = pyproject()["project"]
    assert isinstance(project, dict)
    return [
        *project["dependencies"],
        *(pin for extra in project["optional-dependencies"].values() for pin in extra),
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_relative_link_leads_somewhere(document: Path) -> None:
    targets = LINK.findall((tree.ROOT / document).read_text())
    assert [target for target in targets if not (tree.ROOT / document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_script_that_is_named_is_there(document: Path) -> None:
    named = set(SCRIPT.findall((tree.ROOT / document).read_text()))
    assert [script for script in sorted(named) if not (tree.ROOT / script).exists()] == []


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (tree.ROOT / "docs/decisions").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))
    assert all(number.isdigit() for number in numbers)


def test_each_dependency_is_pinned() -> None:
    assert [pin for pin in pins() if not PIN.match(pin)] == []


def test_each_dependency_has_its_reason() -> None:
    reasons = (tree.ROOT / "docs/decisions/0002-dependencies.md").read_text()
    names = {pin.partition("==")[0] for pin in pins()}
    assert [name for name in sorted(names) if f"| {name} |" not in reasons] == []
