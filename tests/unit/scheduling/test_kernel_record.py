# SPDX-License-Identifier: Apache-2.0
"""What the real kernel chose. kernel-6.1.json was recorded from ip_vs of Linux 6.1 (64 bit).

Random services were filled and edited by ipvsadm, one change a step, and met UDP clients between the changes;
after each step /proc/net/ip_vs_conn told who got whom (null: refused). Server n is 172.16.0.n, by DR.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from netaddr import IPAddress

from director.model import Protocol, Scheduler, SchedulerFlag, ServiceKey, VirtualService
from director.scheduling import Flow
from tests.unit.scheduling.compiled import Compiled, Defined, destination

VIP = IPAddress("192.0.2.1")
RECORD = json.loads(Path(__file__).with_name("kernel-6.1.json").read_text())


def service(recorded: dict[str, Any], weights: dict[str, int]) -> VirtualService:
    return VirtualService(
        ServiceKey(Protocol.UDP, VIP, recorded["port"]),
        Scheduler(recorded["scheduler"]),
        frozenset(map(SchedulerFlag, recorded["flags"])),
        tuple(destination(int(number), weight) for number, weight in weights.items()),
    )


def flow(client: str) -> Flow:
    address, port = client.split(":")
    return Flow(IPAddress(address), int(port), VIP, 1)


def name(recorded: dict[str, Any]) -> str:
    return " ".join((recorded["scheduler"], str(recorded["port"]), *recorded["flags"]))


@pytest.mark.parametrize("recorded", RECORD, ids=name)
def test_the_definitions_choose_as_the_kernel_did(recorded: dict[str, Any]) -> None:
    defined = Defined()
    defined.configure(service(recorded, {}))
    for step in recorded["steps"]:
        defined.configure(service(recorded, step["weights"]))
        assert [defined.choose(flow(client)) for client in step["clients"]] == step["chosen"]


@pytest.mark.parametrize("recorded", RECORD, ids=name)
def test_the_data_path_chooses_as_the_kernel_did(recorded: dict[str, Any]) -> None:
    compiled = Compiled()
    compiled.configure(service(recorded, {}))
    for step in recorded["steps"]:
        now = service(recorded, step["weights"])
        compiled.configure(now)
        assert [compiled.choose(now.key, flow(client)) for client in step["clients"]] == step["chosen"]
