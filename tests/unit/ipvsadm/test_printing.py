# SPDX-License-Identifier: Apache-2.0
"""Listings with numbers in them; those of an idle table are in tests/interop/ipvsadm."""

from __future__ import annotations

import pytest
from netaddr import IPAddress

from director.ipvsadm import printing
from director.ipvsadm.commands import ListTable, Numbers, View, Writing
from director.ipvsadm.wire import ListedServer, ListedService
from director.ipvsadm.writing import Pen
from director.model.counters import Counters, Rates
from director.model.service import Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole
from tests.unit.ipvsadm.words import NAMES

PEN = Pen(Writing.NUMERIC, NAMES)
KEY = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
SERVER = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)
COLUMNS = "pro expire state       source             virtual            destination"
EXACT = (
    "TCP  192.0.2.1:80                 100000000000 99999999999999 100000000000000 "
    "18446744073709551615 123456789"
)
BUSY = ListedService(
    VirtualService(KEY),
    (
        ListedServer(
            SERVER, 5, 12, 3, Counters(0, 99_999_999, 999_999_999, 100_000_000, 10**9), Rates(0.4, 0.5, 1.5)
        ),
    ),
    Counters(10**11, 10**14 - 1, 2**64 - 1, 10**14, 123_456_789),
    Rates(1.0, 2.0, 3.0, 4.0, 5.0),
)


def lines(view: View, numbers: Numbers = Numbers.SHORT) -> list[str]:
    return list(printing.table((BUSY,), ListTable(view=view, numbers=numbers), 4096, PEN))[3:]


@pytest.mark.parametrize(
    ("view", "numbers", "wanted"),
    [
        (
            View.SCHEDULERS,
            Numbers.SHORT,
            [
                "TCP  192.0.2.1:80 wlc",
                "  -> 10.0.0.2:80                  Route   1      5          12        ",
            ],
        ),
        (
            View.PERSISTENT,
            Numbers.SHORT,
            [
                "TCP  192.0.2.1:80 wlc",
                "  -> 10.0.0.2:80                  1         3           5          12        ",
            ],
        ),
        (
            View.STATS,
            Numbers.SHORT,
            [
                "TCP  192.0.2.1:80                     100G   99999G     100T18446744T  123456K",
                "  -> 10.0.0.2:80                         0 99999999  100000K  999999K    1000M",
            ],
        ),
        (
            View.STATS,
            Numbers.EXACT,
            [
                EXACT,
                "  -> 10.0.0.2:80                         0 99999999 100000000 999999999 1000000000",
            ],
        ),
        (
            View.RATES,
            Numbers.SHORT,
            [
                "TCP  192.0.2.1:80                        1        2        4        3        5",
                "  -> 10.0.0.2:80                         0        1        0        2        0",
            ],
        ),
    ],
)
def test_numbers_stand_in_their_columns(view: View, numbers: Numbers, wanted: list[str]) -> None:
    assert lines(view, numbers) == wanted


def test_a_connection_is_written_with_minutes_and_seconds() -> None:
    values = {
        "protocol": "tcp",
        "client": "198.51.100.1:40001",
        "virtual": "192.0.2.1:80",
        "destination": "10.0.0.2:80",
        "state": "SYN_RECV",
        "expires_in": 59.9,
    }
    assert (
        printing.connection(values, PEN)
        == "TCP 00:59  SYN_RECV    198.51.100.1:40001 192.0.2.1:80       10.0.0.2:80"
    )
    six = {**values, "protocol": "udp", "client": "[2001:db8::1]:4001", "state": "UDP", "expires_in": 7200}
    assert (
        printing.connection(six, PEN)
        == "UDP 120:00 UDP         [2001:db8::1]:4001 192.0.2.1:80       10.0.0.2:80"
    )


def test_a_template_of_a_mark_has_no_protocol() -> None:
    values = {
        "protocol": "ip",
        "client": "198.51.100.1:0",
        "virtual": "0.0.0.7:0",
        "destination": "10.0.0.2:80",
        "state": "NONE",
        "expires_in": 99.0,
    }
    wanted = "IP  01:39  NONE        198.51.100.1:0     0.0.0.7:0          10.0.0.2:80"
    assert printing.connection(values, PEN) == wanted


def test_the_head_of_connections_may_have_columns_for_engines() -> None:
    assert list(printing.connections_head(engines=True)) == [
        "IPVS connection entries",
        f"{COLUMNS}        pe name          pe_data",
    ]


def test_a_daemon_is_written_with_all_it_was_told() -> None:
    group = IPAddress("224.0.0.99")
    assert (
        printing.daemon(SyncDaemon(SyncRole.BACKUP, "lo", 5, 1024, group, 9999, 5))
        == "backup sync daemon (mcast=lo, syncid=5, maxlen=1024, group=224.0.0.99, port=9999, ttl=5)"
    )
