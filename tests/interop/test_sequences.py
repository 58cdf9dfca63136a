# SPDX-License-Identifier: Apache-2.0
"""Every sequence of TCP flags and SCTP chunks up to a length ends at the director as it ends at a kernel."""

from __future__ import annotations

import pytest

from tests.interop import sequenced
from tests.interop.replay import HOSTS
from tests.interop.sequences import ALL, PENDING, Sequences
from tests.needs import needs
from tests.packets.case import State

MARKS = {host: needs("root", "netns", "bpf", "veth") for host in HOSTS if host != "user"}
ABLE = [each for each in ALL if each.name not in PENDING]
WAITING = [each for each in ALL if each.name in PENDING]


@pytest.mark.parametrize(
    ("host", "sequences"),
    [
        pytest.param(host, each, id=f"{host}-{each.name}", marks=MARKS.get(host, ()))
        for host in HOSTS
        for each in ABLE
    ],
)
def test_each_sequence_ends_as_it_does_with_the_kernel(host: str, sequences: Sequences) -> None:
    flows, kernel = sequences.flows(), sequenced.recorded(sequences)
    ours = sequenced.by_director(sequences, host)
    assert [row for row in zip(flows, kernel, ours, strict=True) if row[1] != row[2]] == []


def test_sequences_are_pending_no_longer_than_the_director_differs() -> None:
    same = [each.name for each in WAITING if sequenced.by_director(each) == sequenced.recorded(each)]
    assert same == [], "take them out of PENDING"


def test_the_sequences_are_every_one_of_each_length() -> None:
    many = {each.name: len(tuple(each.flows())) for each in ALL}
    assert many["TCP by dr"] == 1 + 7 + 7**2 + 7**3
    assert many["TCP by nat"] == 1 + 14 + 14**2 + 14**3
    assert many["SCTP by nat"] == 1 + 22 + 22**2


def test_the_kernel_was_in_every_state_that_frames_can_lead_to() -> None:
    seen = {outcome.state for each in ABLE for outcome in sequenced.recorded(each)}
    assert seen >= {state.value for state in STATES}


STATES = (
    State.SYN_RECV,
    State.ESTABLISHED,
    State.FIN_WAIT,
    State.TIME_WAIT,
    State.CLOSE,
    State.CLOSE_WAIT,
    State.SYN_SENT,
)
