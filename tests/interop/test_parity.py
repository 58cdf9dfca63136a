# SPDX-License-Identifier: Apache-2.0
"""What a real kernel's IPVS did, the director does: frames, connections, timers, loads and counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import document
from tests.interop.comparison import able, compared, differs, exchanges, occurrences
from tests.interop.exchange import Exchange
from tests.interop.replay import HOSTS
from tests.interop.topics import OWN, PENDING, TOPICS
from tests.needs import needs

MARKS = {host: needs("root", "netns", "bpf", "veth") for host in HOSTS if host != "user"}
ALL = [
    pytest.param(host, topic, exchange.name, id=f"{host}-{topic}: {exchange.name}", marks=MARKS.get(host, ()))
    for host in HOSTS
    for topic, some in able().items()
    for exchange in some
]


@pytest.mark.parametrize(("host", "topic", "name"), ALL)
def test_the_director_does_what_the_kernel_did(host: str, topic: str, name: str) -> None:
    assert compared(topic, name, host).unexplained == {}


def test_in_user_space_nothing_is_left_out_for_want_of_fragments() -> None:
    assert [name for topic, some in able().items() for name in uncut(topic, some)] == []


def uncut(topic: str, some: tuple[Exchange, ...]) -> Iterator[str]:
    return (exchange.name for exchange in some if compared(topic, exchange.name).unable)


def test_a_topic_is_pending_no_longer_than_the_director_differs() -> None:
    pending = {topic: exchanges()[topic] for topic in PENDING}
    done = [topic for topic, some in pending.items() if not any(differs(topic, e.name) for e in some)]
    assert done == [], "take it out of PENDING"


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
