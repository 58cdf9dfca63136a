# SPDX-License-Identifier: Apache-2.0
"""The examples in the documentation are configurations, and the full one shows every key with its default."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from director.config.file import read_configuration
from director.config.save import plain, save
from director.model.configuration import Configuration

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_configuration(path: Path) -> None:
    configuration = read_configuration(path)
    assert save(configuration, path.read_text()) == path.read_text()


def test_the_full_example_shows_every_default() -> None:
    values = tomllib.loads((DOCS / "examples" / "full.toml").read_text())
    defaults = plain(Configuration())
    flat = {name: values[name] for name in ("director", "timeouts", "sysctl")}
    assert flat == {
        "director": {**defaults["director"], "interfaces": ["eth0", "eth1"]},
        "timeouts": defaults["timeouts"],
        "sysctl": defaults["sysctl"],
    }


def test_the_reference_names_every_key() -> None:
    text = (DOCS / "configuration.md").read_text()
    defaults = plain(Configuration())
    keys = [key for name in ("director", "timeouts", "sysctl") for key in defaults[name]]
    own = ["protocol", "address", "scheduler", "flags", "method", "weight"]
    assert [key for key in (*keys, *own) if f"`{key}`" not in text] == []


def test_the_reference_shows_the_defaults() -> None:
    text = (DOCS / "configuration.md").read_text()
    timeouts = plain(Configuration())["timeouts"]
    assert [key for key, value in timeouts.items() if f"| `{key}` | {value} |" not in text] == []
