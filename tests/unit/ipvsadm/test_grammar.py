# SPDX-License-Identifier: Apache-2.0
"""Command lines and the commands they are; two thousand more are in tests/interop/ipvsadm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.ipvsadm import commands
from director.ipvsadm.errors import IpvsadmError
from director.ipvsadm.grammar import parse
from director.ipvsadm.options import SWITCHES
from director.model.connection import Endpoint
from director.model.service import (
    Destination,
    ForwardingMethod,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.sync import SyncDaemon, SyncRole
from tests.unit.ipvsadm.words import NAMES, parsed, refusal

VIP = IPAddress("192.0.2.1")
FULL_BACKUP = (
    "--start-daemon backup --mcast-interface eth1 --syncid 7 --sync-maxlen 1400 --mcast-group ff02::5"
    " --mcast-port 9000 --mcast-ttl 4"
)
WEB = ServiceKey(Protocol.TCP, VIP, 80)
RS = IPAddress("10.0.0.2")
DR, TUN, NAT = ForwardingMethod


def test_a_service_is_wlc_where_nothing_is_said() -> None:
    assert parsed("-A -t 192.0.2.1:80") == commands.AddService(VirtualService(WEB))


def test_a_service_has_all_that_is_said() -> None:
    service = VirtualService(
        ServiceKey(Protocol.UDP, VIP, 53),
        Scheduler.SH,
        frozenset({SchedulerFlag.SH_PORT}),
        persistence=Persistence(60, IPAddress("255.255.255.0")),
        one_packet=True,
    )
    line = "-E -u 192.0.2.1:domain -s sh -b sh-port -p 60 -M 255.255.255.0 -o"
    assert parsed(line) == commands.EditService(service)


def test_an_unknown_scheduler_is_for_the_director_to_refuse() -> None:
    service = VirtualService(WEB, Scheduler.NONE)
    assert parsed("-A -t 192.0.2.1:80 -s no-such") == commands.AddService(service, unknown=True)
    assert parsed("-A -t 192.0.2.1:80 --pe sip") == commands.AddService(VirtualService(WEB), unknown=True)


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("-r 10.0.0.2", Destination(RS, 80, DR)),
        ("-r 10.0.0.2:8080", Destination(RS, 80, DR)),
        ("-r 10.0.0.2:8080 -m -w 0", Destination(RS, 8080, NAT, 0)),
        ("-r 10.0.0.2 -m", Destination(RS, 80, NAT)),
        ("-r 10.0.0.2 -x 9 -y 3", Destination(RS, 80, DR, 1, 9, 3)),
        ("-r 10.0.0.2 -i", Destination(RS, 80, TUN)),
        (
            "-r 10.0.0.2 -i --tun-type gue --tun-port 6080 --tun-csum",
            Destination(RS, 80, TUN, tunnel=Tunnel(TunnelType.GUE, 6080, TunnelChecksum.CHECKSUM)),
        ),
    ],
)
def test_a_server_has_the_services_port_unless_nat_gives_it_another(line: str, server: Destination) -> None:
    assert parsed(f"-a -t 192.0.2.1:80 {line}") == commands.AddServer(WEB, server)


def test_a_server_of_a_mark_keeps_its_port() -> None:
    assert parsed("-a -f 7 -6 -r 10.0.0.2:80 -i") == commands.AddServer(
        ServiceKey.of_mark(7, 6), Destination(RS, 80, TUN)
    )


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("-D -t 192.0.2.1:80", commands.DeleteService(WEB)),
        ("-d -t 192.0.2.1:80 -r 10.0.0.2:81", commands.DeleteServer(WEB, Endpoint(RS, 81))),
        ("-C", commands.Clear()),
        ("-Z", commands.Zero()),
        ("-Z -t 192.0.2.1:80", commands.Zero(WEB)),
        ("-S -n", commands.Save(commands.Writing.NUMERIC)),
        ("-S", commands.Save(commands.Writing.NAMED)),
        ("-R", commands.Restore()),
        ("--set 1 0 3", commands.SetTimeouts(1, 0, 3)),
        ("-h -Q", commands.Help()),
        ("-v", commands.Version()),
        ("--stop-daemon backup", commands.StopDaemon(SyncRole.BACKUP)),
        ("--start-daemon master", commands.StartDaemon(SyncDaemon(SyncRole.MASTER, "eth0"))),
        (
            FULL_BACKUP,
            commands.StartDaemon(SyncDaemon(SyncRole.BACKUP, "eth1", 7, 1400, IPAddress("ff02::5"), 9000, 4)),
        ),
    ],
)
def test_each_command_is_a_value(line: str, command: commands.Command) -> None:
    assert parsed(line) == command


def test_no_word_at_all_lists_the_table() -> None:
    assert parse("ipvsadm", (), NAMES) == commands.ListTable()


def test_the_way_to_the_help_names_the_program() -> None:
    with pytest.raises(IpvsadmError, match=r"Try `/sbin/x -h' or '/sbin/x --help' for more information."):
        parse("/sbin/x", ["-n"], NAMES)


def test_mistakes_are_named_in_ipvsadms_order() -> None:
    assert refusal("-A -w x extra -Q") == ("illegal weight specified", 2)
    assert refusal("-A -w 1 extra -Q") == ("-Q: unknown option", 255)
    assert refusal("-A -w 1 extra") == ("unexpected argument extra", 2)
    assert refusal("-A -w 1") == (
        "You need to supply the 'service-address' option for the 'add-service' command",
        2,
    )
    assert refusal("-A -w 1 -t 192.0.2.1") == ("Illegal 'weight' option with the 'add-service' command", 2)
    assert refusal("-A -t 192.0.2.1") == ("Zero port specified for non-persistent service", 2)


SOME = [*(f"-{each.short}" for each in SWITCHES if each.short), *(f"--{each.long}" for each in SWITCHES)]
VALUES = ["192.0.2.1:80", "10.0.0.2", "3", "rr", "x", "", "-5", "sh-port", "gue", "255.255.255.0", "master"]


@given(st.lists(st.sampled_from(SOME + VALUES), max_size=8))
def test_any_line_is_a_command_or_refused_with_a_sentence(words: list[str]) -> None:
    try:
        said = str(parse("ipvsadm", words, NAMES))
    except IpvsadmError as error:
        said = str(error)
    assert said.strip()
