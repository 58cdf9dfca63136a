# SPDX-License-Identifier: Apache-2.0
"""Every feature of kernel IPVS, whether the director has it, and the tests that show so.

A proof is a test under tests/, `path::name`; one by replay names a topic of topics.py that is compared. A
feature that the director has not got says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

REPLAY = "interop/test_parity.py::test_the_director_does_what_the_kernel_did"
SEQUENCES = "interop/test_sequences.py::test_each_sequence_ends_as_it_does_with_the_kernel"
RECORD = "unit/scheduling/test_kernel_record.py::test_the_data_path_chooses_as_the_kernel_did"
COMMANDS = "interop/ipvsadm/test_replay.py::test_ours_answers_as_the_real_ipvsadm_does"
CASES = "packets/test_cases.py::test_a_host_does_what_the_case_wants"
BACKUPS = "interop/sync/test_backups.py::test_the_connections_are_the_kernels"


class Verdict(Enum):
    """What the director does, next to the kernel: BEYOND is more, which the kernel lacks."""

    SAME = "same"
    DIFFERS = "differs"
    BEYOND = "beyond"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature; `kernel` is what the kernel has, `note` what is to be said of the director's side."""

    name: str
    verdict: Verdict
    proofs: tuple[str, ...]
    note: str = ""
    kernel: str = "yes"


def same(name: str, *proofs: str, note: str = "", kernel: str = "yes") -> Feature:
    return Feature(name, Verdict.SAME, proofs, note, kernel)


def differs(name: str, *proofs: str, note: str, kernel: str = "yes") -> Feature:
    return Feature(name, Verdict.DIFFERS, proofs, note, kernel)


def beyond(name: str, *proofs: str, note: str, kernel: str = "no") -> Feature:
    return Feature(name, Verdict.BEYOND, proofs, note, kernel)


def no(name: str, *proofs: str, note: str, kernel: str = "yes") -> Feature:
    return Feature(name, Verdict.NO, proofs, note, kernel)


def topics(*names: str) -> tuple[str, ...]:
    return tuple(f"{REPLAY}[{name}]" for name in names)


SCHEDULERS = (
    *(
        same(f"scheduler {name}", RECORD, *topics("scheduling"))
        for name in ("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "dh", "mh", "fo", "ovf", "lblc", "lblcr")
    ),
    same(
        "scheduler twos",
        "unit/scheduling/test_two_choices.py::test_the_data_path_draws_each_by_its_weight",
        note="its distribution; it draws by chance",
    ),
    same("no scheduler", "unit/scheduling/test_no_scheduler.py::test_nobody_is_chosen"),
    *(
        same(f"scheduler flag {name}", RECORD, *topics("scheduling"))
        for name in ("sh-port", "sh-fallback", "mh-port", "mh-fallback")
    ),
)
SERVICES = (
    same("TCP", SEQUENCES, *topics("states", "lifetimes")),
    same("UDP", *topics("headers", "lifetimes")),
    differs("SCTP", SEQUENCES, *topics("sctp"), note="checksums, and fragments where NAT changes the port"),
    same("IPv4", *topics("headers", "direct_route", "nat", "tunnel")),
    differs("IPv6", *topics("ipv6", "ipv6_errors"), note="extension headers and odd addresses"),
    differs(
        "firewall marks",
        *topics("marks"),
        note="rules of the director's own (network, protocol, ports): it sees no mark of netfilter's",
        kernel="by netfilter",
    ),
    same("all ports (port 0)", f"{CASES}[any_port]"),
    beyond(
        "port ranges",
        f"{CASES}[marks]",
        note='`ports = "8000-8100"` of a mark\'s rule',
        kernel="by netfilter's marks",
    ),
    same("one-packet scheduling", *topics("one_packet")),
    same("thresholds, upper and lower", *topics("thresholds")),
    same("re-use of a connection's ports", *topics("conn_reuse")),
    same("changes under living connections", *topics("changes")),
    same("counters of services and servers", *topics("counters", "sharing")),
    same("rates", "unit/datapath/test_rates.py::test_rates_are_stepped_in_c_as_they_are_defined"),
)
PERSISTENCE = (
    same("persistence with a timeout", f"{CASES}[persistence]"),
    same("persistence by mask or prefix length", f"{CASES}[persistence]"),
    same("templates: listed, with states, renewed a minute at a time", f"{CASES}[persistence]"),
    same("a persistent client's server deleted, with `expire_nodest_conn` 1", f"{REPLAY}[persistence]"),
    no(
        "persistence engines (`--pe sip`)",
        f"{COMMANDS}",
        note="refused as one that is not found: a packet's contents are not read",
    ),
    differs(
        "FTP: the helper ip_vs_ftp",
        f"{CASES}[any_port]",
        note="no helper: addresses in FTP's commands are not rewritten. Data connections of a persistent "
        "service of port 21 go to the client's server, as in the kernel",
    ),
)
FORWARDING = (
    same("DR", *topics("direct_route", "headers")),
    same("NAT", *topics("nat", "headers")),
    same("TUN, IP in IP", *topics("tunnel", "headers")),
    same("TUN, GRE, without and with checksum", *topics("tunnels")),
    same("TUN, GUE, without and with checksum", *topics("tunnels")),
    differs(
        "TUN, GUE with remote checksum",
        *topics("tunnels"),
        note="[not by `tc`](datapaths.md#tunnels) everywhere",
    ),
    same("TUN between families, both ways", *topics("tunnels")),
    differs(
        "local node",
        *topics("local_node"),
        "lab/test_forwarding_local.py::test_the_director_answers_half_of_the_requests_itself",
        note="by NAT [only at the service's own address and port](operations.md#the-director-as-a-server)",
    ),
    beyond(
        "decapsulation on the server, of each kind of tunnel",
        "lab/test_realserver_tunnels.py::test_whole_packet_comes_out_to_the_byte_and_the_stack_takes_it",
        note="`realserver`",
        kernel="by ipip, gre and fou modules",
    ),
)
ERRORS = (
    same("ICMP errors about a flow: unreachable, source quench, time exceeded", *topics("icmp", "errors")),
    same(
        "fragmentation needed about a flow, and to a client whose packet is too large",
        *topics("icmp", "headers"),
    ),
    differs("ICMPv6 errors about a flow", *topics("ipv6_errors"), note="those of NAT servers are translated"),
    same("packet too big", *topics("ipv6", "tunnels")),
    same("time exceeded to a client whose packet has no hops left", *topics("icmp", "ipv6")),
    same("port unreachable where no server is", *topics("first_packet", "ipv6")),
    differs(
        "ICMP errors about a tunnel's outer header",
        *topics("outer_errors"),
        "lab/test_forwarding_path.py::test_an_upload_gets_through_a_path_that_a_router_says_is_narrow",
        note="[the path's MTU is learned](datapaths.md#tunnels), also by IPv6; "
        "the client is told with its next packet",
        kernel="of IPv4 in IPv4",
    ),
    differs("IPv4 fragments", *topics("fragments"), note="each is forwarded as it comes"),
    differs("IPv6 fragments", f"{CASES}[fragments_ipv6]", note="each is forwarded as it comes"),
    differs("IP options", *topics("headers"), note="forwarded as they are"),
)
