# SPDX-License-Identifier: Apache-2.0
"""The control API's part about synchronisation: which roles the director has, begun and given up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from director.config import edit
from director.config.address import refusal
from director.config.document import SyncHead
from director.config.errors import ConfigError, Fault, show
from director.config.load import document_from
from director.control.answers import Answer
from director.control.handlers import Api, Call, Reply
from director.model.sync import SyncRole, SyncStatus

A_ROLE = f"one of {', '.join(role.value for role in SyncRole)}"


class SyncAnswer(Answer):
    """One role. `why_not` is null while it runs; `dropped`, `unknown` and `waiting` are told in the docs."""

    role: Annotated[str, Field(json_schema_extra={"enum": [role.value for role in SyncRole]})]
    interface: str
    syncid: int
    maxlen: int
    group: str
    port: int
    ttl: int
    why_not: str | None
    datagrams: int
    entries: int
    dropped: int
    unknown: int
    waiting: int

    @classmethod
    def of(cls, noun: SyncStatus) -> SyncAnswer:
        daemon, counts = noun.daemon, noun.counts
        return cls(
            role=daemon.role.value,
            interface=daemon.interface,
            syncid=daemon.syncid,
            maxlen=daemon.longest,
            group=str(daemon.group),
            port=daemon.port,
            ttl=daemon.ttl,
            why_not=noun.why_not or None,
            datagrams=counts.datagrams,
            entries=counts.entries,
            dropped=counts.dropped,
            unknown=counts.unknown,
            waiting=noun.waiting,
        )


class SyncListAnswer(Answer):
    """The roles that the director has."""

    sync: tuple[SyncAnswer, ...]


async def list_sync(api: Api, _call: Call) -> Reply:
    return Reply(SyncListAnswer(sync=tuple(map(SyncAnswer.of, await api.port.sync()))))


async def put_sync(api: Api, call: Call) -> Reply:
    """Take up a role, unless the machine could not serve it now."""
    daemon = document_from(SyncHead, call.values).as_daemon(_role(call))
    refused = await api.port.why_no_sync(daemon)
    if refused is not None:
        raise ConfigError([Fault("interface", show(daemon.interface), "an interface to speak on", refused)])
    return await api.edit(lambda configuration: edit.put_sync(configuration, daemon))


async def delete_sync(api: Api, call: Call) -> Reply:
    role = _role(call)
    return await api.edit(lambda configuration: edit.delete_sync(configuration, role))


def _role(call: Call) -> SyncRole:
    word = call.words["role"]
    if word not in {role.value for role in SyncRole}:
        raise ConfigError(fault.below(("role",)) for fault in refusal(word, A_ROLE).faults)
    return SyncRole(word)
