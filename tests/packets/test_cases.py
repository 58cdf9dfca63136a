# SPDX-License-Identifier: Apache-2.0
"""Every packet case through every host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest

from tests.packets.case import Case
from tests.packets.cases import CASES
from tests.packets.hosts import Host, walk
from tests.packets.model import Model
from tests.packets.user_host import UserHost

HOSTS: Mapping[str, Callable[[], Host]] = MappingProxyType({"model": Model, "user": UserHost})


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_host_does_what_the_case_wants(case: Case, host: str) -> None:
    walk(HOSTS[host](), case)
