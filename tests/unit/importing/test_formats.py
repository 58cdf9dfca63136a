# SPDX-License-Identifier: Apache-2.0
"""Which format a text has."""

from __future__ import annotations

import pytest

from director.importing.formats import FormatError, detect, read
from director.importing.kinds import Format
from tests.unit.ipvsadm.words import NAMES

TEXTS = {
    Format.IPVSADM: "-A -t 192.0.2.1:80 -s rr\n",
    Format.LDIRECTORD: "virtual = 192.0.2.1:80\n  scheduler = rr\n",
    Format.KEEPALIVED: "virtual_server 192.0.2.1 80 {\n lb_algo rr\n}\n",
}


@pytest.mark.parametrize("kind", Format)
def test_a_format_is_known_by_its_services(kind: Format) -> None:
    assert detect(f"# a comment\n{TEXTS[kind]}") is kind


def test_the_same_service_in_every_format_is_the_same() -> None:
    assert len({read(text, kind, NAMES).services for kind, text in TEXTS.items()}) == 1


@pytest.mark.parametrize("text", ["", "[[service]]\n", "-Z\n"])
def test_what_has_no_service_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="service"):
        detect(text)
