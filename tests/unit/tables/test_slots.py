# SPDX-License-Identifier: Apache-2.0
"""Every service is found within the probes, however many there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.model import Protocol, ServiceKey
from director.tables.layout import SERVICE_PROBES
from director.tables.slots import Placement, place, service_hash

KEYS = st.builds(
    ServiceKey,
    st.sampled_from(Protocol),
    st.integers(1, 2**32 - 1).map(lambda n: IPAddress(n, 4)) | st.integers(2**64, 2**128 - 1).map(IPAddress),
    st.integers(1, 65535),
)


def probed(placement: Placement, key: ServiceKey) -> list[int | None]:
    home = service_hash(placement.seed, key)
    return [placement.slots[(home + probe) & placement.mask] for probe in range(SERVICE_PROBES)]


@given(st.lists(KEYS, unique=True, max_size=60))
def test_every_service_is_met_within_the_probes_before_an_empty_slot(keys: list[ServiceKey]) -> None:
    placement = place(keys)
    for position, key in enumerate(keys):
        seen = probed(placement, key)
        assert position in seen
        assert None not in seen[: seen.index(position)]


def test_thousands_of_services_on_neighbouring_addresses_find_a_seed() -> None:
    vips = [IPAddress(0xC0000200 + number) for number in range(64)]
    keys = [ServiceKey(Protocol.TCP, vip, port) for vip in vips for port in range(1, 64)]
    placement = place(keys)
    assert all(position in probed(placement, key) for position, key in enumerate(keys))
    assert sorted(at for at in placement.slots if at is not None) == list(range(len(keys)))


def test_the_hash_is_the_one_of_the_data_path() -> None:
    v4 = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
    v6 = ServiceKey(Protocol.UDP, IPAddress("2001:db8::1"), 53)
    assert (service_hash(1, v4), service_hash(7, v6)) == (0x8695D6AD, 0x0D559A22)
