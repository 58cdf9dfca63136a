# SPDX-License-Identifier: Apache-2.0
"""What a real kernel's IPVS did, the director does: frames, connections, timers, loads and counters."""

from __future__ import annotations

import pytest

from tests.interop import document
from tests.interop.comparison import able, compared, differs, exchanges, occurrences
from tests.interop.topics import OWN, PENDING, TOPICS

ALL = [(topic, exchange.name) for topic, some in able().items() for exchange in some]


@pytest.mark.parametrize(("topic", "name"), ALL, ids=[f"{topic}: {name}" for topic, name in ALL])
def test_the_director_does_what_the_kernel_did(topic: str, name: str) -> None:
    assert compared(topic, name).unexplained == {}


@pytest.mark.parametrize("topic", PENDING)
def test_a_topic_is_pending_no_longer_than_the_director_differs(topic: str) -> None:
    assert any(differs(topic, exchange.name) for exchange in exchanges()[topic]), "take it out of PENDING"


def test_each_deliberate_difference_shows_somewhere() -> None:
    assert [what for what, count in occurrences().items() if count == 0] == []


@pytest.mark.parametrize("topic", OWN)
def test_each_exchange_of_this_room_was_put_to_the_kernel(topic: str) -> None:
    assert exchanges()[topic] == TOPICS[topic], "run: python -m tests.interop.record"


def test_most_of_the_packet_table_was_put_to_the_kernel() -> None:
    shared = [topic for topic in TOPICS if topic not in OWN]
    asked, there = (sum(len(some[topic]) for topic in shared) for some in (exchanges(), TOPICS))
    assert asked >= 0.9 * there, "run: python -m tests.interop.record"


def test_the_document_is_what_the_recordings_say() -> None:
    assert document.PAGE.read_text() == document.page(), "run: python -m tests.interop.document"
