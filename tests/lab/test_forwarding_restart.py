# SPDX-License-Identifier: Apache-2.0
"""A director with its programs in the kernel is killed, stopped and started under load, and none notices."""

from __future__ import annotations

import json
import signal
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import Process, Wires
from tests.lab.forwarding import DEADLINE, NEEDS, RUN, WEIGHTS, Stage, Venue, configuration, eventually, venue
from tests.lab.test_forwarding_crash import end, traces
from tests.needs import needs

pytestmark = [pytest.mark.lab, NEEDS, needs("ethtool")]

LOAD = Path(__file__).parent / "restart_load.py"
PORT = 7007
PORTS = (("tcp", PORT), ("udp", PORT))
METHODS = ("dr", "tun", "nat")
UNHURT = {"failed": 0, "moved": 0, "sent again": 0, "datagrams lost": 0}
HEARD = 100
"""Packets that the programs must have counted after an event, so that it is said to have been under load."""


@pytest.fixture(scope="module")
def place() -> Iterator[Venue]:
    """A lab with what answers the load at each real server."""
    with venue("mixed") as it:
        for name in WEIGHTS:
            node = it.lab.node(name)
            own = (way.server(name) if way.method == "nat" else way.vip for way in it.ways)
            node.start((sys.executable, str(LOAD), "serve", str(PORT), name, *own), log="load")
            node.wait_port("tcp", "0.0.0.0", PORT, deadline=DEADLINE)
        yield it


@pytest.fixture(scope="module", params=["tc", "xdp"])
def kept(place: Venue, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A director whose tables outlive it, with wires that are good for either program."""
    with place.directed(*RUN, "--datapath", request.param, wires=Wires.PLAIN) as it:
        it.apply(configuration(it.ways, ports=PORTS))
        yield it


@contextmanager
def load(it: Stage) -> Iterator[Process]:
    """Ask each VIP without a pause; at the end nothing may have been lost, moved or refused."""
    vips = [it.way(method).vip for method in METHODS]
    with it.client.start(
        (sys.executable, str(LOAD), "ask", str(PORT), *vips), log=f"load{id(vips)}"
    ) as asking:
        hear(it)
        yield asking
        hear(it)
        asking.signal(signal.SIGTERM)
        asking.wait(timeout=DEADLINE)
        found = json.loads(asking.log.read_text().splitlines()[-1])
    for vip in vips:
        hurt = {name: count for name, count in found[vip].items() if name in UNHURT}
        assert hurt == UNHURT, f"{vip}: {found[vip]}"
        assert min(count for name, count in found[vip].items() if name not in UNHURT) >= HEARD


def hear(it: Stage) -> None:
    """Wait until the director has counted more packets of the load."""
    before = forwarded(it)
    eventually(lambda: forwarded(it) >= before + HEARD, lambda: f"no load: {it.reasons()}")


def forwarded(it: Stage) -> int:
    return sum(count for reason, count in it.reasons().items() if reason in ("hit", "new"))


def kill(it: Stage) -> None:
    end(it, signal.SIGKILL)


def leave(it: Stage) -> None:
    said = it.director("stop", "--leave-running")
    assert said == "forwarding goes on: `director run` takes it over, `director cleanup` ends it\n"
    it.directors[-1].wait(timeout=DEADLINE)
    it.directors[-1].stop()


def upgrade(it: Stage) -> None:
    """End as a service manager ends a director that it starts again."""
    end(it, signal.SIGUSR1)


ENDINGS: tuple[Callable[[Stage], None], ...] = (kill, leave, upgrade)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_a_restart_under_load_loses_nothing_and_moves_nobody(
    kept: Stage, ending: Callable[[Stage], None]
) -> None:
    with load(kept):
        ending(kept)
        left = traces(kept)
        kept.start()
        assert kept.carried_by() == {datapath(kept)}
    assert left >= {"address", "clsact", "filter", *program(kept)}
    assert keeping(kept)["taken_over"] is True


def test_killed_again_and_again_in_the_midst_of_its_start_it_loses_nothing(kept: Stage) -> None:
    """At other moments each time: from before it has read anything until it is nearly ready."""
    with load(kept):
        kill(kept)
        for seen in ("", "tables taken over", "interface taken", "director ready"):
            cut_short(kept, seen)
        kept.start()
    assert keeping(kept)["taken_over"] is True


def cut_short(it: Stage, seen: str) -> None:
    """Start a director and kill it as soon as its log says this; at once where it never does."""
    node = it.lab.node("director")
    process = node.start(it.command, log=f"cut-{seen.replace(' ', '-').strip('.')}")
    if " " in seen:
        eventually(lambda: seen in process.log.read_text(), lambda: f"not said: {process.tail()}")
    process.signal(signal.SIGKILL)
    process.wait(timeout=DEADLINE)
    process.stop()


def test_counters_and_active_connections_go_on_where_they_were(kept: Stage) -> None:
    with load(kept):
        kill(kept)
        kept.start()
        now = stats(kept)
    eventually(lambda: stats(kept) != now)
    service = next(one for one in now if one["service"] == f"tcp:{kept.way('dr').vip}:{PORT}")
    assert service["counters"]["packets_in"] > HEARD
    active = sum(one["active"] for one in service["destinations"])
    assert active >= 4, "the connections that are held open are active"
    listed = json.loads(
        kept.director("connections", "--service", service["service"], "--state", "established", "--json")
    )
    assert listed["total"] <= active + 4


def test_a_configuration_that_changed_meanwhile_is_an_edit(kept: Stage) -> None:
    """A server that is gone, one that is quiesced, a service that is new: nobody else notices."""
    quiet = {**WEIGHTS, "rs3": 0}
    with load(kept):
        kill(kept)
        kept.write(configuration(kept.ways, quiet, ports=(*PORTS, ("tcp", 80))))
        kept.start()
        assert set(kept.curl(kept.way("dr").vip, 20)) == {"rs1", "rs2"}
        kill(kept)
        kept.write(configuration(kept.ways, ports=PORTS))
        kept.start()


def test_without_a_file_what_was_in_force_goes_on(kept: Stage) -> None:
    """Also what was changed live: nobody but the director knew of it."""
    node, way = kept.lab.node("director"), kept.way("dr")
    with load(kept):
        kept.director("server", "edit", f"tcp:{way.vip}:{PORT}", way.server("rs3"), "--weight", "0")
        before = kept.director("config", "show")
        kill(kept)
        kept.directors.append(node.start(("director", "run", "--datapath", datapath(kept)), log="director"))
        eventually(lambda: node.run(("director", "status")).returncode == 0)
        after = kept.director("config", "show")
        kill(kept)
        kept.start()
    assert after == before


def test_a_failed_start_leaves_forwarding_as_it_was(kept: Stage) -> None:
    with load(kept):
        kill(kept)
        kept.write("[[service]]\nprotocol = 7\n")
        done = kept.lab.node("director").run(("director", "run", "--config", "/run/test.toml"))
        assert (done.returncode, "configuration refused" in done.stderr) == (1, True)
        kept.write(configuration(kept.ways, ports=PORTS))
        kept.start()


def test_other_programs_take_the_tables_of_those_before_over(kept: Stage) -> None:
    other = {"tc": "xdp", "xdp": "tc"}[datapath(kept)]
    with load(kept):
        for each in (other, datapath(kept)):
            kill(kept)
            by(kept, each).start()
            assert kept.carried_by() == {each}
            assert traces(kept) & {"program"} == ({"program"} if each == "xdp" else set())


def test_tables_of_another_layout_are_given_up_with_one_sentence(kept: Stage) -> None:
    leave(kept)
    record = kept.lab.node("director").run_directory / "director" / "control.sock.tables"
    first, *others = record.read_text().splitlines(keepends=True)
    header = {**json.loads(first[9:]), "memory": "0"}
    record.write_text(line(header) + "".join(others))
    kept.start()
    assert said(kept, "connections given up") == ["this version of the director keeps them in another way"]
    assert kept.curl(kept.way("dr").vip, 1).total() == 1
    assert keeping(kept)["taken_over"] is False


@pytest.mark.parametrize("left", [b"", b"\xff" * 999], ids=["empty", "noise"])
def test_a_record_that_is_garbage_is_given_up_and_replaced(kept: Stage, left: bytes) -> None:
    leave(kept)
    record = kept.lab.node("director").run_directory / "director" / "control.sock.tables"
    record.write_bytes(left)
    kept.start()
    (sentence,) = said(kept, "connections given up")
    assert sentence.startswith("not a record of the director's tables")
    kill(kept)
    kept.start()
    assert keeping(kept)["taken_over"] is True


@pytest.mark.parametrize("ending", [kill, leave], ids=lambda ending: ending.__name__)
def test_cleanup_leaves_nothing(kept: Stage, ending: Callable[[Stage], None]) -> None:
    ending(kept)
    standing = pins(kept)
    kept.director("cleanup")
    gone = traces(kept), pins(kept), files(kept)
    kept.start()
    assert (len(standing), gone) == (1, (set(), [], []))


def test_a_clean_stop_leaves_nothing(kept: Stage) -> None:
    end(kept, signal.SIGTERM)
    gone = traces(kept), pins(kept), files(kept)
    kept.start()
    assert gone == (set(), [], [])


def test_packet_can_not_take_over_and_says_so(kept: Stage) -> None:
    leave(kept)
    packet = by(kept, "packet")
    packet.start()
    assert said(packet, "connections given up") == ["the data path `packet` can not take tables over"]
    refused = kept.lab.node("director").run(("director", "stop", "--leave-running"))
    assert refused.returncode == 1
    assert "the data path `packet` ends with its process" in refused.stderr
    assert (traces(kept) & {"program"}, pins(kept)) == (set(), [])
    end(kept, signal.SIGTERM)
    kept.start()


def datapath(it: Stage) -> str:
    return it.command[-1]


def by(it: Stage, kind: str) -> Stage:
    """Return the same stage, on which the next director has another data path."""
    return replace(it, command=(*it.command[:-1], kind))


def program(it: Stage) -> set[str]:
    return {"program"} if datapath(it) == "xdp" else set()


def keeping(it: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(it.director("status", "--json"))["keeping"]
    return found


def stats(it: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(it.director("stats", "--json"))["services"]
    return found


def said(it: Stage, event: str) -> list[str]:
    """Return why, for each line of this kind in the log of the director that runs."""
    last = it.directors[-1].log.read_text().rpartition("interface taken")[0]
    lines = last.rpartition("director stopped")[2].splitlines()
    return [line.partition("why=")[2].strip("'\"") for line in lines if event in line]


def pins(it: Stage) -> list[str]:
    shown = it.lab.node("director").output_of(("ls", "/sys/fs/bpf")).split()
    return [name for name in shown if name.startswith("director-")]


def files(it: Stage) -> list[str]:
    directory = it.lab.node("director").run_directory / "director"
    return [path.name for path in directory.iterdir()] if directory.exists() else []


def line(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x} {text}\n"
