# SPDX-License-Identifier: Apache-2.0
"""What each request of the control API does, in terms of the port. Knows nothing of sockets and status lines.

An edit holds the lock from reading the configuration until it is applied, so that no edit undoes another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import BaseModel

from director.config import batch, edit
from director.config.address import parse_destination, parse_service_key
from director.config.diff import diff
from director.config.document import (
    ConfigurationDocument,
    DestinationDocument,
    MarkDocument,
    ServiceDocument,
    SysctlTable,
    TimeoutsTable,
    given_of,
)
from director.config.errors import ConfigError, Conflict, Fault
from director.config.load import configuration_from, destination_from, document_from, service_from
from director.config.save import save
from director.config.sharing import sharing
from director.control.answers import (
    ChangesAnswer,
    ConnectionAnswer,
    ConnectionsAnswer,
    NextHopAnswer,
    ReasonsAnswer,
    ServiceStatsAnswer,
    StatsAnswer,
    StatusAnswer,
    StopAnswer,
)
from director.control.documents import (
    ApplyParameters,
    ConnectionParameters,
    DestinationList,
    DestinationPatch,
    Format,
    FormatParameters,
    MarkList,
    MarkParameters,
    Partial,
    ServiceList,
    ServicePatch,
    StatsParameters,
    StatusParameters,
    StopParameters,
    Truth,
    ZeroParameters,
)
from director.control.metrics import CONTENT_TYPE, Exposition
from director.control.patches import destination_edit, service_edit
from director.control.port import DirectorPort
from director.model.configuration import Configuration
from director.model.connection import Endpoint
from director.model.service import ServiceKey, VirtualService

JSON = "application/json"
TOML = "application/toml"

Parameters = TypeVar("Parameters", bound=Partial)
Noun = TypeVar("Noun")
Count = Callable[[ServiceKey], Awaitable[Noun | None]]


@dataclass(frozen=True, slots=True)
class Api:
    """The running director, the API's own description, and the lock that makes an edit one transaction."""

    port: DirectorPort
    description: bytes
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def edit(self, change: Callable[[Configuration], Configuration]) -> Reply:
        async with self.lock:
            wanted = change(await self.port.configuration())
            return Reply(ChangesAnswer.of(await self.port.apply(wanted)))


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose parts were read: the path's words, the checked parameters, the body's plain values."""

    words: Mapping[str, str]
    parameters: Partial
    values: object = None

    def as_(self, kind: type[Parameters]) -> Parameters:
        """Return the parameters as the kind that the route declares."""
        assert isinstance(self.parameters, kind)
        return self.parameters

    @property
    def service(self) -> ServiceKey:
        try:
            return parse_service_key(self.words["service"])
        except ConfigError as error:
            raise ConfigError(fault.below(("service",)) for fault in error.faults) from None

    @property
    def destination(self) -> Endpoint:
        try:
            return parse_destination(self.words["destination"], self.service)
        except ConfigError as error:
            raise ConfigError(fault.below(("destination",)) for fault in error.faults) from None


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is not JSON."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A long answer in pieces: written at once, it would keep the loop from everything else for seconds."""

    pieces: AsyncIterator[str]
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `location` names what was made."""

    body: BaseModel | Parts | Text | None
    location: str = ""


async def list_services(api: Api, _call: Call) -> Reply:
    services = (await api.port.configuration()).services
    return Reply(_listing(ServiceList(service=()), "service", _each(ServiceDocument.of, services)))


async def add_service(api: Api, call: Call) -> Reply:
    service = service_from(call.values)
    done = await api.edit(lambda configuration: edit.add_service(configuration, service))
    return Reply(done.body, f"/v1/services/{service.key}")


async def get_service(api: Api, call: Call) -> Reply:
    return Reply(ServiceDocument.of(await _service(api, call.service)))


async def edit_service(api: Api, call: Call) -> Reply:
    patch, key = document_from(ServicePatch, call.values), call.service
    change = service_edit(patch)
    return await api.edit(lambda configuration: edit.edit_service(configuration, key, change))


async def delete_service(api: Api, call: Call) -> Reply:
    key = call.service
    return await api.edit(lambda configuration: edit.delete_service(configuration, key))


async def list_destinations(api: Api, call: Call) -> Reply:
    found = (await _service(api, call.service)).destinations
    return Reply(DestinationList.model_construct(destination=tuple(map(DestinationDocument.of, found))))


async def add_destination(api: Api, call: Call) -> Reply:
    destination, key = destination_from(call.values), call.service
    done = await api.edit(lambda configuration: edit.add_destination(configuration, key, destination))
    return Reply(done.body, f"/v1/services/{key}/destinations/{destination.endpoint}")


async def edit_destination(api: Api, call: Call) -> Reply:
    patch, key, where = document_from(DestinationPatch, call.values), call.service, call.destination
    change = destination_edit(patch)
    return await api.edit(lambda configuration: edit.edit_destination(configuration, key, where, change))


async def delete_destination(api: Api, call: Call) -> Reply:
    key, where = call.service, call.destination
    return await api.edit(lambda configuration: edit.delete_destination(configuration, key, where))


async def list_marks(api: Api, _call: Call) -> Reply:
    marks = (await api.port.configuration()).marks
    return Reply(MarkList.model_construct(mark=tuple(map(MarkDocument.of, marks))))


async def add_mark(api: Api, call: Call) -> Reply:
    rule = document_from(MarkDocument, call.values).to_noun()
    return await api.edit(lambda configuration: edit.add_mark(configuration, rule))


async def delete_mark(api: Api, call: Call) -> Reply:
    rule = call.as_(MarkParameters).to_noun()
    return await api.edit(lambda configuration: edit.delete_mark(configuration, rule))


async def get_sysctl(api: Api, _call: Call) -> Reply:
    return Reply(ConfigurationDocument.of(await _frame(api)).sysctl)


async def edit_sysctl(api: Api, call: Call) -> Reply:
    given = given_of(document_from(SysctlTable, call.values))
    return await api.edit(lambda now: replace(now, tunables=replace(now.tunables, **given)))


async def get_timeouts(api: Api, _call: Call) -> Reply:
    return Reply(ConfigurationDocument.of(await _frame(api)).timeouts)


async def edit_timeouts(api: Api, call: Call) -> Reply:
    given = given_of(document_from(TimeoutsTable, call.values))
    return await api.edit(lambda now: replace(now, timeouts=replace(now.timeouts, **given)))


async def _frame(api: Api) -> Configuration:
    """Return the configuration without what there may be a hundred thousand of."""
    return replace(await api.port.configuration(), services=(), marks=())


async def apply_edits(api: Api, call: Call) -> Reply:
    steps = await asyncio.to_thread(batch.steps_from, call.values)  # a large restore takes seconds
    async with api.lock:
        before = await api.port.configuration()
        wanted = sharing(before, await asyncio.to_thread(batch.apply, before, steps))
        return Reply(ChangesAnswer.of(await api.port.apply(wanted)))


async def get_config(api: Api, call: Call) -> Reply:
    configuration = await api.port.configuration()
    if call.as_(FormatParameters).format is Format.TOML:
        text = await asyncio.to_thread(save, configuration)
        return Reply(Text(text.encode(), TOML))
    frame = ConfigurationDocument.of(replace(configuration, services=()))
    return Reply(_listing(frame, "service", _each(ServiceDocument.of, configuration.services)))


async def put_config(api: Api, call: Call) -> Reply:
    before = await api.port.configuration()
    wanted = await asyncio.to_thread(  # a full table takes seconds
        lambda: sharing(before, configuration_from(call.values))
    )
    if call.as_(ApplyParameters).dry_run is Truth.TRUE:
        return Reply(ChangesAnswer.of(diff(await api.port.configuration(), wanted)))
    return await api.edit(lambda _: wanted)


async def list_connections(api: Api, call: Call) -> Reply:
    query = call.as_(ConnectionParameters).to_query()
    page = await api.port.connections(query)
    frame = ConnectionsAnswer(total=page.total, next_cursor=page.next_cursor)
    return Reply(_listing(frame, "connections", _each(ConnectionAnswer.of, page.entries)))


async def get_stats(api: Api, call: Call) -> Reply:
    asked = call.as_(StatsParameters)
    if asked.service is not None:
        keys = [(await _service(api, asked.service)).key]
    else:
        keys = [service.key for service in (await api.port.configuration()).services]
    if asked.destinations is Truth.FALSE:
        answers = (ServiceStatsAnswer.of(one) async for one in _found(keys, api.port.totals))
    else:
        answers = (ServiceStatsAnswer.of(one) async for one in _found(keys, api.port.stats))
    return Reply(_listing(StatsAnswer(), "services", answers))


async def zero_stats(api: Api, call: Call) -> Reply:
    key = call.as_(ZeroParameters).service
    if key is not None:
        await _service(api, key)
    await api.port.zero(key)
    return Reply(None)


async def get_reasons(api: Api, _call: Call) -> Reply:
    return Reply(ReasonsAnswer.of(await api.port.reasons()))


async def get_status(api: Api, call: Call) -> Reply:
    key = call.as_(StatusParameters).service
    if key is not None:
        await _service(api, key)
    hops = _each(NextHopAnswer.of, api.port.next_hops(key))
    return Reply(_listing(StatusAnswer.of(await api.port.status()), "next_hops", hops))


async def stop(api: Api, call: Call) -> Reply:
    if call.as_(StopParameters).leave_running is Truth.TRUE:
        refusal = await api.port.leave_running()
        if refusal is not None:
            fault = Fault("leave_running", "true", "tables that outlive the director", refusal)
            raise ConfigError([fault], conflict=Conflict.EXISTS)
    else:
        await api.port.stop()
    return Reply(StopAnswer(stopping=True))


async def get_openapi(api: Api, _call: Call) -> Reply:
    return Reply(Text(api.description, "application/json"))


async def get_metrics(api: Api, _call: Call) -> Reply:
    return Reply(Parts(_metrics(api.port), CONTENT_TYPE))


async def _metrics(port: DirectorPort) -> AsyncIterator[str]:
    scrape = Exposition()
    async for stats in _found([one.key for one in (await port.configuration()).services], port.stats):
        scrape.add(stats)
    for piece in scrape.text(await port.reasons(), await port.status()):
        yield piece


def _listing(frame: BaseModel, name: str, items: AsyncIterator[BaseModel]) -> Parts:
    """Answer with this frame, whose list of this name is empty in it, and these items in the list."""
    before, found, after = frame.model_dump_json().partition(f'"{name}":[')
    assert found, f"{name} is no list of {type(frame).__name__}"

    async def pieces() -> AsyncIterator[str]:
        separator = before + found
        async for item in items:
            yield f"{separator}{item.model_dump_json()}"
            separator = ","
        yield after if separator == "," else before + found + after

    return Parts(pieces(), JSON)


async def _each(of: Callable[[Noun], BaseModel], nouns: Iterable[Noun]) -> AsyncIterator[BaseModel]:
    for noun in nouns:
        yield of(noun)


async def _found(keys: Iterable[ServiceKey], count: Count[Noun]) -> AsyncIterator[Noun]:
    for key in keys:
        counted = await count(key)
        if counted is not None:
            yield counted
        await asyncio.sleep(0)  # counting a service takes milliseconds: others have their turn


async def _service(api: Api, key: ServiceKey) -> VirtualService:
    found = (await api.port.configuration()).service(key)
    if found is None:
        raise edit.missing_service(key)
    return found
