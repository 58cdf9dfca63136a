# SPDX-License-Identifier: Apache-2.0
"""Random traffic: the data path and the reference model must agree on every frame, entry and counter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.datapath.programs import ProgramKind
from tests.needs import needs
from tests.packets.case import Answer, Want, drops
from tests.packets.compare import assert_answer
from tests.packets.ebpf_host import EbpfHost
from tests.packets.hosts import Host
from tests.packets.model import Model
from tests.packets.network import VIP, Setting
from tests.packets.traffic import Kind, Move, arrivals, histories, moves, settings_of_two_services
from tests.packets.user_host import UserHost

NAMES = (f"tcp:{VIP}:80", f"udp:{VIP}:53")
SUPER = (Kind.SUPER_SEGMENT, Kind.SUPER_DATAGRAM)
IN_THE_KERNEL = needs("root", "netns", "bpf", "veth")


def as_want(answer: Answer) -> Want:
    return Want(frozenset({answer.verdict}), answer.interface, answer.frames, answer.reason)


def as_want_in_the_kernel(answer: Answer) -> Want:
    """What takes several frames is dropped there (limits.py)."""
    return as_want(answer) if len(answer.frames) < 2 else drops("no_fragments")


def plain(traffic: list[Move]) -> list[Move]:
    """Leave out what a test run can not be given (limits.py): undone checksums and super-frames."""
    return [replace(move, unfinished=False) for move in traffic if move.kind not in SUPER]


def play(model: Model, host: Host, traffic: list[Move], now: int) -> int:
    """Give both the same frames and hold the host's answers against the model's; return the time after it."""
    wanted = as_want_in_the_kernel if isinstance(host, EbpfHost) else as_want
    for move in traffic:
        now += move.pause
        for sweeping in (model, host):
            sweeping.sweep(now)
        for arrival in arrivals(answering(model, move, now)):
            assert_answer(host.handle(arrival, now), wanted(model.handle(arrival, now)))
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


def agree_while(host: Host, history: Iterable[tuple[Setting, list[Move]]]) -> None:
    """Hold a host against the model through settings, and traffic after each."""
    model, now = Model(), 1000
    for setting, traffic in history:
        for director in (model, host):
            director.apply(setting)
        now = play(model, host, traffic, now)
        assert_same_state(model, host, setting, now)


some_traffic = st.lists(moves, min_size=1, max_size=25)
three_traffics = st.tuples(*(st.lists(moves, max_size=size) for size in (10, 10, 6)))


@settings(max_examples=200)
@given(setting=settings_of_two_services, traffic=some_traffic)
def test_the_data_path_and_the_model_agree_on_random_traffic(setting: Setting, traffic: list[Move]) -> None:
    agree_while(UserHost(), ((setting, traffic),))


@settings(max_examples=200)
@given(history=histories(), traffic=three_traffics)
def test_they_agree_while_the_configuration_changes(
    history: tuple[Setting, Setting, Setting], traffic: tuple[list[Move], list[Move], list[Move]]
) -> None:
    agree_while(UserHost(), zip(history, traffic, strict=True))


@IN_THE_KERNEL
@pytest.mark.parametrize("kind", ProgramKind)
@settings(max_examples=50)
@given(setting=settings_of_two_services, traffic=some_traffic)
def test_the_programs_in_the_kernel_agree_with_the_model_on_random_traffic(
    kind: ProgramKind, setting: Setting, traffic: list[Move]
) -> None:
    agree_while(EbpfHost(kind), ((setting, plain(traffic)),))


@IN_THE_KERNEL
@pytest.mark.parametrize("kind", ProgramKind)
@settings(max_examples=50)
@given(history=histories(), traffic=three_traffics)
def test_the_programs_agree_with_it_while_the_configuration_changes(
    kind: ProgramKind,
    history: tuple[Setting, Setting, Setting],
    traffic: tuple[list[Move], list[Move], list[Move]],
) -> None:
    agree_while(EbpfHost(kind), zip(history, map(plain, traffic), strict=True))
