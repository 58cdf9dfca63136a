# SPDX-License-Identifier: Apache-2.0
"""Which filters see a packet before the director's. What is gathered from a host: tests/lab/check."""

from __future__ import annotations

import pytest

from director.cli.evidence import _before_ours
from director.datapath.attachment import DATAPATH_FILTER_NAME, Filter


def filters(*found: tuple[int, str]) -> tuple[Filter, ...]:
    """Make filters of preferences and names, each with the entry without a handle that the kernel adds."""
    return tuple(
        Filter(preference, 3, handle, "bpf", name) for preference, name in found for handle in (0, 1)
    )


AGENT, OURS = "agent", DATAPATH_FILTER_NAME


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ((), ()),
        (((1, OURS),), ()),
        (((2, AGENT),), ()),
        (((1, AGENT),), ("the filter agent (preference 1)",)),
        (((1, OURS), (2, AGENT)), ()),
        (((1, AGENT), (2, OURS), (3, AGENT)), ("the filter agent (preference 1)",)),
        (((5, OURS), (3, AGENT)), ("the filter agent (preference 3)",)),
    ],
)
def test_filters_before_ours_or_its_place_are_told(
    found: tuple[tuple[int, str], ...], wanted: tuple[str, ...]
) -> None:
    assert _before_ours(filters(*found)) == wanted
