# SPDX-License-Identifier: Apache-2.0
"""Random traffic: the data path and the reference model must agree on every frame, entry and counter."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.packets.case import Answer, Want
from tests.packets.compare import assert_answer
from tests.packets.hosts import Host
from tests.packets.model import Model
from tests.packets.network import VIP, Setting
from tests.packets.traffic import Move, arrivals, histories, moves, settings_of_two_services
from tests.packets.user_host import UserHost

NAMES = (f"tcp:{VIP}:80", f"udp:{VIP}:53")


def as_want(answer: Answer) -> Want:
    return Want(frozenset({answer.verdict}), answer.interface, answer.frames, answer.reason)


def play(model: Model, host: Host, traffic: list[Move], now: int) -> int:
    """Give both the same frames and hold the host's answers against the model's; return the time after it."""
    for move in traffic:
        now += move.pause
        for sweeping in (model, host):
            sweeping.sweep(now)
        for arrival in arrivals(answering(model, move, now)):
            assert_answer(host.handle(arrival, now), as_want(model.handle(arrival, now)))
    return now


def answering(model: Model, move: Move, now: int) -> Move:
    """Let a lucky move come from the real server that has its client's connection."""
    client = f"{move.client}:{move.port}"
    entries = [entry for entry in model.connections(now) if entry.client == client]
    entries = [entry for entry in entries if (entry.protocol == 17) == move.udp]
    if not move.lucky or not entries:
        return move
    return replace(move, server=entries[0].destination.partition(":")[0])


def assert_same_state(model: Model, host: Host, setting: Setting, now: int) -> None:
    assert host.connections(now) == model.connections(now)
    for service in setting.configuration.services:
        assert host.service_counts(str(service.key)) == model.service_counts(str(service.key))
        for destination in service.destinations:
            name = destination.endpoint
            counted = host.destination_counts(str(service.key), name)
            assert counted == model.destination_counts(str(service.key), name)


@settings(max_examples=200)
@given(setting=settings_of_two_services, traffic=st.lists(moves, min_size=1, max_size=25))
def test_the_data_path_and_the_model_agree_on_random_traffic(setting: Setting, traffic: list[Move]) -> None:
    model, host = Model(), UserHost()
    for director in (model, host):
        director.apply(setting)
    now = play(model, host, traffic, now=1000)
    assert_same_state(model, host, setting, now)


@settings(max_examples=200)
@given(history=histories(), traffic=st.tuples(*(st.lists(moves, max_size=size) for size in (10, 10, 6))))
def test_they_agree_while_the_configuration_changes(
    history: tuple[Setting, Setting, Setting], traffic: tuple[list[Move], list[Move], list[Move]]
) -> None:
    model, host = Model(), UserHost()
    now = 1000
    for setting, some in zip(history, traffic, strict=True):
        for director in (model, host):
            director.apply(setting)
        now = play(model, host, some, now)
        assert_same_state(model, host, setting, now)
