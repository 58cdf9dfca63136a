# SPDX-License-Identifier: Apache-2.0
"""Every valid configuration, for properties; its nouns come from small worlds so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from director.config.limits import MAX_CONNECTIONS, MAX_ICMP_PER_SECOND, MAX_TIMEOUT, MAX_WEIGHT, MAX_WORKERS
from director.model.configuration import Configuration, DatapathKind, Settings, Timeouts, Tunables
from director.model.service import (
    Destination,
    ForwardingMethod,
    MarkRule,
    Persistence,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.sync import SyncDaemon, SyncRole

VIPS = st.builds(lambda last: IPAddress(f"192.0.2.{last}"), st.integers(1, 4))
NETWORKS = {4: "10.0.0.", 6: "fd00::"}
KEYS = st.one_of(
    st.builds(ServiceKey, st.sampled_from(Protocol), VIPS, st.sampled_from((53, 80, 65535))),
    st.builds(ServiceKey.of_mark, st.integers(1, 3), st.sampled_from((4, 6))),
)
TUNNELS = st.sampled_from(
    (Tunnel(), Tunnel(TunnelType.GRE, 0, TunnelChecksum.CHECKSUM), Tunnel(TunnelType.GUE, 6080))
)
MASKS = {4: IPAddress("255.255.255.0"), 6: IPAddress("ffff:ffff::")}
OWN_TIMEOUTS = st.sampled_from(((), (("tcp_established", 9), ("udp", 9))))
WEIGHTS = st.one_of(st.integers(0, 3), st.integers(0, MAX_WEIGHT))


@st.composite
def destinations(draw: st.DrawFn, key: ServiceKey) -> Destination:
    method = draw(st.sampled_from(ForwardingMethod))
    port = draw(st.sampled_from((80, 8080))) if method is ForwardingMethod.NAT else key.port
    address = IPAddress(f"{NETWORKS[key.address.version]}{draw(st.integers(1, 5))}")
    upper, lower = draw(st.sampled_from(((0, 0), (9, 0), (9, 4))))
    tunnel = draw(TUNNELS) if method is ForwardingMethod.TUN else Tunnel()
    return Destination(address, port, method, draw(WEIGHTS), upper, lower, tunnel)


@st.composite
def services(draw: st.DrawFn) -> VirtualService:
    key, scheduler = draw(KEYS), draw(st.sampled_from(Scheduler))
    own = [flag for flag in SchedulerFlag if flag.scheduler is scheduler]
    flags = draw(st.frozensets(st.sampled_from(own))) if own else frozenset()
    below = draw(st.lists(destinations(key), max_size=4, unique_by=lambda each: each.endpoint))
    held = draw(st.sampled_from((None, Persistence(9), Persistence(9, MASKS[key.address.version]))))
    return VirtualService(key, scheduler, flags, tuple(below), held, timeouts=draw(OWN_TIMEOUTS))


TIMEOUTS = st.builds(
    Timeouts, tcp_established=st.integers(1, MAX_TIMEOUT), udp=st.sampled_from((1, 300, MAX_TIMEOUT))
)
TUNABLES = st.builds(
    Tunables,
    conn_reuse_mode=st.integers(0, 2),
    expire_nodest_conn=st.integers(0, 1),
    sloppy_tcp=st.integers(0, 1),
    icmp_msgs_per_sec=st.integers(0, MAX_ICMP_PER_SECOND),
)
SETTINGS = st.builds(
    Settings,
    datapath=st.sampled_from(DatapathKind),
    interfaces=st.lists(st.sampled_from(("eth0", "eth1.10", "öl0", 'a"b')), max_size=2, unique=True).map(
        tuple
    ),
    workers=st.integers(1, MAX_WORKERS),
    connections=st.integers(1, MAX_CONNECTIONS),
    bind_vips=st.booleans(),
)
MARKS = st.sampled_from(
    (
        MarkRule(1, IPNetwork("192.0.2.0/24")),
        MarkRule(2, IPNetwork("192.0.2.9/32"), Protocol.TCP, 80, 90),
        MarkRule(3, IPNetwork("2001:db8::/64"), Protocol.UDP, 53, 53),
    )
)
SYNC = st.sampled_from(((), (SyncDaemon(SyncRole.MASTER, "eth2", 7), SyncDaemon(SyncRole.BACKUP, "eth2"))))
CONFIGURATIONS = st.builds(
    Configuration,
    services=st.lists(services(), max_size=4, unique_by=lambda each: each.key).map(tuple),
    timeouts=TIMEOUTS,
    tunables=TUNABLES,
    settings=SETTINGS,
    marks=st.lists(MARKS, max_size=3, unique=True).map(tuple),
    sync=SYNC,
)
