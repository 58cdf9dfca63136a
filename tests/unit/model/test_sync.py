# SPDX-License-Identifier: Apache-2.0
"""What follows from how a synchronisation daemon is asked for."""

from __future__ import annotations

from netaddr import IPAddress

from director.model.sync import SyncDaemon, SyncRole


def test_a_datagram_fits_ethernet_whatever_the_family_of_the_group() -> None:
    six = SyncDaemon(SyncRole.MASTER, "eth1", group=IPAddress("ff02::51"))
    assert (SyncDaemon(SyncRole.MASTER, "eth1").longest, six.longest) == (1472, 1452)


def test_a_length_that_is_given_is_kept() -> None:
    assert SyncDaemon(SyncRole.BACKUP, "eth1", maxlen=9000).longest == 9000
