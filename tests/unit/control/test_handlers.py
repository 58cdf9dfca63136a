# SPDX-License-Identifier: Apache-2.0
"""What the handlers tell the director, without a socket between."""

from __future__ import annotations

import asyncio

import pytest

from director.config.errors import ConfigError, Conflict
from director.control import handlers
from director.control.answers import ChangesAnswer
from director.control.documents import ApplyParameters, NoParameters, ZeroParameters
from director.control.handlers import Api, Call, Reply
from director.control.routes import Handler
from director.model.configuration import Configuration
from director.model.service import Protocol, ServiceKey
from tests.unit.control.fake import CONFIGURATION, DNS, WEB, FakeDirector

AT_WEB = {"service": "tcp:192.0.2.1:80"}


def call(director: FakeDirector, handler: Handler, *calls: Call) -> list[Reply]:
    """Make all these calls at the same time."""

    async def together() -> list[Reply]:
        api = Api(director, b"{}")
        return list(await asyncio.gather(*(handler(api, each) for each in calls)))

    return asyncio.run(together())


def test_edits_at_the_same_time_do_not_undo_one_another() -> None:
    director = FakeDirector()
    ports = range(1000, 1016)
    bodies = [{"protocol": "tcp", "address": f"192.0.2.1:{port}"} for port in ports]
    call(director, handlers.add_service, *(Call({}, NoParameters(), body) for body in bodies))
    added = [ServiceKey(Protocol.TCP, WEB.address, port) for port in ports]
    assert [service.key for service in director.current.services] == [WEB, DNS, *added]


def test_the_second_of_two_equal_additions_is_refused() -> None:
    director = FakeDirector()
    body = {"protocol": "tcp", "address": "192.0.2.1:81"}
    with pytest.raises(ConfigError) as caught:
        call(director, handlers.add_service, *[Call({}, NoParameters(), body)] * 2)
    assert (caught.value.conflict, len(director.applied)) == (Conflict.EXISTS, 1)


def test_what_was_added_is_named_by_its_path() -> None:
    (reply,) = call(
        FakeDirector(),
        handlers.add_destination,
        Call(AT_WEB, NoParameters(), {"address": "10.0.0.9:80", "method": "dr"}),
    )
    assert reply.location == "/v1/services/tcp:192.0.2.1:80/destinations/10.0.0.9:80"


def test_putting_what_is_in_force_changes_nothing() -> None:
    director = FakeDirector(Configuration())
    (reply,) = call(director, handlers.put_config, Call({}, ApplyParameters(), {}))
    assert reply == Reply(ChangesAnswer(changes=()))


def test_a_refused_configuration_is_not_applied() -> None:
    director = FakeDirector()
    with pytest.raises(ConfigError):
        call(director, handlers.put_config, Call({}, ApplyParameters(), {"timeouts": {"udp": 0}}))
    assert (director.current, director.applied) == (CONFIGURATION, [])


def test_counters_of_no_service_are_not_zeroed() -> None:
    director = FakeDirector()
    absent = ServiceKey(Protocol.UDP, WEB.address, 9)
    with pytest.raises(ConfigError, match="no such service: udp:192"):
        call(director, handlers.zero_stats, Call({}, ZeroParameters.model_construct(service=absent)))
    assert director.zeroed == []
