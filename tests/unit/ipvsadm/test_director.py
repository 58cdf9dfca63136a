# SPDX-License-Identifier: Apache-2.0
"""A director asked over its control API, and its refusals in the kernel's words."""

from __future__ import annotations

from pathlib import Path

import pytest
from netaddr import IPAddress

from director.control.client import Client
from director.ipvsadm.commands import AddServer, AddService, EditService, SetTimeouts
from director.ipvsadm.director import Director, EditRefusedError, is_interface, is_unicast
from director.ipvsadm.errors import RefusalError
from director.model.service import Destination, ForwardingMethod, Protocol, ServiceKey, VirtualService

WEB = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
SERVER = Destination(IPAddress("10.0.0.2"), 80, ForwardingMethod.DR)


def test_edits_are_done_together(asked: Director) -> None:
    asked.edit([AddService(VirtualService(WEB)), AddServer(WEB, SERVER), SetTimeouts(0, 7, 9)])
    (listed,) = asked.services().services
    assert (listed.service.key, [each.server for each in listed.servers]) == (WEB, [SERVER])
    assert asked.timeouts() == (900, 7, 9)


def test_of_several_edits_the_bad_one_is_named_and_none_is_done(asked: Director) -> None:
    with pytest.raises(EditRefusedError, match="Destination already exists") as error:
        asked.edit([AddService(VirtualService(WEB)), AddServer(WEB, SERVER), AddServer(WEB, SERVER)])
    assert (error.value.index, asked.services().services) == (2, ())


def test_a_missing_service_has_two_names(asked: Director) -> None:
    with pytest.raises(EditRefusedError, match=r"^No such service$"):
        asked.edit([EditService(VirtualService(WEB))])
    with pytest.raises(EditRefusedError, match=r"^Service not defined$"):
        asked.edit([AddServer(WEB, SERVER)])
    with pytest.raises(RefusalError, match=r"^No such service$") as error:
        asked.service(WEB)
    assert error.value.status == 1
    with pytest.raises(RefusalError, match=r"^No such service$"):
        asked.zero(WEB)


def test_where_no_director_is_that_is_said_as_where_no_ipvs_is(tmp_path: Path) -> None:
    with pytest.raises(RefusalError) as error:
        Director(Client(tmp_path / "none")).services()
    first, second = str(error.value).splitlines()
    assert first.startswith("Can't initialize ipvs: cannot reach the director at ")
    assert (second, error.value.status) == ("Are you sure that the director is running here?", 2)


def test_a_kernel_takes_unicast_addresses_for_servers() -> None:
    good = ("10.0.0.2", "127.0.0.1", "223.255.255.255", "2001:db8::1", "::1")
    bad = ("0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "fe80::1")
    assert [is_unicast(IPAddress(each)) for each in good + bad] == [True] * 5 + [False] * 6


def test_an_interface_is_known_by_name() -> None:
    assert is_interface("lo")
    assert not is_interface("")
    assert not is_interface("no/such/interface/here")
    assert not is_interface("a\0b")


def test_no_connections_are_none(asked: Director) -> None:
    assert list(asked.connections()) == []
