# SPDX-License-Identifier: Apache-2.0
"""The rest of the features: what is beside the forwarding of packets. See features.py."""

from __future__ import annotations

from tests.interop.features import (
    BACKUPS,
    CASES,
    COMMANDS,
    SEQUENCES,
    beyond,
    differs,
    no,
    same,
    topics,
)

TUNING = "unit/cli/test_tuning.py::test_what_has_a_value_is_changed"
TELLING = "unit/datapath/test_synchronising.py"
ENTRIES = "unit/sync/test_entries.py"
WALKS = "interop/test_walks.py::test_each_walk_leads_where_it_led_in_the_kernel"
DEFENCE = "packets/test_drop_entry.py"
SYSCTLS = (
    same("conn_reuse_mode", SEQUENCES, *topics("conn_reuse", "lifetimes")),
    same("expire_nodest_conn", *topics("lifetimes", "changes")),
    same("expire_quiescent_template", f"{CASES}[persistence]"),
    same("sloppy_tcp", SEQUENCES, *topics("lifetimes")),
    same("sloppy_sctp", SEQUENCES, *topics("sctp")),
    same("drop_entry", f"{DEFENCE}::test_half_open_connections_end_and_quiet_ones_after_a_minute"),
    same("drop_packet, am_droprate", *topics("drop_packet")),
    same("amemthresh", f"{DEFENCE}::test_drop_packet_by_itself_goes_by_how_scarce_memory_is"),
    same("secure_tcp", SEQUENCES, *topics("secure_tcp")),
    differs(
        "nat_icmp_send",
        *topics("nat_icmp_send"),
        note="what goes to the director's own address on the server's side is the host's",
    ),
    same("schedule_icmp", *topics("schedule_icmp"), WALKS),
    differs("pmtu_disc", *topics("tunnels"), note="with 0 `tc` and `xdp` can not cut, and drop"),
    same(
        "lblc_expiration, lblcr_expiration",
        "unit/scheduling/test_locality.py::test_what_nobody_asked_for_is_forgotten_in_time",
    ),
    same(
        "sync_threshold (and `sync_period`), sync_refresh_period, sync_retries",
        f"{TELLING}::test_a_connection_is_told_of_at_the_threshold_and_after_each_period",
        "unit/sync/test_entries.py::test_the_rule_is_the_kernels_tunables_in_milliseconds",
        note="looked at twice a second, not with each packet",
    ),
    same(
        "sync_persist_mode",
        f"{ENTRIES}::test_with_sync_persist_mode_connections_of_persistent_services_are_not_said",
        f"{ENTRIES}::test_with_sync_persist_mode_templates_are_said",
    ),
    no(
        "sync_version 0, sync_ports above 1",
        TUNING,
        note="version 0 is read, and not written; one thread is enough",
    ),
    no("sync_qlen_max", TUNING, note="taken; nothing waits to be sent, so it does nothing"),
    same("sync_sock_size", TUNING),
    same(
        "backup_only",
        "lab/test_sync.py::test_a_backup_that_is_no_more_leaves_packets_alone_until_it_gives_the_role_up",
    ),
    no("conntrack", note="packets are taken before netfilter; there is nothing for it to track"),
    no("snat_reroute", note="a reply leaves by the way that its client's packets came"),
    no("run_estimation, est_cpulist, est_nice", note="rates cost no thread worth switching off or placing"),
    no("cache_bypass", note="serves transparent proxies; only packets to services are taken"),
    no("ignore_tunneled", note="no packet comes back to the director out of a tunnel of its own"),
)
TIMEOUTS = (
    same("`--set`: tcp, tcpfin, udp", *topics("timeouts")),
    beyond("every state's time", f"{CASES}[defences]", note="`[timeouts]`"),
    beyond("times of a service's own, state by state", f"{CASES}[defences]", note="`timeouts` of a service"),
)
CONTROL = (
    same("ipvsadm: every command and option, its messages and exit codes", COMMANDS),
    same(
        "ipvsadm: every listing",
        COMMANDS,
        "lab/test_kernels_selftest.py::test_the_listings_show_the_connection",
    ),
    same("ipvsadm: zeroing", COMMANDS),
    same(
        "ipvsadm: save",
        COMMANDS,
        "unit/ipvsadm/test_saving.py::test_rules_that_are_read_again_make_the_same_table",
    ),
    differs(
        "ipvsadm: restore",
        "unit/ipvsadm/test_scripts.py::test_a_bad_restore_leaves_the_table_and_counts_comments",
        note="whole or not at all; a bad line is named by its number",
    ),
    same(
        "ldirectord, unmodified",
        "lab/test_ldirectord.py::test_a_server_that_dies_is_taken_out_and_put_in_again",
    ),
    same(
        "the kernel's selftest of IPVS",
        "lab/test_kernels_selftest.py::test_direct_routing",
        "lab/test_kernels_selftest.py::test_network_address_translation",
        "lab/test_kernels_selftest.py::test_a_tunnel",
    ),
    beyond(
        "configurations of ipvsadm, ldirectord and keepalived are read",
        "unit/importing/test_formats.py::test_the_same_service_in_every_format_is_the_same",
        note="`director config import`",
    ),
    no(
        "netlink (IPVS family), as keepalived speaks it",
        note="programs that call ipvsadm go on; what speaks netlink does not",
    ),
    no(
        "/proc/net/ip_vs, ip_vs_conn, ip_vs_stats and the like",
        "unit/control/test_metrics.py::test_every_number_is_exposed",
        note="ask the [control API](api.md) or its metrics",
    ),
)
SYNC = (
    same(
        "sync as backup of a kernel's master",
        BACKUPS,
        "interop/sync/test_backups.py::test_the_counts_are_the_kernels",
    ),
    same(
        "sync as master of a kernel's backup",
        "unit/sync/test_message.py::test_what_a_kernel_sent_is_read_and_written_again_to_the_byte",
        "unit/sync/test_entries.py::test_all_that_a_kernel_said_of_a_connection_is_said_again_the_same",
    ),
    same(
        "take-over without a broken connection",
        "lab/test_sync.py::test_connections_go_on_when_the_director_is_killed",
    ),
    differs(
        "sync of persistence templates",
        BACKUPS,
        "unit/sync/test_entries.py::test_all_that_a_kernel_said_of_templates_is_said_again_the_same",
        "lab/test_sync.py::test_a_persistent_client_keeps_its_server_when_the_director_is_killed",
        note="of two servers that a client is told to have the last one counts, with a kernel the first; one"
        " of an unknown protocol or state is passed over: [what is told](sync.md)",
    ),
)
