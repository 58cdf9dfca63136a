# SPDX-License-Identifier: Apache-2.0
"""Options as they come, one after the other."""

from __future__ import annotations

import pytest

from director.ipvsadm.errors import UsageError
from director.ipvsadm.reading import Said, seconds
from director.ipvsadm.scanner import Scanner
from director.model.service import ServiceKey
from tests.unit.ipvsadm.words import NAMES


def said(*words: str) -> Said:
    found, scanner = Said(NAMES), Scanner(words)
    while (each := scanner.next()) is not None:
        found.take(each)
    return found


def test_a_server_without_a_port_takes_that_of_the_service_before_it() -> None:
    assert said("-t", "192.0.2.1:80", "-r", "10.0.0.2").server.port == 80
    assert said("-r", "10.0.0.2", "-t", "192.0.2.1:80").server.port == 0


def test_a_mask_is_read_in_the_family_that_is_known_by_then() -> None:
    assert str(said("-f", "3", "-6", "-M", "64").mask) == "ffff:ffff:ffff:ffff::"
    assert str(said("-M", "64", "-f", "3", "-6").mask) == "0.0.0.64"


def test_ipv6_is_said_of_a_mark() -> None:
    assert said("-f", "3", "-6").key == ServiceKey.of_mark(3, 6)
    with pytest.raises(UsageError, match="-6 used before -f"):
        said("-6", "-f", "3")


def test_an_option_that_is_given_twice_is_refused_before_its_value_is_read() -> None:
    with pytest.raises(UsageError, match="multiple 'weight' options specified"):
        said("-w", "1", "-w", "x")


@pytest.mark.parametrize(("text", "wanted"), [("0", 0), ("2678400", 2678400)])
def test_a_time_has_at_most_a_month(text: str, wanted: int) -> None:
    assert seconds(text, 0) == wanted
    with pytest.raises(UsageError, match="invalid timeout value `2678401' specified"):
        seconds("2678401", 0)
