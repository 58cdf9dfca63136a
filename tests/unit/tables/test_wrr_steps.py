# SPDX-License-Identifier: Apache-2.0
"""One configuration after another, as the single edits that the kernel's wrr would have seen."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.model import Destination, ForwardingMethod, Protocol, Scheduler, ServiceKey, VirtualService
from director.scheduling.weighted_round_robin import level_step
from director.tables.wrr_steps import BEGIN, wrr_steps

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)


def service(scheduler: Scheduler = Scheduler.WRR, **weights: int) -> VirtualService:
    """A service whose servers a, b, c... have these weights."""
    destinations = (
        Destination(IPAddress(0x0A000000 + ord(name)), 80, ForwardingMethod.DR, weight)
        for name, weight in weights.items()
    )
    return VirtualService(KEY, scheduler, destinations=tuple(destinations))


def test_a_new_service_is_filled_one_by_one() -> None:
    assert wrr_steps(None, service(a=4, b=3, c=2)) == (BEGIN, (4, 1), (1, 4), (1, 4))


def test_deletes_come_first_then_edits_then_adds() -> None:
    before, after = service(a=4, b=6, c=8), service(d=3, c=12, b=6)
    assert wrr_steps(before, after) == (
        level_step((6, 8)),
        level_step((6, 12)),
        level_step((6, 12, 3)),
        level_step((3, 12, 6)),
    )


def test_the_same_service_again_has_no_step() -> None:
    assert wrr_steps(service(a=4, b=3), service(a=4, b=3)) == ()


def test_another_method_is_an_edit_and_another_order_is_one_too() -> None:
    before = service(a=4, b=3)
    (first, second) = before.destinations
    tunnelled = replace(before, destinations=(replace(first, method=ForwardingMethod.TUN), second))
    assert wrr_steps(before, tunnelled) == wrr_steps(before, service(b=3, a=4)) == ((1, 4),)


def test_only_a_switch_touches_the_cursor_of_another_scheduler() -> None:
    rr = Scheduler.RR
    assert wrr_steps(None, service(rr, a=1)) == wrr_steps(service(rr, a=1), service(rr, b=1)) == ()
    assert wrr_steps(service(a=1), service(rr, a=1)) == (BEGIN,)


def test_a_switch_to_wrr_comes_before_the_edits_of_its_destinations() -> None:
    steps = wrr_steps(service(Scheduler.LC, a=4, b=2), service(a=4, c=8))
    assert steps == (BEGIN, (2, 3), (4, 1), (4, 5))


WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), max_size=6)


@given(WEIGHTS, WEIGHTS)
def test_the_last_step_is_that_of_the_new_weights(old: dict[str, int], new: dict[str, int]) -> None:
    steps = wrr_steps(service(Scheduler.WRR, **old), service(Scheduler.WRR, **new))
    assert steps[-1:] in ((), (level_step(new.values()),))
    assert (not steps) == (list(old.items()) == list(new.items()))
