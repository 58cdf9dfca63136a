# SPDX-License-Identifier: Apache-2.0
"""Every valid configuration, for properties; its nouns come from small worlds so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st
from netaddr import IPAddress

from director.config.limits import MAX_CONNECTIONS, MAX_ICMP_PER_SECOND, MAX_TIMEOUT, MAX_WEIGHT, MAX_WORKERS
from director.model.configuration import Configuration, DatapathKind, Settings, Timeouts, Tunables
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

VIPS = st.builds(lambda last: IPAddress(f"192.0.2.{last}"), st.integers(1, 4))
REAL_SERVERS = st.builds(lambda last: IPAddress(f"10.0.0.{last}"), st.integers(1, 5))
KEYS = st.builds(ServiceKey, st.sampled_from(Protocol), VIPS, st.sampled_from((53, 80, 65535)))
WEIGHTS = st.one_of(st.integers(0, 3), st.integers(0, MAX_WEIGHT))


@st.composite
def destinations(draw: st.DrawFn, key: ServiceKey) -> Destination:
    method = draw(st.sampled_from(ForwardingMethod))
    port = draw(st.sampled_from((80, 8080))) if method is ForwardingMethod.NAT else key.port
    return Destination(draw(REAL_SERVERS), port, method, draw(WEIGHTS))


@st.composite
def services(draw: st.DrawFn) -> VirtualService:
    key, scheduler = draw(KEYS), draw(st.sampled_from(Scheduler))
    own = [flag for flag in SchedulerFlag if flag.scheduler is scheduler]
    flags = draw(st.frozensets(st.sampled_from(own))) if own else frozenset()
    below = draw(st.lists(destinations(key), max_size=4, unique_by=lambda each: each.endpoint))
    return VirtualService(key, scheduler, flags, tuple(below))


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
CONFIGURATIONS = st.builds(
    Configuration,
    services=st.lists(services(), max_size=4, unique_by=lambda each: each.key).map(tuple),
    timeouts=TIMEOUTS,
    tunables=TUNABLES,
    settings=SETTINGS,
)
