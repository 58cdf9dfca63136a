# SPDX-License-Identifier: Apache-2.0
"""The announcements, byte for byte as RFC 5227 and RFC 4861 describe them."""

from netaddr import EUI, IPAddress

from director.host.announce import announcement


def test_an_announcement_is_a_broadcast_request_for_the_address_by_its_holder() -> None:
    wanted = "ffffffffffff 020000000001 08060001 0800 06 04 0001020000000001 c0000201000000000000 c0000201"
    assert announcement(EUI("02-00-00-00-00-01"), IPAddress("192.0.2.1")) == bytes.fromhex(wanted)


def test_an_ipv6_address_is_advertised_to_all_nodes_and_overrides_what_they_know() -> None:
    header = "333300000001 020000000001 86dd 60000000 0020 3a ff"
    addresses = "20010db8000000000000000000000001 ff020000000000000000000000000001"
    message = "88 00 f92a 20000000 20010db8000000000000000000000001 0201 020000000001"
    made = announcement(EUI("02-00-00-00-00-01"), IPAddress("2001:db8::1"))
    assert made.hex() == (header + addresses + message).replace(" ", "")
