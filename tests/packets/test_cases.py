# SPDX-License-Identifier: Apache-2.0
"""Every packet case through the reference model."""

from __future__ import annotations

import pytest

from tests.packets.case import Case
from tests.packets.cases import CASES
from tests.packets.hosts import walk
from tests.packets.model import Model


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_model_does_what_the_case_wants(case: Case) -> None:
    walk(Model(), case)
