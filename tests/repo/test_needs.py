# SPDX-License-Identifier: Apache-2.0
"""The probes answer with a sentence or none, and DIRECTOR_REQUIRE makes a missing ability a failure."""

import pytest

from tests import needs


@pytest.fixture
def nothing_is_able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "missing", lambda name: f"{name} is not here")


@pytest.mark.parametrize("name", sorted(needs.PROBES))
def test_each_probe_answers_with_one_line_or_none(name: str) -> None:
    sentence = needs.missing(name)
    assert sentence is None or (sentence and "\n" not in sentence)


def test_a_missing_program_is_named() -> None:
    assert needs._program("no-such-program")() == "the program no-such-program is not installed"


def test_a_command_that_fails_says_why_in_its_last_line() -> None:
    assert needs._works("no luck", "sh", "-c", "echo first >&2; echo last >&2; exit 3")() == "no luck: last"


def test_a_need_that_no_probe_knows_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="no probe is named"):
        needs.needs("teleportation")


def test_a_missing_ability_skips(nothing_is_able: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(needs.REQUIRE, "netns")
    with pytest.raises(pytest.skip.Exception, match="needs bpf: bpf is not here"):
        needs.refuse_without(("bpf",))


@pytest.mark.parametrize("required", ["all", "bpf", "netns, bpf"])
def test_a_missing_ability_fails_where_it_is_required(
    nothing_is_able: None, monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    monkeypatch.setenv(needs.REQUIRE, required)
    with pytest.raises(pytest.fail.Exception, match="DIRECTOR_REQUIRE asks for bpf: bpf is not here"):
        needs.refuse_without(("bpf",))
