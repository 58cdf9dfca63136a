# SPDX-License-Identifier: Apache-2.0
"""Hash vectors from elsewhere: CPython hashes bytes with SipHash-1-3 under a key of zeros when told not to
randomize.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from netaddr import IPAddress

from director.scheduling.hashing import fold, hash_32, hsiphash_32

WORDS = (0x04030201, 0xFFFFFFFF, 0, 0x0A000001)


@pytest.mark.parametrize(
    ("value", "bits", "want"), [(0, 8, 0), (1, 8, 0x61), (2, 8, 0xC3), (3, 32, 0x255992D5)]
)
def test_hash_32_keeps_the_upper_bits_of_the_product(value: int, bits: int, want: int) -> None:
    assert hash_32(value, bits) == want


def test_hash_32_wraps_its_value_at_32_bits() -> None:
    assert hash_32(2**32 + 5, 8) == hash_32(5, 8)


def test_siphash_has_its_known_values() -> None:
    assert [hsiphash_32(word, 0) for word in WORDS[:3]] == [906734036, 1959450338, 2596571888]


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes bytes in another way")
def test_siphash_is_the_one_that_hashes_pythons_bytes() -> None:
    code = f"print([hash(w.to_bytes(4, 'little')) & 0xffffffff for w in {WORDS}])"
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command = (sys.executable, "-c", code)
    printed = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert printed.stdout.decode().strip() == str([hsiphash_32(word, 0) for word in WORDS])


def test_an_ipv4_address_is_its_own_fold_and_an_ipv6_address_the_xor_of_its_words() -> None:
    assert fold(IPAddress("10.0.0.1")) == 0x0A000001
    assert fold(IPAddress("2001:db8:0:1::f:1")) == 0x20010DB8 ^ 1 ^ 0xF0001
