# SPDX-License-Identifier: Apache-2.0
"""The client's typed answers have the fields that the control API's models have, no more and no less."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from director.cli import answers
from director.config.document import DestinationDocument, MarkDocument, ServiceDocument
from director.control.answers import (
    ChangeAnswer,
    ConnectionAnswer,
    ConnectionsAnswer,
    CountersAnswer,
    DestinationStatsAnswer,
    InterfaceAnswer,
    KeepingAnswer,
    NextHopAnswer,
    RatesAnswer,
    ReasonAnswer,
    ServiceStatsAnswer,
    StatusAnswer,
    TableAnswer,
)
from director.control.syncing import SyncAnswer

TWINS: list[tuple[type, type[BaseModel]]] = [
    (answers.Destination, DestinationDocument),
    (answers.Mark, MarkDocument),
    (answers.Service, ServiceDocument),
    (answers.Change, ChangeAnswer),
    (answers.Connection, ConnectionAnswer),
    (answers.Connections, ConnectionsAnswer),
    (answers.Counters, CountersAnswer),
    (answers.Rates, RatesAnswer),
    (answers.DestinationStats, DestinationStatsAnswer),
    (answers.ServiceStats, ServiceStatsAnswer),
    (answers.Reason, ReasonAnswer),
    (answers.Interface, InterfaceAnswer),
    (answers.NextHop, NextHopAnswer),
    (answers.Table, TableAnswer),
    (answers.Keeping, KeepingAnswer),
    (answers.Status, StatusAnswer),
    (answers.SyncDaemon, SyncAnswer),
]


@pytest.mark.parametrize(("here", "there"), TWINS, ids=[here.__name__ for here, _ in TWINS])
def test_an_answer_has_its_models_fields(here: type, there: type[BaseModel]) -> None:
    assert set(here.__annotations__) == set(there.model_fields)


def test_no_answer_is_without_its_twin() -> None:
    typed = {name for name, each in vars(answers).items() if hasattr(each, "__total__")} - {"TypedDict"}
    assert typed == {here.__name__ for here, _ in TWINS}
