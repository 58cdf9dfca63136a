# SPDX-License-Identifier: Apache-2.0
"""Random IPv6 frames, honest and lying: user space and both programs make the same of each, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.packet import Raw

from director.datapath.programs import ProgramKind
from director.model import ForwardingMethod
from tests.needs import needs
from tests.packets.case import Arrival, Packet
from tests.packets.checksum import ETHERNET
from tests.packets.ebpf_host import EbpfHost
from tests.packets.frames_ipv6 import icmp_error, ipv6, tcp, tcp_reply, udp, udp_reply
from tests.packets.network import INSIDE, OUTSIDE, setting
from tests.packets.network_ipv6 import CLIENT, OTHER_CLIENT, SERVERS, VIP, names, web
from tests.packets.transform_ipv6 import fragments_of
from tests.packets.user_host import UserHost

EXTENSIONS = (
    (),
    (IPv6ExtHdrHopByHop(),),
    (IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(addresses=["2001:db8::9"])),
    (IPv6ExtHdrFragment(id=9, m=1),),
    (IPv6ExtHdrFragment(id=9, offset=5),),
    (IPv6ExtHdrDestOpt(),) * 9,
)
fields = {
    "tc": st.sampled_from((0, 3, 0xB8, 0xFF)),
    "hlim": st.sampled_from((0, 1, 2, 64, 255)),
    "fl": st.integers(0, 0xFFFFF),
}


@st.composite
def frames(draw: st.DrawFn) -> tuple[int, Packet]:
    """A frame of some flow, by the interface that it comes in by."""
    chosen = {name: draw(strategy) for name, strategy in fields.items()}
    chosen["hlim"] = draw(st.sampled_from((64, 64, chosen["hlim"])))
    size = draw(st.sampled_from((0, 1, 7, 1200, 1380, 1400, 1440)))
    kind = draw(st.integers(0, 4))
    client, port = draw(st.sampled_from((CLIENT, OTHER_CLIENT))), draw(st.integers(1, 3))
    flags = draw(st.sampled_from(("S", "A", "FA", "R", "PA")))
    headers = draw(st.sampled_from(EXTENSIONS))
    if kind == 0:
        return OUTSIDE, tcp(flags, bytes(size), *headers, client=client, port=port, **chosen)
    if kind == 1:
        return OUTSIDE, udp(bytes(size), *headers, client=client, port=port, **chosen)
    server = draw(st.sampled_from(SERVERS[:2]))
    if kind == 2:
        return INSIDE, tcp_reply(server, flags, bytes(size), port=port, **chosen)
    if kind == 3:
        return INSIDE, udp_reply(server, bytes(size), port=port, **chosen)
    quoted = bytes(ipv6(VIP, CLIENT) / TCP(sport=80, dport=port) / Raw(bytes(20)))
    return OUTSIDE, icmp_error(quoted, kind=draw(st.integers(1, 3)), mtu=1300)


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """A frame, perhaps one piece of it, perhaps with a wrong byte, perhaps cut off."""
    interface, frame = draw(frames())
    if draw(st.integers(0, 5)) == 0 and len(frame) > 1000:
        frame = draw(st.sampled_from(fragments_of(frame, 600)))
    raw = bytearray(bytes(frame))
    if draw(st.integers(0, 3)) == 0:
        raw[draw(st.integers(ETHERNET, min(len(raw), 130) - 1))] ^= draw(st.integers(1, 255))
    if draw(st.integers(0, 7)) == 0:
        del raw[draw(st.integers(ETHERNET + 40, len(raw))) :]
    return Arrival(interface, bytes(raw))


@needs("root", "netns", "bpf", "veth")
@pytest.mark.parametrize("kind", ProgramKind)
@settings(max_examples=100)
@given(
    method=st.sampled_from(ForwardingMethod),
    traffic=st.lists(arrivals(), min_size=1, max_size=25),
)
def test_the_programs_in_the_kernel_do_what_user_space_does(
    kind: ProgramKind, method: ForwardingMethod, traffic: list[Arrival]
) -> None:
    hosts = (UserHost(), EbpfHost(kind))
    given_setting = setting(web(method, SERVERS[:2]), names(method, SERVERS[:2]))
    for host in hosts:
        host.apply(given_setting)
    for now, arrival in enumerate(traffic, start=1000):
        ours, theirs = (host.handle(arrival, now) for host in hosts)
        assert theirs == ours, arrival.frame.hex()
    assert hosts[0].connections(2000) == hosts[1].connections(2000)
