# SPDX-License-Identifier: Apache-2.0
"""The written shape: every field says what it expects, has the noun's default, and describes itself truly."""

from __future__ import annotations

from hypothesis import given
from jsonschema import Draft202012Validator

from director.config.document import (
    ConfigurationDocument,
    DestinationDocument,
    DirectorTable,
    ServiceDocument,
    SysctlTable,
    TimeoutsTable,
    expectation,
    noun_of,
)
from director.config.load import configuration_from
from director.model.configuration import Configuration, Settings, Timeouts, Tunables
from tests.unit.config.strategies import CONFIGURATIONS

TABLES = (DirectorTable, TimeoutsTable, SysctlTable, ServiceDocument, DestinationDocument)
SCHEMA = Draft202012Validator(ConfigurationDocument.model_json_schema())


def test_every_field_says_what_it_expects() -> None:
    fields = [(table.__name__, *each) for table in TABLES for each in table.model_fields.items()]
    assert [(table, name) for table, name, field in fields if expectation(field) == "another value"] == []


def test_empty_tables_are_the_default_nouns() -> None:
    assert noun_of(Settings, DirectorTable()) == Settings()
    assert noun_of(Timeouts, TimeoutsTable()) == Timeouts()
    assert noun_of(Tunables, SysctlTable()) == Tunables()


@given(CONFIGURATIONS)
def test_what_is_written_is_as_the_schema_describes(configuration: Configuration) -> None:
    SCHEMA.validate(ConfigurationDocument.of(configuration).model_dump(mode="json"))


@given(CONFIGURATIONS)
def test_what_is_written_is_read_again(configuration: Configuration) -> None:
    written = ConfigurationDocument.of(configuration).model_dump(mode="json")
    assert configuration_from(written) == configuration


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    service = {"protocol": "tcp", "address": "192.0.2.1:80"}
    for values in ({"x": 1}, {"timeouts": {"udp": 0}}, {"service": [{**service, "scheduler": "wlcc"}]}):
        assert not SCHEMA.is_valid(values)
