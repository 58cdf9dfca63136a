# SPDX-License-Identifier: Apache-2.0
"""Which tunnel options go together."""

from __future__ import annotations

import pytest

from tests.unit.ipvsadm.words import parsed, refusal

SERVER = "-a -t 192.0.2.1:80 -r 10.0.0.2"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--tun-csum", "Tunnel options conflict with forward method"),
        ("-m --tun-type ipip", "Tunnel options conflict with forward method"),
        ("-i --tun-type gue", "You need to supply the 'tun-port' option for the 'gue' tunnel type"),
        ("-i --tun-port 3", "Illegal 'tun-port' option with the 'ipip' tunnel type"),
        ("-i --tun-csum --tun-nocsum", "Illegal 'tun-nocsum' option with the 'ipip' tunnel type"),
        ("-i --tun-type gre --tun-remcsum", "Illegal 'tun-remcsum' option with the 'gre' tunnel type"),
        (
            "-i --tun-type gre --tun-csum --tun-nocsum",
            "The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gre' tunnel type",
        ),
    ],
)
def test_what_does_not_go_together_is_named(options: str, sentence: str) -> None:
    assert refusal(f"{SERVER} {options}") == (sentence, 2)


def test_gre_may_be_said_to_have_no_checksum() -> None:
    assert parsed(f"{SERVER} -i --tun-type gre --tun-nocsum") == parsed(f"{SERVER} -i --tun-type gre")
