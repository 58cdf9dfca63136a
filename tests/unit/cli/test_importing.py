# SPDX-License-Identifier: Apache-2.0
"""`director config import`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netaddr import IPAddress

from director.config.load import load
from director.model.service import Destination, ForwardingMethod, ServiceKey, VirtualService
from tests.unit.cli.conftest import Run
from tests.unit.cli.running import StoppableDirector
from tests.unit.control.fake import DNS, FIRST, SECOND, WEB

DR = ForwardingMethod.DR
NEW = ServiceKey(WEB.protocol, WEB.address, 90)
RULES = (
    "-A -t 192.0.2.1:80 -s rr\n"
    "-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 9\n"
    "-a -t 192.0.2.1:80 -r 10.0.0.7:80 -g -w 2\n"
    "-A -t 192.0.2.1:90 -s wlc --pe sip\n"
)
LEFT = "rules:4: persistence engine sip: there is none here"


def written(tmp_path: Path, text: str = RULES) -> Path:
    path = tmp_path / "rules"
    path.write_text(text)
    return path


def test_a_configuration_is_printed_and_what_is_left_is_said(run: Run, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path)))
    assert done.exit_code == 0
    assert [service.key for service in load(done.stdout).services] == [WEB, NEW]
    assert done.stderr.strip().endswith(LEFT)


def test_with_strict_what_is_left_is_a_failure(run: Run, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path)), "--strict")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("rules: 1 not taken over")


def test_an_import_is_merged_into_what_runs(run: Run, director: StoppableDirector, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path)), "--apply")
    assert done.exit_code == 0, done.stderr
    web, dns, new = director.current.services
    seventh = Destination(IPAddress("10.0.0.7"), 80, DR, 2)
    assert (web.scheduler.value, web.destinations) == (
        "rr",
        (Destination(FIRST.address, 80, DR, 9), SECOND, seventh),
    )
    assert (dns.key, new) == (DNS, VirtualService(NEW))


def test_an_import_is_merged_beside_a_service_of_a_mark(
    run: Run, director: StoppableDirector, tmp_path: Path
) -> None:
    marked = VirtualService(ServiceKey.of_mark(7, 4))
    director.current = replace(director.current, services=(marked,))
    done = run("config", "import", str(written(tmp_path, "-A -t 192.0.2.1:90 -s wlc\n")), "--apply")
    assert done.exit_code == 0, done.stderr
    assert director.current.services == (marked, VirtualService(NEW))


def test_that_a_mark_needs_rules_is_said(run: Run, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path, "-A -f 7 -6 -s wlc\n")), "--strict")
    assert done.exit_code == 0
    assert done.stderr.strip().endswith(
        "rules: mark6:7: the firewall's rules say which packets have the mark, and not this file; "
        "here it is told by `director mark add 7 NETWORK` or [[mark]]"
    )


def test_a_file_of_no_format_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path, "hello\n")))
    assert done.exit_code == 1
    assert "no virtual service is in it" in done.stderr


def test_the_format_may_be_named(run: Run, tmp_path: Path) -> None:
    done = run("config", "import", str(written(tmp_path, "hello\n")), "--format", "ldirectord")
    assert (done.exit_code, done.stdout.strip()) == (0, "")
    assert done.stderr.strip().endswith("rules:1: not a line of ldirectord's")
