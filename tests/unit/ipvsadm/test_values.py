# SPDX-License-Identifier: Apache-2.0
"""The values of options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.ipvsadm import values
from director.model.service import Protocol, SchedulerFlag
from tests.unit.ipvsadm.words import NAMES


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", 0), ("10", 10), ("+5", 5), (" 7", 7), ("010", 10), ("11", None), ("-1", None), ("", None),
     ("1x", None), ("1 ", None), ("0x1", None), ("9" * 5000, None)],
)  # fmt: skip
def test_a_number_is_read_as_strtol_reads_it(text: str, wanted: int | None) -> None:
    assert values.number(text, 0, 10) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.0.0.2:80", ("10.0.0.2", 80)),
        ("10.0.0.2", ("10.0.0.2", None)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("10.2:http", ("10.0.0.2", 80)),
        ("www:https", ("192.0.2.80", 443)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("[10.0.0.2]:80", ("10.0.0.2", None)),
        ("10.0.0.2:", None),
        ("10.0.0.2:65536", None),
        ("10.0.0.2:nosuch", None),
        ("80", None),
        (":80", None),
        ("", None),
        ("[2001:db8::1]", None),
        ("[fe80::1%lo]:80", None),
        ("10.0.0.2:80:81", None),
    ],
)
def test_a_target_is_a_host_and_perhaps_a_port(text: str, wanted: tuple[str, int | None] | None) -> None:
    found = values.target(text, Protocol.TCP, NAMES)
    assert (None if found is None else (str(found[0]), found[1])) == wanted


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_is_not(text: str) -> None:
    found = values.target(text, Protocol.TCP, NAMES)
    assert found is None or found[1] is None or 0 <= found[1] <= 65535


@pytest.mark.parametrize(("text", "bits"), [("64", 64), ("64x", 64), ("1", 1), ("128", 128), (" 7", 7)])
def test_a_mask_of_ipv6_is_a_prefix_length(text: str, bits: int) -> None:
    mask = values.mask6(text)
    assert mask is not None
    assert (mask.netmask_bits(), values.whole(mask)) == (bits, bits == 128)


@pytest.mark.parametrize("text", ["", "0", "129", "-1", "x", "ffff::", "9" * 5000])
def test_what_is_no_prefix_length_is_no_mask(text: str) -> None:
    assert values.mask6(text) is None


def test_flags_are_read_by_name_or_by_number() -> None:
    both = frozenset({SchedulerFlag.SH_FALLBACK, SchedulerFlag.SH_PORT})
    assert values.flags_of("sh-port,,sh-fallback,", "sh") == both
    assert values.flags_of("flag-1,flag-2", "sh") == both
    assert values.flags_of("flag-3", "sh") == frozenset()
    assert values.flags_of("flag-1", "no-such-scheduler") == frozenset()
    assert values.flags_of("mh-port", "sh") == "incompatible scheduler flag `mh-port'"
    assert values.flags_of("x", "sh") == "invalid scheduler flag `x'"


def test_a_whole_mask_has_every_bit() -> None:
    assert values.whole(IPAddress("255.255.255.255"))
    assert not values.whole(IPAddress("255.255.255.0"))
