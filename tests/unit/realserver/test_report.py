# SPDX-License-Identifier: Apache-2.0
"""What `status` and `check` tell: the JSON whole, and the tables by what a person looks for."""

from __future__ import annotations

import io
from dataclasses import replace

from netaddr import EUI
from rich.console import Console

from realserver.bpf import Count, Reason
from realserver.check import Finding, Level
from realserver.evidence import Answers, Unwrapping
from realserver.plan import plan
from realserver.report import Status, answer_words, as_json, findings_json, show
from realserver.settings import (
    ABSENT,
    PRESENT,
    AddressKey,
    Duty,
    LedgerEntry,
    Method,
    Port,
    Served,
    SysctlKey,
    Transport,
    Wanted,
)
from realserver.words import describe
from tests.unit.realserver.simulated import DIRECTOR, OWN, VIP, fresh_host

DUTY = Duty(Method.DR, VIP, "eth0", director=DIRECTOR, ports=(Port(Transport.TCP, 80),))
BOUND = AddressKey("lo", VIP, 32)
HAVE = replace(fresh_host(), ledger=(LedgerEntry(BOUND, ABSENT, (PRESENT,)),))
UNWRAPPING = (
    Unwrapping(
        "eth0", (OWN,), (Served(VIP),), (Count(Reason.UNWRAPPED, 7, 700), Count(Reason.OUTER_BAD, 0, 0))
    ),
    Unwrapping("eth1", fault="not permitted"),
)
STATUS = Status(Wanted((DUTY,)), HAVE, UNWRAPPING, "/run/x.json")


def shown(status: Status, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(status, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_status_is_told_whole_in_json() -> None:
    assert as_json(STATUS) == {
        "state_file": "/run/x.json",
        "duties": [
            {"vip": "192.0.2.1", "method": "dr", "interface": "eth0", "director": "10.0.0.1", "source": None,
             "ports": ["tcp/80"]},
        ],
        "changed": [{"what": "192.0.2.1/32 on lo", "now": "absent", "before": "absent"}],
        "pending": [describe(step) for step in plan(HAVE, Wanted((DUTY,)))],
        "left_alone": [],
        "decapsulation": [
            {"interface": "eth0", "endpoints": ["10.0.0.2"], "vips": ["192.0.2.1"], "fault": None,
             "tunnels": {"192.0.2.1": {"types": ["ipip", "gre", "gue"], "port": 6080}},
             "counts": {"unwrapped": {"packets": 7, "bytes": 700}, "outer_bad": {"packets": 0, "bytes": 0}}},
            {"interface": "eth1", "endpoints": [], "vips": [], "tunnels": {}, "counts": {},
             "fault": "not permitted"},
        ],
    }  # fmt: skip


def test_tables_show_duties_counters_and_what_is_amiss() -> None:
    told = shown(STATUS)
    for line in (
        "192.0.2.1  dr      eth0       10.0.0.1  tcp/80",
        "eth0 unwraps tunnels that end at 10.0.0.2, for 192.0.2.1",
        "7        700    unwrapped and handed to the stack",
        "the unwrapping program on eth1: not permitted",
        "not as it should be: add 192.0.2.1/32 on lo",
    ):
        assert line in told
    assert "does not hold together" not in told


def test_what_was_changed_keeps_its_name_whole_on_a_narrow_terminal() -> None:
    key = SysctlKey("ipv4", "enp129s0f0", "arp_announce")
    long = LedgerEntry(key, "many words, by far too many for the line that they are to stand in", ())
    told = shown(replace(STATUS, have=replace(HAVE, ledger=(long,))), width=80)
    assert "net.ipv4.conf.enp129s0f0.arp_announce " in told


def test_what_can_no_longer_be_had_is_told_and_does_not_fail() -> None:
    gone = replace(STATUS, want=Wanted((replace(DUTY, interface="eth9"),)))
    assert as_json(gone)["pending"] == ["interface eth9 (for VIP 192.0.2.1) does not exist on this host"]


def test_nothing_is_told_as_nothing() -> None:
    assert shown(Status(Wanted(), fresh_host(), (), "x")) == "nothing is set up here\n"


def test_notes_alone_are_no_failure() -> None:
    note = Finding(VIP, Level.NOTE, "what", "remedy")
    told = [
        findings_json(found, ("x",))["ok"] for found in ((), (note,), (replace(note, level=Level.PROBLEM),))
    ]
    assert told == [True, True, False]


def test_who_answers_is_told_by_mac() -> None:
    answers = Answers({VIP: frozenset({EUI("02-00-00-00-00-0B"), EUI("02-00-00-00-00-0A")})})
    assert [answer_words(each, answers) for each in (VIP, OWN)] == [
        "192.0.2.1 is answered for by 02:00:00:00:00:0a, 02:00:00:00:00:0b",
        "10.0.0.2 is answered for by nobody",
    ]
