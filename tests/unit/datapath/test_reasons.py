# SPDX-License-Identifier: Apache-2.0
"""docs/reasons.md lists each reason that the native module exports, and nothing else."""

from __future__ import annotations

import re

from director.datapath import memory
from director.datapath.reasons import ADVICE, page
from director.model.counters import ReasonCount
from tests.repo import tree

REASONS: tuple[ReasonCount, ...] = memory.reasons()


def test_the_page_is_written_from_the_native_module() -> None:
    written = (tree.ROOT / "docs/reasons.md").read_text()
    assert written == page(REASONS), "run: python -m director.datapath.reasons > docs/reasons.md"


def test_each_reason_has_one_line_on_the_page() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", page(REASONS), flags=re.MULTILINE)
    assert sorted(listed) == sorted(reason.reason for reason in REASONS)


def test_each_reason_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len({reason.reason for reason in REASONS}) == len(REASONS)
    assert len({reason.sentence for reason in REASONS}) == len(REASONS)


def test_advice_is_given_for_reasons_that_exist() -> None:
    assert ADVICE.keys() <= {reason.reason for reason in REASONS}
