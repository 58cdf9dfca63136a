# SPDX-License-Identifier: Apache-2.0
"""The limits hold what the table image has room for, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from director.config import limits

TABLE = Path(__file__).parents[3] / "director" / "datapath" / "native" / "table.h"


def test_the_limits_are_those_of_the_table_image() -> None:
    found = dict(re.findall(r"\b(LB_MAX_\w+) = (\d+)", TABLE.read_text()))
    stable_ids_start_at = 1
    assert {
        "LB_MAX_SERVICES": str(limits.MAX_SERVICES + stable_ids_start_at),
        "LB_MAX_DESTS": str(limits.MAX_DESTINATIONS + stable_ids_start_at),
        "LB_MAX_SERVICE_DESTS": str(limits.MAX_SERVICE_DESTINATIONS),
    } == {name: found[name] for name in ("LB_MAX_SERVICES", "LB_MAX_DESTS", "LB_MAX_SERVICE_DESTS")}
