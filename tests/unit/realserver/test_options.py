# SPDX-License-Identifier: Apache-2.0
"""Words of the command line become types, or are refused with what was found."""

from __future__ import annotations

import click
import pytest
from netaddr import IPAddress

from realserver.options import ADDRESS, PORT
from realserver.settings import Port, Transport


@pytest.mark.parametrize("text", ["192.0.2.1", "192.0.2.1/32"])
def test_address_is_read_with_or_without_its_whole_prefix(text: str) -> None:
    assert ADDRESS.convert(text, None, None) == IPAddress("192.0.2.1")


def test_ipv6_address_is_read() -> None:
    assert ADDRESS.convert("2001:DB8::1/128", None, None) == IPAddress("2001:db8::1")


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.1/24", "192.0.2.256", "eth0", "0x7f"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not an IPv4 or IPv6 address"):
        ADDRESS.convert(text, None, None)


def test_port_is_read() -> None:
    assert PORT.convert("udp/53", None, None) == Port(Transport.UDP, 53)


@pytest.mark.parametrize(
    "text", ["", "80", "tcp", "tcp/", "tcp/x", "tcp/0", "tcp/65536", "sctp/80", "tcp/-1"]
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a port such as tcp/80 or udp/53"):
        PORT.convert(text, None, None)
