# SPDX-License-Identifier: Apache-2.0
"""Each proof of a feature is a test that there is, and what is proven by a replay is compared."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.interop.document import ROOMS
from tests.interop.features import CASES, REPLAY, Verdict
from tests.interop.topics import PENDING, TOPICS
from tests.packets.cases import CASES as TABLE

TESTS = Path(__file__).resolve().parents[1]
FEATURES = tuple(feature for _, some in ROOMS for feature in some)
PROOFS = sorted({proof for feature in FEATURES for proof in feature.proofs})


def test_each_proof_is_a_test_that_there_is() -> None:
    assert [proof for proof in PROOFS if function(proof) not in functions(proof)] == []


def test_each_topic_is_compared_and_each_room_of_cases_is_there() -> None:
    compared = {f"{REPLAY}[{topic}]" for topic in TOPICS if topic not in PENDING}
    shown = {f"{CASES}[{case.name.partition(':')[0]}]" for case in TABLE}
    assert [proof for proof in PROOFS if "[" in proof and proof not in compared | shown] == []


def test_what_is_said_to_be_there_is_proven_and_what_is_not_has_its_reason() -> None:
    assert [each.name for each in FEATURES if each.verdict is not Verdict.NO and not each.proofs] == []
    assert [each.name for each in FEATURES if each.verdict is not Verdict.SAME and not each.note] == []


def test_each_feature_is_named_once() -> None:
    names = [feature.name for feature in FEATURES]
    assert sorted(names) == sorted(set(names))


def function(proof: str) -> str:
    return proof.partition("[")[0].partition("::")[2]


def functions(proof: str) -> set[str]:
    path = TESTS / proof.partition("::")[0]
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
