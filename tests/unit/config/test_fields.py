# SPDX-License-Identifier: Apache-2.0
"""Single fields are read and written alike."""

from __future__ import annotations

from typing import Any

import pytest
from netaddr import IPAddress
from pydantic import TypeAdapter, ValidationError

from director.config.fields import AnyProtocolField, MaskField, OptionalProtocolField, PortsField
from director.model.service import Protocol

READ: list[tuple[Any, str, object]] = [
    (AnyProtocolField, "any", None),
    (AnyProtocolField, "udp", Protocol.UDP),
    (OptionalProtocolField, "sctp", Protocol.SCTP),
    (PortsField, "any", (0, 65535)),
    (PortsField, "80", (80, 80)),
    (PortsField, "80-443", (80, 443)),
    (MaskField, "", None),
    (MaskField, "255.255.255.0", IPAddress("255.255.255.0")),
]


@pytest.mark.parametrize(("field", "text", "value"), READ)
def test_a_field_is_written_as_it_is_read(field: Any, text: str, value: object) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(field)
    assert (adapter.validate_python(text), adapter.dump_python(value)) == (value, text)


def test_an_ipv6_mask_is_written_as_a_prefix_length() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(MaskField)
    assert adapter.dump_python(IPAddress("ffff:ffff::")) == "32"


def test_what_is_left_out_is_written_as_null() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(OptionalProtocolField)
    assert adapter.dump_python(None) is None


def test_what_is_written_as_null_is_read_as_left_out() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(OptionalProtocolField)
    assert adapter.validate_python(None) is None
    with pytest.raises(ValidationError):
        TypeAdapter(MaskField).validate_python(None)


@pytest.mark.parametrize(
    ("field", "text"),
    [(PortsField, "9-8"), (PortsField, "65536"), (PortsField, "-1"), (MaskField, "129"), (MaskField, "x")],
)
def test_what_is_no_value_is_refused(field: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(field).validate_python(text)
