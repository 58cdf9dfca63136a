# SPDX-License-Identifier: Apache-2.0
"""The demo says that all is well only when it is: each thing that can be wrong is found and named."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from netaddr import EUI, IPAddress

from demo.cast import SERVICES, Method, Service
from demo.clients import Asked
from demo.evidence import Logged, Reply
from demo.verdict import Addresses, Seen, faults, result

DIRECTOR = EUI("02:00:00:00:00:fe")
STRANGER = EUI("02:00:00:00:00:ff")
DR, TUN, NAT = SERVICES[:3]
MACS = {
    (server.node, server.leg): EUI(int(server.address)) for service in SERVICES for server in service.servers
}
ADDRESSES = Addresses(DIRECTOR, MACS)


def asked_of(service: Service) -> Asked:
    """Ten answers for each unit of weight."""
    return Asked("curl", Counter({server.node: server.weight * 10 for server in service.servers}))


def logged_by(service: Service) -> dict[str, Logged]:
    return {server.node: Logged(own=server.weight * 10) for server in service.servers}


def seen_of(service: Service) -> Seen:
    """Each reply a frame, by the way that the method promises."""
    protocol, port = service.application.protocol, service.application.port
    if service.method is Method.NAT:
        router = {Reply(DIRECTOR, service.vip, protocol, port): service.weight * 10}
        at_director = {
            Reply(None, server.address, protocol, port): server.weight * 10 for server in service.servers
        }
        return Seen(Counter(router), Counter(at_director), ADDRESSES)
    past = {
        Reply(MACS[server.node, server.leg], service.vip, protocol, port): server.weight * 10
        for server in service.servers
    }
    return Seen(Counter(past), Counter(), ADDRESSES)


def found(service: Service, asked: Asked, logged: dict[str, Logged], seen: Seen) -> tuple[str, ...]:
    return faults([result(service, [asked], logged, seen)], missed=0)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_what_is_as_promised_has_no_fault(service: Service) -> None:
    assert found(service, asked_of(service), logged_by(service), seen_of(service)) == ()


def test_a_request_without_an_answer_is_a_fault() -> None:
    asked = replace(asked_of(DR), lost=3)
    assert found(DR, asked, logged_by(DR), seen_of(DR)) == ("DR HTTP: 3 requests of curl were not answered",)


def test_another_status_is_a_fault() -> None:
    asked = replace(asked_of(DR), refused=Counter(rs2=1))
    assert found(DR, asked, logged_by(DR), seen_of(DR)) == (
        "DR HTTP: rs2: 1 answers with another status than 200",
    )


def test_an_answer_of_another_server_is_a_fault() -> None:
    asked = replace(asked_of(DR), answered=asked_of(DR).answered + Counter(rs9=1))
    assert found(DR, asked, logged_by(DR), seen_of(DR)) == (
        "DR HTTP: 'rs9' answered, which is none of its real servers",
    )


def test_a_share_that_the_weights_do_not_ask_for_is_a_fault() -> None:
    asked = replace(asked_of(DR), answered=Counter(rs1=20, rs2=20, rs3=20))
    logged = {node: Logged(own=30) for node in ("rs1", "rs2", "rs3")}
    seen = seen_of(DR)
    more = Counter(dict.fromkeys(seen.at_router, 30))
    assert found(DR, asked, logged, replace(seen, at_router=more)) == (
        "DR HTTP: rs1: its share was 33.3%, and its weight asks for 50.0%",
        "DR HTTP: rs3: its share was 33.3%, and its weight asks for 16.7%",
    )


def test_a_log_without_the_clients_address_is_a_fault() -> None:
    logged = logged_by(DR) | {"rs1": Logged(own=29, others=1)}
    assert found(DR, asked_of(DR), logged, seen_of(DR)) == (
        "DR HTTP: rs1: its access log holds 29 requests of the client, and it answered 30",
        "DR HTTP: rs1: its access log holds 1 requests of other addresses than the client's",
    )


@pytest.mark.parametrize("service", [DR, TUN], ids=lambda service: service.name)
@pytest.mark.parametrize("where", ["router", "director"])
def test_a_reply_that_crossed_the_director_is_a_fault_but_for_nat(service: Service, where: str) -> None:
    seen = seen_of(service)
    sender = DIRECTOR if where == "router" else None
    crossing = Counter({Reply(sender, IPAddress(service.vip), "tcp", 80): 1})
    seen = (
        replace(seen, at_router=seen.at_router + crossing)
        if where == "router"
        else replace(seen, at_director=crossing)
    )
    assert found(service, asked_of(service), logged_by(service), seen) == (
        f"{service.name}: 1 reply frames came through the director",
    )


def test_a_reply_of_nat_that_went_past_the_director_is_a_fault() -> None:
    seen = seen_of(NAT)
    past = Counter({Reply(MACS["rs1", "inside"], NAT.vip, "tcp", 80): 2})
    assert found(NAT, asked_of(NAT), logged_by(NAT), replace(seen, at_router=seen.at_router + past)) == (
        "NAT HTTP: 2 reply frames came past the director",
    )


def test_replies_that_nobody_saw_are_a_fault() -> None:
    nothing = Seen(Counter(), Counter(), ADDRESSES)
    assert found(DR, asked_of(DR), logged_by(DR), nothing) == tuple(
        f"DR HTTP: {server.node}: 0 reply frames came past the director, and it answered {server.weight * 10}"
        for server in DR.servers
    )


def test_a_reply_of_a_stranger_is_a_fault() -> None:
    seen = seen_of(TUN)
    strange = Counter({Reply(STRANGER, TUN.vip, "tcp", 80): 1})
    assert found(TUN, asked_of(TUN), logged_by(TUN), replace(seen, at_router=seen.at_router + strange)) == (
        "TUN HTTP: the router had 1 reply frames from a stranger",
    )


def test_frames_that_were_missed_leave_the_verdict_open() -> None:
    said = faults([], missed=4)
    assert said == (
        "tcpdump at the director missed 4 frames: how many replies went through it is not certain",
    )
