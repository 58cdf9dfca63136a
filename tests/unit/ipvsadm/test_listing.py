# SPDX-License-Identifier: Apache-2.0
"""What -L is asked for."""

from __future__ import annotations

import pytest
from netaddr import IPAddress

from director.ipvsadm import commands
from director.ipvsadm.commands import ListConnections, ListTable, Numbers, Order, View, Writing
from director.model.service import Protocol, ServiceKey
from tests.unit.ipvsadm.words import parsed, refusal

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("", ListTable()),
        ("-n -t 192.0.2.1:80", ListTable(WEB, writing=Writing.NUMERIC)),
        ("--rate --exact", ListTable(view=View.RATES, numbers=Numbers.EXACT)),
        ("--rate --stats --tun-info", ListTable(view=View.STATS)),
        ("--tun-info --persistent-conn", ListTable(view=View.PERSISTENT)),
        ("--nosort --sort", ListTable(order=Order.AS_IT_IS)),
        ("-c", ListConnections()),
        ("-n -c --persistent-conn", ListConnections(Writing.NUMERIC, engines=True)),
        ("--timeout --tun-info", commands.ListTimeouts()),
        ("--daemon -n", commands.ListDaemons()),
    ],
)
def test_a_listing_is_what_the_options_say(options: str, wanted: commands.Command) -> None:
    assert parsed(f"-L {options}") == wanted


def test_one_thing_is_listed_at_a_time() -> None:
    words = "The option 'daemon' conflicts with the 'timeout' option in the 'list' command"
    assert refusal("-L --daemon --timeout") == (words, 2)
    assert refusal("-L -c --stats") == ("options conflicts in the list command", 2)
    assert refusal("-L --timeout --persistent-conn") == ("options conflicts in the list command", 2)
