# SPDX-License-Identifier: Apache-2.0
"""The limits hold what the table image and the data path have room for, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from director.config import limits

NATIVE = Path(__file__).parents[3] / "director" / "datapath" / "native"


def constants(header: str) -> dict[str, str]:
    return dict(re.findall(r"\b(LB_MAX_\w+) = (\d+)", (NATIVE / header).read_text()))


def test_there_can_be_as_many_workers_as_the_data_path_takes() -> None:
    assert str(limits.MAX_WORKERS) == constants("datapath.h")["LB_MAX_WORKERS"]


def test_the_limits_are_those_of_the_table_image() -> None:
    found = constants("table.h")
    stable_ids_start_at = 1
    assert {
        "LB_MAX_SERVICES": str(limits.MAX_SERVICES + stable_ids_start_at),
        "LB_MAX_DESTS": str(limits.MAX_DESTINATIONS + stable_ids_start_at),
        "LB_MAX_SERVICE_DESTS": str(limits.MAX_SERVICE_DESTINATIONS),
    } == {name: found[name] for name in ("LB_MAX_SERVICES", "LB_MAX_DESTS", "LB_MAX_SERVICE_DESTS")}
