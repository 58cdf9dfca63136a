# SPDX-License-Identifier: Apache-2.0
"""The ARP announcement, byte for byte as RFC 5227 describes it."""

from netaddr import EUI, IPAddress

from director.host.announce import announcement


def test_an_announcement_is_a_broadcast_request_for_the_address_by_its_holder() -> None:
    wanted = "ffffffffffff 020000000001 08060001 0800 06 04 0001020000000001 c0000201000000000000 c0000201"
    assert announcement(EUI("02-00-00-00-00-01"), IPAddress("192.0.2.1")) == bytes.fromhex(wanted)
