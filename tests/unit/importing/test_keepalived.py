# SPDX-License-Identifier: Apache-2.0
"""keepalived's virtual servers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.importing.found import Left
from director.importing.keepalived import read
from director.model.service import (
    Destination,
    ForwardingMethod,
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

DR, TUN, NAT = ForwardingMethod
RS = IPAddress("10.0.0.2")
WEB = """
virtual_server 192.0.2.9 80
{
    lb_algo wrr
    lb_kind DR
    persistence_timeout 600
    persistence_granularity 255.255.255.0
    real_server 10.0.0.2 80 {
        weight 3
        uthreshold 100
    }
    real_server 10.0.0.3 8080 { lvs_method NAT }
    real_server 10.0.0.4 80 { lvs_method TUN type gue port 6080 csum }
}
"""
GROUP = """
virtual_server_group web { # three and a mark
    192.0.2.5-6 443
    2001:db8::1 443
    fwmark 9
}
virtual_server group web { lvs_sched sh
    sh-port
    real_server 10.0.0.2 8080
}
"""


def test_a_virtual_server_is_taken_over() -> None:
    tunnel = Tunnel(TunnelType.GUE, 6080, TunnelChecksum.CHECKSUM)
    service = VirtualService(
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.9"), 80),
        Scheduler.WRR,
        destinations=(
            Destination(RS, 80, DR, 3, 100),
            Destination(IPAddress("10.0.0.3"), 8080, NAT),
            Destination(IPAddress("10.0.0.4"), 80, TUN, tunnel=tunnel),
        ),
        persistence=Persistence(600, IPAddress("255.255.255.0")),
    )
    assert (read(WEB).services, read(WEB).left) == ((service,), ())


def test_a_group_is_a_service_for_each_address_and_mark() -> None:
    server = Destination(RS, 8080, NAT)
    flags = frozenset({SchedulerFlag.SH_PORT})
    keys = (
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.5"), 443),
        ServiceKey(Protocol.TCP, IPAddress("192.0.2.6"), 443),
        ServiceKey.of_mark(9),
    )
    four = [each for each in read(GROUP).services if each.key.address.version == 4]
    assert four == [VirtualService(key, Scheduler.SH, flags, (server,)) for key in keys]


def test_what_can_not_be_taken_over_is_named_by_line() -> None:
    text = """global_defs { router_id x }
virtual_server 192.0.2.1 80 {
    delay_loop 6
    protocol TCP
    lb_kind FULLNAT
    real_server 10.0.0.2 80 {
        weight x
        inhibit_on_failure
        TCP_CHECK { connect_timeout 3 }
    }
    real_server nowhere 80
}
virtual_server group none { }
virtual_server 192.0.2.2 80 { lb_algo no-such }
virtual_server 192.0.2.3 53 { protocol ICMP }
"""
    assert read(text).left == (
        Left(1, "global_defs: not taken over"),
        Left(3, "delay_loop: not taken over"),
        Left(5, "'FULLNAT' is no forwarding method"),
        Left(7, "'weight x' has no number of its range"),
        Left(8, "inhibit_on_failure: not taken over"),
        Left(9, "TCP_CHECK: health checks are not taken over"),
        Left(11, "real_server nowhere 80: no server's address and port"),
        Left(13, "virtual_server group none: no address and port, mark or group that there is"),
        Left(14, "scheduler 'no-such' is not known here"),
        Left(15, "virtual_server 192.0.2.3 53: no address and port, mark or group that there is"),
    )


def test_what_global_defs_tells_ipvs_is_named_with_the_command_for_it() -> None:
    text = """global_defs {
    lvs_timeouts tcp 7200 udp 60
    lvs_sync_daemon eth1 VI_1 id 51
}"""
    assert read(text).left == (
        Left(1, "global_defs: not taken over"),
        Left(
            2,
            "lvs_timeouts tcp 7200 udp 60: not taken over; "
            "`director timeouts tcp_established=N tcp_fin_wait=N udp=N` does that",
        ),
        Left(
            3,
            "lvs_sync_daemon eth1 VI_1 id 51: not taken over; "
            "`director sync start ROLE --interface IFNAME --syncid N` does that",
        ),
    )


@given(st.lists(st.sampled_from((WEB + GROUP).splitlines()) | st.text(max_size=30), max_size=20))
def test_any_text_is_read(lines: list[str]) -> None:
    read("\n".join(lines))
