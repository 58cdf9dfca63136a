# SPDX-License-Identifier: Apache-2.0
"""Asking with ARP: in a namespace of its own, with nobody and with somebody there to answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from netaddr import IPAddress
from pyroute2 import NetNS, netns

from realserver.arp import ask_ourselves, ask_segment
from realserver.evidence import Answers, OwnAnswers
from realserver.host import Host
from realserver.settings import Interface
from tests.needs import needs

pytestmark = needs("root", "netns", "veth", "packet-socket", "tun")

VIP, NOBODY, PEER = IPAddress("192.0.2.1"), IPAddress("192.0.2.9"), IPAddress("10.0.0.1")


@pytest.fixture
def interface() -> Iterator[Interface]:
    """Enter a namespace with one end of a cable; the other end, in another, has PEER."""
    names = [f"rsarp{os.getpid()}-{end}" for end in ("here", "there")]
    for name in names:
        netns.create(name)
    try:
        with NetNS(names[0]) as here, NetNS(names[1]) as there:
            here.link("add", ifname="eth0", kind="veth", peer={"ifname": "eth0", "net_ns_fd": names[1]})
            for end, address in ((here, "10.0.0.2"), (there, str(PEER))):
                index = end.link_lookup(ifname="eth0")[0]
                end.addr("add", index=index, address=address, prefixlen=24)
                end.link("set", index=index, state="up")
        netns.pushns(names[0])
        try:
            with Host() as host:
                found = host.observe().interface("eth0")
            assert found is not None
            yield found
        finally:
            netns.popns()
    finally:
        for name in names:
            netns.remove(name)


def test_segment_answers_for_what_it_has_and_for_nothing_else(interface: Interface) -> None:
    answers = ask_segment(interface, (PEER, NOBODY, IPAddress("2001:db8::1")))
    assert {address: len(macs) for address, macs in answers.by_address.items()} == {PEER: 1, NOBODY: 0}
    assert interface.mac not in answers.by_address[PEER]


def test_this_kernel_answers_for_an_address_of_lo_until_it_is_silenced(interface: Interface) -> None:
    with NetNS(f"rsarp{os.getpid()}-here") as here:
        here.addr("add", index=1, address=str(VIP), prefixlen=32)
        here.link("set", index=1, state="up")
    ignore = Path("/proc/sys/net/ipv4/conf/eth0/arp_ignore")
    heard = []
    for value in ("0", "1", "2", "3", "8"):
        ignore.write_text(value)
        heard.append(ask_ourselves(interface, (VIP, NOBODY)))
    loud, silent = OwnAnswers(frozenset({VIP})), OwnAnswers()
    assert heard == [loud, silent, silent, loud, silent]
    assert [
        each.name for each in Path("/proc/sys/net/ipv4/conf").iterdir() if each.name.startswith("rsask")
    ] == []


def test_what_is_no_ethernet_cannot_be_asked(interface: Interface) -> None:
    with Host() as host:
        loopback = host.observe().interface("lo")
    assert loopback is not None
    assert ask_segment(loopback, (VIP,)) == Answers(fault="lo is no Ethernet: nobody can be asked there")
