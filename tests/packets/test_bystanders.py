# SPDX-License-Identifier: Apache-2.0
"""A program at an interface is shown frames for other hosts too, and leaves them alone."""

from __future__ import annotations

import pytest

from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod
from tests.needs import needs
from tests.packets.case import Arrival, Packet, passes
from tests.packets.compare import assert_answer
from tests.packets.ebpf_host import EbpfHost
from tests.packets.frames import tcp
from tests.packets.network import INSIDE_MAC, OUTSIDE, ROUTER_MAC, setting, web

pytestmark = needs("root", "netns", "bpf", "veth")


def addressed_to(mac: str) -> Packet:
    packet = tcp("S")
    packet.dst = mac
    return packet


@pytest.mark.parametrize("kind", ProgramKind)
@pytest.mark.parametrize("mac", [ROUTER_MAC, INSIDE_MAC, "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"])
def test_a_frame_that_is_not_addressed_to_the_interface_is_left_alone(kind: ProgramKind, mac: str) -> None:
    host = EbpfHost(kind)
    host.apply(setting(web(ForwardingMethod.DR)))
    assert_answer(host.handle(Arrival(OUTSIDE, bytes(addressed_to(mac))), 0), passes("not_ours"))
    assert host.connections(0) == frozenset()
    assert set(host.reason_counts().values()) == {0}
