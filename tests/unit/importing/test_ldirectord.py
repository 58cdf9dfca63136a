# SPDX-License-Identifier: Apache-2.0
"""ldirectord's configuration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.importing.found import Left
from director.importing.ldirectord import read
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    ServiceKey,
    VirtualService,
)
from tests.unit.ipvsadm.words import NAMES

DR, TUN, NAT = ForwardingMethod
TEXT = """# sample
checktimeout=3
virtual=192.0.2.1:http
        real=10.0.0.2:80 gate 5
        real=10.0.0.3->10.0.0.4:8080 masq 2 <u:10> <l:5>
        scheduler=rr
        persistent=600
        netmask=255.255.255.0
        protocol=tcp
        checktype=negotiate
virtual=7
        real=www:443 ipip
        scheduler=wlc
        protocol=fwm
virtual=192.0.2.1:53
        protocol=udp
        ops=yes
"""


def test_services_and_servers_are_taken_over() -> None:
    found = read(TEXT, NAMES)
    vip = IPAddress("192.0.2.1")
    web = VirtualService(
        ServiceKey(Protocol.TCP, vip, 80),
        Scheduler.RR,
        destinations=(
            Destination(IPAddress("10.0.0.2"), 80, DR, 5),
            Destination(IPAddress("10.0.0.3"), 8080, NAT, 2, 10, 5),
            Destination(IPAddress("10.0.0.4"), 8080, NAT, 2, 10, 5),
        ),
        persistence=Persistence(600, IPAddress("255.255.255.0")),
    )
    mark = VirtualService(
        ServiceKey.of_mark(7), destinations=(Destination(IPAddress("192.0.2.80"), 443, TUN),)
    )
    dns = VirtualService(ServiceKey(Protocol.UDP, vip, 53), Scheduler.WRR, one_packet=True)
    assert found.services == (web, mark, dns)
    assert found.left == (
        Left(2, "checktimeout: health checks are not taken over"),
        Left(10, "checktype: health checks are not taken over"),
    )


def test_ipv6_has_words_of_its_own() -> None:
    text = """virtual6=[2001:db8::1]:80
        real6=[2001:db8::2]:80 gate 3
        fallback6=[::1]:80
        scheduler=rr
"""
    found = read(text, NAMES)
    server = Destination(IPAddress("2001:db8::2"), 80, DR, 3)
    key = ServiceKey(Protocol.TCP, IPAddress("2001:db8::1"), 80)
    assert found.services == (VirtualService(key, Scheduler.RR, destinations=(server,)),)
    assert found.left == (Left(3, "fallback6 [::1]:80: it asks for health checks, which are not taken over"),)


def test_what_can_not_be_taken_over_is_named_by_line() -> None:
    text = """nonsense
fallback=127.0.0.1:80
virtual=192.0.2.1
        real=10.0.0.2 gate
virtual=192.0.2.1:80
        real=10.0.0.2
        real=10.0.0.9->10.0.0.2 gate
        real=10.0.0.2->11.0.0.2 gate
        real=10.0.0.2 gate 1 "/x"
        persistent=x
        quiescent=yes
virtual=bad:name
virtual=192.0.2.1:81
        scheduler=no-such
"""
    assert read(text, NAMES).left == (
        Left(1, "not a line of ldirectord's"),
        Left(2, "fallback 127.0.0.1:80: it asks for health checks, which are not taken over"),
        Left(3, "port 0 stands for all ports, and only a persistent service can have them"),
        Left(6, "'10.0.0.2' is no server and method"),
        Left(7, "'10.0.0.9->10.0.0.2' is no server's address, or a range of too many"),
        Left(8, "'10.0.0.2->11.0.0.2' is no server's address, or a range of too many"),
        Left(9, 'health check of a server: "/x"'),
        Left(10, "'x' is no time of persistence"),
        Left(11, "quiescent: not taken over"),
        Left(12, "'bad:name' is no service's address and port, nor a mark"),
        Left(14, "scheduler 'no-such' is not known here"),
    )


@given(st.lists(st.sampled_from(TEXT.splitlines()) | st.text(max_size=30), max_size=20))
def test_any_text_is_read(lines: list[str]) -> None:
    read("\n".join(lines), NAMES)
