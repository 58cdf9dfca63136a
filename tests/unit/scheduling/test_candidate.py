# SPDX-License-Identifier: Apache-2.0
"""Who may be chosen at all."""

from __future__ import annotations

import pytest

from director.scheduling import Candidate, Load


@pytest.mark.parametrize(
    ("weight", "load", "eligible"),
    [
        (1, Load.ACCEPTING, True),
        (0, Load.ACCEPTING, False),
        (1, Load.OVERLOADED, False),
        (0, Load.OVERLOADED, False),
    ],
)
def test_a_weight_above_0_and_no_overload_make_eligible(weight: int, load: Load, eligible: bool) -> None:
    assert Candidate(1, weight, load=load).eligible is eligible
