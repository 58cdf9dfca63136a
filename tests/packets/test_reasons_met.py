# SPDX-License-Identifier: Apache-2.0
"""The packet table is whole: each reason that a frame can end for is what some case is about."""

from __future__ import annotations

from collections import Counter

from tests.packets.cases import CASES
from tests.packets.hosts import walk
from tests.packets.user_host import UserHost

ELSEWHERE = frozenset(
    {
        "table_full",  # needs a small table: tests/native/table_test.c
        "new_stateless",  # the same: test_crowded.py
        "stateless",
        "no_room",  # needs a buffer without headroom, which no host has
        "tx_failed",  # an interface's doing
        "rx_oversize",  # a ring's
        "no_fragments",  # of the eBPF hosts only
        "checksum_undone",  # of tc only, which can not complete SCTP's checksum
    }
)


def test_each_reason_is_met_by_a_case() -> None:
    met: Counter[str] = Counter()
    for case in CASES:
        host = UserHost()
        walk(host, case)
        met.update(host.reason_counts())
    assert {reason for reason, count in met.items() if count == 0} == ELSEWHERE
