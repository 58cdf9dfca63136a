# SPDX-License-Identifier: Apache-2.0
"""The data path's C chooses as the definitions do, client by client and through every change of a service."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress

from director.model import Protocol, Scheduler, SchedulerFlag, ServiceKey, VirtualService
from director.scheduling import Flow
from tests.unit.scheduling.compiled import Compiled, Defined, destination

VIP = IPAddress("192.0.2.1")
FLAGS = {
    Scheduler.SH: (SchedulerFlag.SH_FALLBACK, SchedulerFlag.SH_PORT),
    Scheduler.MH: (SchedulerFlag.MH_FALLBACK, SchedulerFlag.MH_PORT),
}
WEIGHTS = st.dictionaries(
    st.integers(1, 7), st.integers(0, 5) | st.sampled_from((64, 300, 2**31 - 1)), max_size=6
)
CLIENTS = st.integers(1, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Step:
    """Servers with their weights in the order of adding, and how many clients come then."""

    weights: dict[int, int]
    clients: int


STEPS = st.lists(st.builds(Step, WEIGHTS, st.integers(0, 12)), min_size=1, max_size=6)


def service(protocol: Protocol, scheduler: Scheduler, bits: int, weights: dict[int, int]) -> VirtualService:
    flags = frozenset(flag for place, flag in enumerate(FLAGS.get(scheduler, ())) if bits >> place & 1)
    destinations = tuple(destination(number, weight) for number, weight in weights.items())
    return VirtualService(ServiceKey(protocol, VIP, 80), scheduler, flags, destinations)


def clients(first: int, count: int) -> list[Flow]:
    """Clients far apart, each with a port of its own."""
    return [
        Flow(host_address(first + 0x9E3779B1 * number), 1024 + (first + 7919 * number) % 60000, VIP, 1)
        for number in range(count)
    ]


def host_address(number: int) -> IPAddress:
    """Make an address that a client can have: not of 0/8, 127/8, nor 224/4 and above."""
    value = number % 0xDFFFFFFF | 1
    return IPAddress(value + (1 << 24) if value >> 24 in (0, 127) else value)


@pytest.mark.parametrize("scheduler", Scheduler)
@settings(max_examples=60, deadline=None)
@given(
    protocol=st.sampled_from((Protocol.TCP, Protocol.UDP)), bits=st.integers(0, 3), steps=STEPS, first=CLIENTS
)
def test_every_choice_is_the_defined_one(
    scheduler: Scheduler, protocol: Protocol, bits: int, steps: list[Step], first: int
) -> None:
    compiled, defined = Compiled(), Defined()
    flows = iter(clients(first, sum(step.clients for step in steps)))
    for step in steps:
        given_service = service(protocol, scheduler, bits, step.weights)
        compiled.configure(given_service)
        defined.configure(given_service)
        for flow in (next(flows) for _ in range(step.clients)):
            assert compiled.choose(given_service.key, flow) == defined.choose(flow)
        for number in step.weights:
            assert compiled.load(given_service.key, number) == defined.load(number)


@settings(max_examples=60, deadline=None)
@given(
    schedulers=st.lists(
        st.sampled_from([Scheduler.RR, Scheduler.WRR, Scheduler.WLC]), min_size=2, max_size=5
    ),
    weights=WEIGHTS,
    first=CLIENTS,
)
def test_a_service_that_changes_its_scheduler_begins_anew(
    schedulers: list[Scheduler], weights: dict[int, int], first: int
) -> None:
    compiled, defined = Compiled(), Defined()
    flows = iter(clients(first, 5 * len(schedulers)))
    for scheduler in schedulers:
        given_service = service(Protocol.UDP, scheduler, 0, weights)
        compiled.configure(given_service)
        defined.configure(given_service)
        for flow in (next(flows) for _ in range(5)):
            assert compiled.choose(given_service.key, flow) == defined.choose(flow)


@pytest.mark.parametrize("scheduler", [Scheduler.SH, Scheduler.MH])
@pytest.mark.parametrize("bits", range(4))
def test_hundreds_of_clients_meet_whom_they_should(scheduler: Scheduler, bits: int) -> None:
    full = service(Protocol.UDP, scheduler, bits, {1: 3, 2: 1, 3: 2, 4: 5})
    drained = replace(full, destinations=(*full.destinations[:2], destination(3, 0), full.destinations[3]))
    compiled, defined = Compiled(), Defined()
    for given_service, first in ((full, 1), (drained, 2**31)):
        compiled.configure(given_service)
        defined.configure(given_service)
        flows = clients(first, 150)
        got = [compiled.choose(given_service.key, flow) for flow in flows]
        assert got == [defined.choose(flow) for flow in flows]
    assert (None in got) == (not bits & 1)
