# SPDX-License-Identifier: Apache-2.0
"""What is found out about the machine and its programs."""

import pytest

from bench.machine import processor, said, version


def test_the_processor_is_named_by_its_model() -> None:
    assert processor("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz \nflags\t: fpu\n") == "Some CPU @ 3 GHz"


def test_a_processor_without_a_model_goes_by_its_architecture() -> None:
    assert processor("CPU implementer\t: 0x41\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", "2.6.12"),
        ("wrk debian/4.1.0-3+b2 [epoll] Copyright", "4.1.0"),
        ("iperf 3.12 (cJSON 1.7.15)", "3.12"),
        ("", "unknown"),
    ],
)
def test_a_version_is_found_in_what_a_program_says(words: str, expected: str) -> None:
    assert version(words) == expected


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert said("no-such-program-anywhere") == ""
