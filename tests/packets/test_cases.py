# SPDX-License-Identifier: Apache-2.0
"""Every packet case through every host, but for what a host is declared to be unable to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest

from director.datapath.programs import ProgramKind
from tests.needs import needs
from tests.packets.case import Case
from tests.packets.cases import CASES
from tests.packets.ebpf_host import EbpfHost
from tests.packets.hosts import Host, walk
from tests.packets.limits import LIMITS, declared
from tests.packets.model import Model
from tests.packets.user_host import UserHost

HOSTS: Mapping[str, Callable[[], Host]] = MappingProxyType(
    {
        "model": Model,
        "user": UserHost,
        "xdp": lambda: EbpfHost(ProgramKind.XDP),
        "tc": lambda: EbpfHost(ProgramKind.TC),
    }
)
MARKS = {host: needs("root", "netns", "bpf", "veth") for host in LIMITS}


def rows(*, able: bool) -> list[object]:
    """Name each case and host of which the host can, or can not, show what it makes of the case."""
    return [
        pytest.param(case, host, id=f"{host}-{case.name}", marks=MARKS.get(host, ()))
        for host in HOSTS
        for case in CASES
        if (case.name in declared(host)) != able and (host != "model" or is_the_models(case))
    ]


def is_the_models(case: Case) -> bool:
    """Tell whether the model knows what a case is about: not IPv6, nor any tunnel but IP in IP."""
    room = case.name.partition(":")[0]
    return not room.endswith(("ipv6", "_kinds"))


@pytest.mark.parametrize(("case", "host"), rows(able=True))
def test_a_host_does_what_the_case_wants(case: Case, host: str) -> None:
    walk(HOSTS[host](), case)


@pytest.mark.parametrize(("case", "host"), rows(able=False))
def test_what_is_declared_of_a_host_is_so(case: Case, host: str) -> None:
    with pytest.raises(AssertionError, match=declared(host)[case.name].shows):
        walk(HOSTS[host](), case)


def test_what_is_declared_is_of_cases_that_there_are() -> None:
    names = {case.name for case in CASES}
    assert {name for host in LIMITS for name in declared(host)} <= names
