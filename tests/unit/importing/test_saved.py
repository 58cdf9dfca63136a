# SPDX-License-Identifier: Apache-2.0
"""Saved rules of ipvsadm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.importing.found import Found, Left
from director.importing.saved import read
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    ServiceKey,
    VirtualService,
)
from tests.unit.ipvsadm.words import NAMES

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)


def test_services_and_servers_are_taken_over() -> None:
    text = "# saved\nipvsadm -A -t 192.0.2.1:80 -s wlc -p 60\n\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 3\n"
    server = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR, 3)
    service = VirtualService(WEB, destinations=(server,), persistence=Persistence(60))
    assert read(text, NAMES) == Found((service,), ())


def test_what_can_not_be_taken_over_is_named_by_line() -> None:
    text = "\n".join(
        (
            "-A -t 192.0.2.1:80 -p 60 --pe sip",
            "-A -t 192.0.2.1:80",
            "-a -t 192.0.2.1:81 -r 10.0.0.2",
            "-A -t 192.0.2.1:82 -s no-such",
            "-Z",
            "-A -t 192.0.2.1:83 extra",
            "-a -t 192.0.2.1:80 -r 10.0.0.2 -x 1 -y 2",
        )
    )
    assert read(text, NAMES).left == (
        Left(1, "persistence engine sip: there is none here"),
        Left(2, "service tcp:192.0.2.1:80 is there already"),
        Left(3, "a server of tcp:192.0.2.1:81, which is no service here"),
        Left(4, "service tcp:192.0.2.1:82: its scheduler is not known here"),
        Left(5, "not a rule that ipvsadm saves"),
        Left(6, "unexpected argument extra"),
        Left(7, "2 is above upper, which is 1"),
    )


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    read(text, NAMES)
