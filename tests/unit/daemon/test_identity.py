# SPDX-License-Identifier: Apache-2.0
"""A director is the same at each start, and only once at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from director.daemon.identity import hold_identity, identity_of
from director.datapath.errors import DatapathError


def test_a_director_is_known_by_its_namespace_and_its_socket(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "there")
    same = {
        identity_of(1, tmp_path / place / "control.sock") for place in ("there", "linked", "there/../there")
    }
    others = {identity_of(2, tmp_path / "there/control.sock"), identity_of(1, tmp_path / "there/other.sock")}
    assert (len(same), len(same | others)) == (1, 3)


def test_a_second_process_waits_for_the_first_to_end(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def scenario() -> None:
        first = await hold_identity(path)
        second = asyncio.create_task(hold_identity(path))
        await asyncio.sleep(0)
        first.close()
        (await second).close()

    asyncio.run(scenario())


def test_a_second_process_is_refused_when_the_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("director.daemon.identity.PATIENCE", 0.0)
    path = tmp_path / "control.sock"

    async def scenario() -> None:
        with (
            await hold_identity(path),
            pytest.raises(DatapathError, match="a director is starting, running or ending on"),
        ):
            await hold_identity(path)

    asyncio.run(scenario())
