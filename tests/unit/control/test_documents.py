# SPDX-License-Identifier: Apache-2.0
"""What callers may send besides configurations: partial edits and parameters."""

from __future__ import annotations

import pytest
from netaddr import IPAddress, IPNetwork

from director.config.errors import ConfigError
from director.config.load import document_from
from director.control.documents import ConnectionParameters, DestinationPatch, ServicePatch
from director.model.connection import ConnectionQuery, ConnectionState, Endpoint
from tests.unit.control.fake import WEB

QUERIES: list[tuple[dict[str, str], ConnectionQuery]] = [
    ({}, ConnectionQuery(None, None, None, None, limit=1000, cursor=0)),
    ({"service": "tcp:192.0.2.1:80"}, ConnectionQuery(service=WEB)),
    ({"destination": "10.0.0.2"}, ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 0))),
    ({"destination": "10.0.0.2:80"}, ConnectionQuery(destination=Endpoint(IPAddress("10.0.0.2"), 80))),
    ({"client": "2001:db8::/32"}, ConnectionQuery(client=IPNetwork("2001:db8::/32"))),
    ({"state": "SYN_RECV"}, ConnectionQuery(state=ConnectionState.SYN_RECV)),
    ({"limit": "100000", "cursor": "7"}, ConnectionQuery(limit=100_000, cursor=7)),
    ({"cursor": "4294967295"}, ConnectionQuery(limit=1000, cursor=4294967295)),
    ({"count": "true", "limit": "5"}, ConnectionQuery(limit=0)),
    ({"templates": "true"}, ConnectionQuery(templates=True)),
    ({"count": "false", "limit": "5"}, ConnectionQuery(limit=5)),
]


@pytest.mark.parametrize(("given", "want"), QUERIES)
def test_parameters_make_a_query(given: dict[str, str], want: ConnectionQuery) -> None:
    assert document_from(ConnectionParameters, given).to_query() == want


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"count": "yes"}, 'count: "yes" is not a truth value; expected one of true, false'),
        ({"state": "ESTABLISH"}, 'state: "ESTABLISH" is not a connection state; did you mean "ESTABLISHED"?'),
        ({"limit": "100001"}, 'limit: "100001" is not an integer from 1 to 100000'),
        ({"cursor": "4294967296"}, 'cursor: "4294967296" is not an integer from 0 to 4294967295'),
        ({"service": "web"}, 'service: "web" is not a service such as tcp:192.0.2.1:80'),
    ],
)
def test_a_parameter_is_refused_in_words(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document_from(ConnectionParameters, given)
    assert str(caught.value) == sentence


def test_a_partial_edit_knows_what_was_given() -> None:
    assert document_from(ServicePatch, {}).model_fields_set == set()
    assert document_from(ServicePatch, {"flags": []}).model_fields_set == {"flags"}
    assert document_from(DestinationPatch, {"weight": 1}).model_fields_set == {"weight"}


def test_a_partial_edits_schema_promises_no_default() -> None:
    properties = ServicePatch.model_json_schema()["properties"]
    assert [name for name, schema in properties.items() if "default" in schema] == []
