# SPDX-License-Identifier: Apache-2.0
"""`director mark` against a control server that listens."""

from __future__ import annotations

from netaddr import IPNetwork

from director.model import MarkRule, Protocol
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector

RULE = MarkRule(7, IPNetwork("192.0.2.0/24"), Protocol.UDP, 8000, 8100)
WORDS = ("7", "192.0.2.0/24", "--protocol", "udp", "--ports", "8000-8100")


def test_a_rule_is_added_listed_and_deleted(director: StoppableDirector, run: Run) -> None:
    added = run("mark", "add", *WORDS)
    assert (added.exit_code, added.output) == (0, f"+ mark {RULE}\n")
    run("mark", "add", "8", "2001:db8::1")
    assert run("mark", "list").output == (
        "MARK  NETWORK          PROTOCOL  PORTS\n"
        "   7  192.0.2.0/24     udp       8000-8100\n"
        "   8  2001:db8::1/128  any       any\n"
    )
    assert run("mark", "delete", *WORDS).output == f"- mark {RULE}\n"
    assert [each.marks for each in director.applied][-1] == (MarkRule(8, IPNetwork("2001:db8::1/128")),)


def test_a_rule_that_is_not_there_is_a_sentence(director: StoppableDirector, run: Run) -> None:
    result = run("mark", "delete", *WORDS)
    assert (result.exit_code, result.stderr) == (1, f"no such mark rule: {RULE}\n")
    assert director.applied == []


def test_what_is_no_rule_is_a_sentence(director: StoppableDirector, run: Run) -> None:
    result = run("mark", "add", "0", "192.0.2", "--protocol", "tpc", "--ports", "9-8")
    assert (result.exit_code, result.stderr.splitlines()) == (
        1,
        [
            "mark: 0 is below 1",
            'network: "192.0.2" is not an address or network such as 198.51.100.0/24',
            'protocol: "tpc" is not a protocol; did you mean "tcp"?',
            'ports: "9-8" is not a port, a range such as 8000-8100, or any',
        ],
    )
    assert director.applied == []
