# SPDX-License-Identifier: Apache-2.0
"""`director service` against a control server that listens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from netaddr import IPAddress

from director.config.address import AN_ENDPOINT
from director.model import (
    Configuration,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import CONFIGURATION

KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.9"), 443)


def services_after(director: StoppableDirector) -> tuple[VirtualService, ...]:
    (applied,) = director.applied
    assert replace(applied, services=()) == Configuration()
    return applied.services


def test_services_are_listed_with_their_connections(director: StoppableDirector, run: Run) -> None:
    assert run("service", "list").output == (
        "SERVICE           SCHEDULER  FLAGS    SERVERS  ACTIVE  INACTIVE\n"
        "tcp:192.0.2.1:80  wlc        -              2       3         2\n"
        "udp:192.0.2.1:53  sh         sh-port        0       0         0\n"
    )


@pytest.mark.parametrize(
    "words", [("tcp:192.0.2.9:443",), ("tcp", "192.0.2.9:443"), ("TCP", "192.0.2.9:443")], ids=" ".join
)
def test_a_service_is_written_as_one_word_or_two(
    words: tuple[str, ...], director: StoppableDirector, run: Run
) -> None:
    result = run("service", "add", *words, "--scheduler", "mh", "--flag", "mh-port", "--flag", "mh-fallback")
    assert (result.exit_code, result.output) == (
        0,
        "+ service tcp:192.0.2.9:443 scheduler mh flags mh-fallback,mh-port\n",
    )
    flags = frozenset({SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK})
    assert services_after(director) == (*CONFIGURATION.services, VirtualService(KEY, Scheduler.MH, flags))


def test_a_service_is_wlc_unless_told_otherwise(director: StoppableDirector, run: Run) -> None:
    run("service", "add", "tcp:192.0.2.9:443")
    assert services_after(director)[-1] == VirtualService(KEY, Scheduler.WLC)


def test_a_service_is_added_with_all_that_it_can_have(director: StoppableDirector, run: Run) -> None:
    words = ("--persistence", "600", "--persistence-mask", "24", "--timeout", "udp=7", "--one-packet")
    result = run("service", "add", "mark", "7", *words, "--timeout", "tcp_close=1")
    assert (result.exit_code, result.output) == (
        0,
        (
            "+ service mark:7 scheduler wlc persistence 600/255.255.255.0 one-packet yes "
            "timeouts tcp_close=1,udp=7\n"
        ),
    )
    assert services_after(director)[-1] == VirtualService(
        ServiceKey.of_mark(7),
        persistence=Persistence(600, IPAddress("255.255.255.0")),
        one_packet=True,
        timeouts=(("tcp_close", 1), ("udp", 7)),
    )


def test_what_a_service_has_is_listed_and_taken_away_again(director: StoppableDirector, run: Run) -> None:
    udp = "udp:192.0.2.1:53"
    run("service", "edit", udp, "--persistence", "9", "--one-packet", "--timeout", "udp=7")
    assert "  sh-port,persistent 9s,one-packet,timeouts  " in run("service", "list").output
    run("service", "edit", udp, "--persistence-mask", "24")
    assert "persistent 9s/255.255.255.0," in run("service", "list").output
    run("service", "edit", udp, "--persistence-mask", "")
    result = run("service", "edit", udp, "--persistence", "0", "--no-one-packet", "--no-timeouts")
    assert result.output == (
        f"~ service {udp} persistence 9 -> none one-packet yes -> none timeouts udp=7 -> none\n"
    )
    assert director.applied[-1] == CONFIGURATION


def test_a_service_of_a_mark_is_named_by_it(director: StoppableDirector, run: Run) -> None:
    assert run("service", "add", "mark:9").output == "+ service mark:9 scheduler wlc\n"
    assert run("service", "delete", "mark:9").output == "- service mark:9 scheduler wlc\n"
    assert run("service", "add", "mark:x").stderr == 'mark: "x" is not an integer from 0 to 4294967295\n'


def test_another_scheduler_takes_the_flags_of_the_old_one_away(director: StoppableDirector, run: Run) -> None:
    result = run("service", "edit", "udp", "192.0.2.1:53", "--scheduler", "rr")
    assert result.output == "~ service udp:192.0.2.1:53 scheduler sh -> rr flags sh-port -> none\n"
    assert services_after(director)[-1] == replace(
        CONFIGURATION.services[-1], scheduler=Scheduler.RR, flags=frozenset()
    )


def test_flags_are_replaced_and_taken_away(director: StoppableDirector, run: Run) -> None:
    replaced = run("service", "edit", "udp:192.0.2.1:53", "--flag", "sh-fallback")
    assert replaced.output == "~ service udp:192.0.2.1:53 flags sh-port -> sh-fallback\n"
    taken = run("service", "edit", "udp:192.0.2.1:53", "--no-flags")
    assert taken.output == "~ service udp:192.0.2.1:53 flags sh-fallback -> none\n"


def test_a_deleted_service_is_gone(director: StoppableDirector, run: Run) -> None:
    result = run("service", "delete", "udp:192.0.2.1:53")
    assert (result.exit_code, result.output) == (
        0,
        "- service udp:192.0.2.1:53 scheduler sh flags sh-port\n",
    )
    assert services_after(director) == CONFIGURATION.services[:1]


REFUSED = [
    (("add", "tcp", "192.0.2.1:80"), "service already exists: tcp:192.0.2.1:80"),
    (
        ("add", "tcp", "192.0.2.9:0"),
        "address: port 0 stands for all ports, and only a persistent service can have them",
    ),
    (("add", "tcp", "192.0.2.9"), f'address: "192.0.2.9" has no port; expected {AN_ENDPOINT}'),
    (
        ("add", "tcp", "192.0.2.9:80", "--scheduler", "rr", "--flag", "sh-port"),
        "flags: sh-port belongs to the scheduler sh, and this service has rr",
    ),
    (("edit", "tcp:192.0.2.9:80", "--scheduler", "rr"), "no such service: tcp:192.0.2.9:80"),
    (("delete", "tcp:192.0.2.9:80"), "no such service: tcp:192.0.2.9:80"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[" ".join(each[0]) for each in REFUSED])
def test_what_is_refused_is_a_sentence_and_changes_nothing(
    words: tuple[str, ...], sentence: str, director: StoppableDirector, run: Run
) -> None:
    result = run("service", *words)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{sentence}\n")
    assert director.applied == []


WRONG = [
    (("edit", "tcp:192.0.2.1:80"), "name what to change"),
    (
        ("edit", "tcp:192.0.2.1:80", "--no-flags", "--flag", "sh-port"),
        "--flag and --no-flags exclude each other",
    ),
    (("list", "more"), "Got unexpected extra argument (more)"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG, ids=[" ".join(each[0]) for each in WRONG])
def test_a_wrong_command_line_is_no_request(
    words: tuple[str, ...], sentence: str, director: StoppableDirector, run: Run
) -> None:
    result = run("service", *words)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {sentence}")
    assert director.applied == []


def test_json_is_the_answer_of_the_api(director: StoppableDirector, run: Run) -> None:
    assert run("service", "delete", "udp:192.0.2.1:53", "--json").output == (
        "{\n"
        '  "changes": [\n'
        "    {\n"
        '      "kind": "service-removed",\n'
        '      "text": "- service udp:192.0.2.1:53 scheduler sh flags sh-port",\n'
        '      "needs_restart": false\n'
        "    }\n"
        "  ]\n"
        "}\n"
    )
