# SPDX-License-Identifier: Apache-2.0
"""Addresses, endpoints, services and networks from the words that operators write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from director.config.address import (
    parse_destination,
    parse_endpoint,
    parse_filter,
    parse_integer,
    parse_network,
    parse_service_key,
    parse_unicast,
)
from director.config.errors import ConfigError
from director.model.connection import Endpoint
from director.model.service import Protocol, ServiceKey

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
READ: tuple[tuple[object, object], ...] = (
    (parse_endpoint("192.0.2.1:80"), Endpoint(IPAddress("192.0.2.1"), 80)),
    (parse_endpoint("[2001:db8::1]:65535"), Endpoint(IPAddress("2001:db8::1"), 65535)),
    (parse_destination("10.0.0.2", WEB), Endpoint(IPAddress("10.0.0.2"), 80)),
    (parse_destination("10.0.0.2:8080", WEB), Endpoint(IPAddress("10.0.0.2"), 8080)),
    (parse_destination("[2001:db8::2]", WEB), Endpoint(IPAddress("2001:db8::2"), 80)),
    (parse_filter("10.0.0.2"), Endpoint(IPAddress("10.0.0.2"), 0)),
    (parse_filter("10.0.0.2:80"), Endpoint(IPAddress("10.0.0.2"), 80)),
    (parse_service_key("tcp:192.0.2.1:80"), WEB),
    (parse_service_key("udp:[2001:db8::1]:53"), ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53)),
    (parse_network("198.51.100.0/24"), IPNetwork("198.51.100.0/24")),
    (parse_network("198.51.100.7"), IPNetwork("198.51.100.7/32")),
    (parse_network("2001:db8::/32"), IPNetwork("2001:db8::/32")),
    (parse_integer(0, 9)("7"), 7),
)
BAD_ENDPOINTS = (
    "", ":", ":80", "192.0.2.1:", "192.0.2:80", "0x7f.1:80", "192.0.2.1:-1", "192.0.2.1:8o",
    "192.0.2.1:80:80", "2001:db8::1:80", "[2001:db8::1]", "[192.0.2.1]:80", "[fe80::1%eth0]:80",
    "192.0.2.1/32:80", " 192.0.2.1:80", "192.0.2.1:٨٠", "010.0.0.1:80", "192.0.2.1:99999",
)  # fmt: skip


@pytest.mark.parametrize(("got", "want"), READ)
def test_what_operators_write_is_read(got: object, want: object) -> None:
    assert got == want


@pytest.mark.parametrize("text", BAD_ENDPOINTS)
def test_what_is_not_exactly_an_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_endpoint(text)


@pytest.mark.parametrize("text", ["224.0.0.1:80", "[ff02::1]:80", "127.0.0.1:80", "[::1]:80", "0.0.0.0:80",
                                  "0.1.2.3:80", "[::]:80", "255.255.255.255:80"])  # fmt: skip
def test_an_address_that_is_no_machines_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a unicast address"):
        parse_unicast(text)


@pytest.mark.parametrize(
    "text",
    [
        "tcp",
        "dccp:192.0.2.1:80",
        "mark:0",
        "mark:4294967296",
        "mark7:1",
        "TCP:192.0.2.1:80",
        "192.0.2.1:80",
        "tcp 192.0.2.1:80",
    ],
)
def test_what_is_not_a_service_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a service such as tcp:"):
        parse_service_key(text)


@pytest.mark.parametrize(
    "text", ["198.51.100.0/33", "198.51.100.0/", "198.51.100.0/-1", "198.51.100", "x/8", "/8"]
)
def test_what_is_not_a_network_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an address or network"):
        parse_network(text)


@pytest.mark.parametrize("text", ["", "10", "-1", "+1", "1.0", "1" * 5000])
def test_what_is_not_an_integer_of_the_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an integer from 0 to 9"):
        parse_integer(0, 9)(text)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_endpoint_is_read_as_it_is_written(address: object, port: int) -> None:
    endpoint = Endpoint(IPAddress(str(address)), port)
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "parse", [parse_endpoint, parse_unicast, parse_filter, parse_service_key, parse_network]
)
@given(text=st.text(alphabet=st.one_of(st.sampled_from("0123456789abcdef.:[]/%tcpud "), st.characters())))
def test_any_text_is_read_or_refused(parse: Callable[[str], object], text: str) -> None:
    try:
        found = str(parse(text))
    except ConfigError as error:
        found = error.sentence
    assert found
