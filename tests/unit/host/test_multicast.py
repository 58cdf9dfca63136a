# SPDX-License-Identifier: Apache-2.0
"""Multicast sockets on a link of two namespaces."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest
from netaddr import IPAddress
from pyroute2 import IPRoute

from director.host.multicast import RECEIVE_BUFFER, listening, speaking
from director.model.sync import SyncDaemon, SyncRole
from tests.lab.segment import DEADLINE, Segment, segment
from tests.needs import needs

pytestmark = needs("root", "netns", "veth")

FOUR = SyncDaemon(SyncRole.MASTER, "eth0", ttl=5)
AGAIN = 0.1
SIX = SyncDaemon(SyncRole.MASTER, "eth0", group=IPAddress("ff02::51"), port=9000)


def index() -> int:
    return socket.if_nametoindex("eth0")


def heard(here: Segment, daemon: SyncDaemon) -> tuple[bytes, bool]:
    """Send from here; return what the peer heard, and whether a listener here heard it too."""
    own = listening(daemon, index(), 0)
    with here.peer():
        theirs = listening(daemon, index(), 0)
    speaker = speaking(daemon, index(), 1 << 20)
    theirs.settimeout(AGAIN)
    for _ in range(round(DEADLINE / AGAIN)):  # a link that just came up has no IPv6 for a moment
        speaker.send(b"told")
        with suppress(TimeoutError):
            said = theirs.recv(100)
            break
    else:
        raise TimeoutError
    try:
        own.recv(100)
    except BlockingIOError:
        is_own_heard = False
    else:
        is_own_heard = True
    assert own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * RECEIVE_BUFFER
    for each in (own, theirs, speaker):
        each.close()
    return said, is_own_heard


def test_what_is_said_is_heard_by_others_and_not_by_oneself() -> None:
    with segment() as here:
        assert heard(here, FOUR) == (b"told", False)


def test_an_ipv6_group_does_as_well() -> None:
    with segment() as here:
        with IPRoute() as kernel:
            kernel.addr("add", index=index(), address="fe80::9:1", prefixlen=64, flags=0x02)  # no detection
        assert heard(here, SIX) == (b"told", False)


@pytest.mark.parametrize("opener", [speaking, listening], ids=["speaking", "listening"])
def test_an_interface_that_is_not_there_is_refused(opener: object) -> None:
    with segment(), pytest.raises(OSError, match="No such device"):
        opener(SyncDaemon(SyncRole.MASTER, "eth9"), 99, 0)  # type: ignore[operator]


def test_a_datagram_travels_as_far_as_it_is_told() -> None:
    with segment() as here:
        tap = here.peer_socket()
        speaker = speaking(FOUR, index(), 0)
        speaker.send(b"told")
        while (frame := tap.recv(2000))[12:14] != b"\x08\0" or frame[23] != socket.IPPROTO_UDP:
            pass
        speaker.close()
        tap.close()
        assert (frame[22], frame[30:34]) == (5, FOUR.group.packed)
