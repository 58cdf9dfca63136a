# SPDX-License-Identifier: Apache-2.0
"""Many edits as one: a configuration in, the edited configuration out, or ConfigError and nothing happened.

What each edit may do is `edit.py`'s; here is how they are written, and how thousands of them are done in the
time of one pass: the services are kept by key until all is done. A fault's key begins with `edits[3]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import Field

from director.config import edit
from director.config.address import parse_destination, parse_service_key
from director.config.document import (
    DestinationDocument,
    Document,
    ServiceDocument,
    TimeoutsTable,
    given_of,
)
from director.config.errors import ConfigError, Fault, show
from director.config.fields import choice
from director.config.load import destination_from, document_from, service_from
from director.model.configuration import Configuration, Timeouts
from director.model.connection import Endpoint
from director.model.service import Destination, ServiceKey, VirtualService


class Do(Enum):
    """What an edit does. To replace is to change all but what the edit's noun does not have."""

    ADD_SERVICE = "add-service"
    REPLACE_SERVICE = "replace-service"
    DELETE_SERVICE = "delete-service"
    ADD_DESTINATION = "add-destination"
    REPLACE_DESTINATION = "replace-destination"
    DELETE_DESTINATION = "delete-destination"
    CLEAR = "clear"
    SET_TIMEOUTS = "set-timeouts"


DoField = Annotated[Do, choice(Do, "kind of edit")]
Part = TypeVar("Part")


class EditDocument(Document):
    """One edit. Which of its fields it needs depends on what it does."""

    do: DoField
    service: Annotated[str | ServiceDocument | None, Field(description="a service, or its name")] = None
    destination: Annotated[
        str | DestinationDocument | None, Field(description="a destination, or its address and port")
    ] = None
    timeouts: Annotated[dict[str, int] | None, Field(description="a table of idle times in seconds")] = None


class EditsDocument(Document):
    """Edits that are all done, in this order, or not at all."""

    edits: Annotated[tuple[EditDocument, ...], Field(strict=False, description="a list of edits")]


class _EditFrame(Document):
    """An edit whose parts are read by what it does."""

    do: DoField
    service: object = None
    destination: object = None
    timeouts: object = None


class _EditsFrame(Document):
    edits: Annotated[list[object], Field(description="a list of edits")]


@dataclass(slots=True)
class _Draft:
    """The configuration that is being edited."""

    services: dict[ServiceKey, VirtualService]
    timeouts: Timeouts

    def service(self, key: ServiceKey) -> VirtualService:
        found = self.services.get(key)
        if found is None:
            raise edit.missing_service(key)
        return found


Step = Callable[[_Draft], None]


def steps_from(raw: object) -> tuple[Step, ...]:
    """Read edits from plain values; every fault of all of them is named."""
    faults: list[Fault] = []
    steps: list[Step] = []
    for index, each in enumerate(document_from(_EditsFrame, raw).edits):
        try:
            steps.append(_step(document_from(_EditFrame, each)))
        except ConfigError as error:
            faults.extend(fault.below(("edits", index)) for fault in error.faults)
    if faults:
        raise ConfigError(faults)
    return tuple(steps)


def apply(configuration: Configuration, steps: tuple[Step, ...]) -> Configuration:
    """Do all edits in their order, or raise the first refusal."""
    draft = _Draft({each.key: each for each in configuration.services}, configuration.timeouts)
    for index, step in enumerate(steps):
        try:
            step(draft)
        except ConfigError as error:
            faults = [fault.below(("edits", index)) for fault in error.faults]
            raise ConfigError(faults, conflict=error.conflict) from None
    edited = replace(configuration, services=tuple(draft.services.values()), timeouts=draft.timeouts)
    return edit.sized(edited)


def merging(now: Configuration, services: Iterable[VirtualService]) -> list[dict[str, Any]]:
    """Write the edits that add these services, or change those that are there; no other is touched."""
    return [each for service in services for each in _merging(now.service(service.key), service)]


def _merging(old: VirtualService | None, service: VirtualService) -> Iterator[dict[str, Any]]:
    document = ServiceDocument.of(service).model_dump(mode="json", exclude_none=True)
    destinations = document.pop("destination")
    if not service.key.mark:
        del document["mark"], document["family"]
    yield {"do": f"{'add' if old is None else 'replace'}-service", "service": document}
    for destination, values in zip(service.destinations, destinations, strict=True):
        there = old is not None and old.destination(destination.address, destination.port) is not None
        verb = "replace" if there else "add"
        yield {"do": f"{verb}-destination", "service": str(service.key), "destination": values}


def _step(frame: _EditFrame) -> Step:
    return _STEPS[frame.do](frame)


def _add_service(frame: _EditFrame) -> Step:
    service = _below("service", frame.service, lambda raw: edit.new_service(service_from(raw)))

    def step(draft: _Draft) -> None:
        if service.key in draft.services:
            raise edit.existing_service(service.key)
        draft.services[service.key] = service

    return step


def _replace_service(frame: _EditFrame) -> Step:
    """Its destinations and its own idle times stay."""
    wanted = _below("service", frame.service, service_from)

    def change(old: VirtualService) -> VirtualService:
        return replace(wanted, destinations=old.destinations, timeouts=old.timeouts)

    def step(draft: _Draft) -> None:
        draft.services[wanted.key] = edit.with_edit(draft.service(wanted.key), change)

    return step


def _delete_service(frame: _EditFrame) -> Step:
    key = _key(frame)

    def step(draft: _Draft) -> None:
        draft.service(key)
        del draft.services[key]

    return step


def _add_destination(frame: _EditFrame) -> Step:
    key, destination = _key(frame), _below("destination", frame.destination, destination_from)
    return _change(key, lambda service: edit.with_destination(service, destination))


def _replace_destination(frame: _EditFrame) -> Step:
    key, wanted = _key(frame), _below("destination", frame.destination, destination_from)
    where = Endpoint(wanted.address, wanted.port)

    def changed(_: Destination) -> Destination:
        return wanted

    return _change(key, lambda service: edit.with_edited(service, where, changed))


def _delete_destination(frame: _EditFrame) -> Step:
    key = _key(frame)
    where = _below("destination", frame.destination, lambda raw: parse_destination(_word(raw), key))
    return _change(key, lambda service: edit.without_destination(service, where))


def _change(key: ServiceKey, change: Callable[[VirtualService], VirtualService]) -> Step:
    def step(draft: _Draft) -> None:
        draft.services[key] = change(draft.service(key))

    return step


def _clear(_: _EditFrame) -> Step:
    return lambda draft: draft.services.clear()


def _set_timeouts(frame: _EditFrame) -> Step:
    raw = frame.timeouts if isinstance(frame.timeouts, Mapping) else {}
    given = _below("timeouts", raw, lambda values: given_of(document_from(TimeoutsTable, values)))

    def step(draft: _Draft) -> None:
        draft.timeouts = replace(draft.timeouts, **given)

    return step


def _key(frame: _EditFrame) -> ServiceKey:
    return _below("service", frame.service, lambda raw: parse_service_key(_word(raw)))


def _word(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    raise ConfigError([Fault("", show(raw), "a name", f"{show(raw)} is not a name")])


def _below(name: str, raw: object, read: Callable[[Any], Part]) -> Part:
    """Read a part of an edit; its faults name the part."""
    try:
        return read(raw)
    except ConfigError as error:
        raise ConfigError(fault.below((name,)) for fault in error.faults) from None


_STEPS: dict[Do, Callable[[_EditFrame], Step]] = {
    Do.ADD_SERVICE: _add_service,
    Do.REPLACE_SERVICE: _replace_service,
    Do.DELETE_SERVICE: _delete_service,
    Do.ADD_DESTINATION: _add_destination,
    Do.REPLACE_DESTINATION: _replace_destination,
    Do.DELETE_DESTINATION: _delete_destination,
    Do.CLEAR: _clear,
    Do.SET_TIMEOUTS: _set_timeouts,
}
