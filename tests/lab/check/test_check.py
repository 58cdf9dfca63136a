# SPDX-License-Identifier: Apache-2.0
"""`director check` on real hosts: what is wrong is told with its remedy, which mends it, as packets prove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.check.checked import PROGRAM, Scene, scene
from tests.needs import needs

pytestmark = [
    pytest.mark.lab,
    needs("root", "netns", "veth", "bpf", "clsact", "bridge", "ip", "tc", "ethtool", "packet-socket",
          "xdp-features"),
]  # fmt: skip

FIT = "all right: rights, and the eBPF programs: guard, tc, xdp\n"
BY_TC = "all right: eth0 by tc (veth: frames come large, and checksums not filled in)\n"
SERVICE = "tcp:192.0.2.1:80"
LOST = "what xdp sends out here is lost"
WRONG = "TCP and UDP through xdp arrive with wrong checksums"
XDP = ("--datapath", "xdp", "--interface", "eth0")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as it:
        yield it


def deaf(host: Scene) -> str:
    return (
        f"problem: eth0: its peer port1 does not poll (its GRO is off) | {LOST} | "
        f"{host.entering}ethtool -K port1 gro on"
    )


def unfilled(host: Scene) -> str:
    return (
        "problem: eth0: its peer port1 leaves checksums to hardware (its tx-checksumming is on) | "
        f"{WRONG} | {host.entering}ethtool -K port1 tx off"
    )


def test_a_host_that_is_fit_is_said_to_be(host: Scene) -> None:
    right = f"{FIT}{BY_TC}all right: {SERVICE} with 1 server\n"
    assert host.check("--interface", "eth0") == (0, FIT + BY_TC)
    assert host.check("--config", host.file()) == (0, right)
    status, text = host.check("--config", host.file(), "--json")
    assert (status, json.loads(text)) == (
        0,
        {
            "ok": True,
            "checked": [line.removeprefix("all right: ") for line in right.splitlines()],
            "findings": [],
        },
    )


def test_that_no_director_answers_is_said(host: Scene) -> None:
    silent = (
        f"note: director: none answers at {host.socket}, so the host was looked at, and no service; "
        "`director run` starts one; --config FILE checks for the services of a file\n"
    )
    assert host.check() == (0, f"{silent}{FIT}{BY_TC}")
    with host.running("--config", host.file()):
        assert host.check() == (0, f"{FIT}{BY_TC}all right: {SERVICE} with 1 server\n")


def test_a_finding_is_a_line_with_its_remedy(host: Scene) -> None:
    host.shell("ip link set eth0 down")
    down = "it is down, so nothing is forwarded on it; ip link set eth0 up"
    assert host.check("--interface", "eth0") == (1, f"{FIT}problem: eth0: {down}\n")
    assert json.loads(host.check("--interface", "eth0", "--json")[1]) == {
        "ok": False,
        "checked": [
            "rights, and the eBPF programs: guard, tc, xdp",
            "eth0 by tc (veth: frames come large, and checksums not filled in)",
        ],
        "findings": [
            {
                "about": "eth0",
                "level": "problem",
                "what": "it is down",
                "means": "nothing is forwarded on it",
                "remedy": "ip link set eth0 up",
            }
        ],
    }


def test_xdp_is_refused_until_the_peer_is_as_it_must_be_and_the_remedies_make_it_so(host: Scene) -> None:
    run = (PROGRAM, "run", "--socket", host.socket, *XDP)
    assert host.findings(*XDP) == [deaf(host), unfilled(host)]
    refused = host.director.execute(*run)
    assert (refused.returncode, "eth0: its peer port1 does not poll" in refused.stderr) == (1, True)
    assert "eth0: its peer port1 leaves checksums to hardware" in refused.stderr
    for remedy in host.remedies(*XDP):
        host.shell(remedy)
    assert host.findings(*XDP) == []
    with host.running("--config", host.file(), *XDP):
        assert host.check() == (
            0,
            f"{FIT}all right: eth0 by xdp (asked for)\nall right: {SERVICE} with 1 server\n",
        )


def test_what_a_peer_does_to_xdp_is_so_and_its_remedy_mends_it(host: Scene) -> None:
    host.port("gro", "on", "tx", "off")
    with host.serving(), host.running("--config", host.file(), *XDP):
        assert (host.is_answered(), host.findings()) == (True, [])
        for setting, finding in (("gro off", deaf(host)), ("tx on", unfilled(host))):
            host.port(*setting.split())
            assert (host.is_answered(), host.findings()) == (False, [finding])
            host.shell(host.remedies()[0])
            assert (host.is_answered(), host.findings()) == (True, [])


def test_large_frames_and_vlan_offloads_at_the_peer_do_xdp_no_harm(host: Scene) -> None:
    host.port("gro", "on", "tx", "off")
    with host.serving(), host.running("--config", host.file(), *XDP):
        done = host.bridge.execute("ethtool", "-K", "port1", "tso", "on")
        assert "Could not change any device features" in done.stderr  # the kernel holds it off
        host.port("gso", "on", "rxvlan", "on")
        assert (host.is_answered(), host.findings()) == (True, [])


def test_none_of_it_matters_to_tc(host: Scene) -> None:
    with host.serving(), host.running("--config", host.file(), "--datapath", "tc"):
        for settings in ("gro off tx on", "gro on tx on", "gro on tx off"):
            host.port(*settings.split())
            assert (host.is_answered(), host.findings()) == (True, [])


GOES_ON = (
    "note: machine: forwarding goes on without a director on eth0 | "
    "no server that moves or goes is noticed | `director run` takes it over, `director cleanup` ends it"
)
DROPS = (
    "problem: machine: a director that is no more left its guard on eth0 | "
    "all packets of its services are dropped there | run `director run` or `director cleanup`"
)


@pytest.mark.parametrize(("kind", "wanted"), [("packet", DROPS), ("tc", GOES_ON), ("xdp", GOES_ON)])
def test_what_a_killed_director_left_is_told_until_it_is_removed(host: Scene, kind: str, wanted: str) -> None:
    host.port("gro", "on", "tx", "off")
    with host.running("--config", host.file(), "--datapath", kind) as director:
        assert host.findings() == []
        director.kill()
        director.wait()
        try:
            assert host.findings() == [wanted]
        finally:
            host.shell(f"{PROGRAM} --socket {host.socket} cleanup")
    assert host.findings() == []


@dataclass(frozen=True)
class Sabotage:
    says: str
    commands: str
    arguments: tuple[str, ...]
    findings: tuple[str, ...]
    method: str = "dr"


DRIVER = "(bridge) | the program can not run there | --datapath auto or tc"
SABOTAGES = (
    Sabotage(
        "an interface that is down, or is none", "ip link set eth0 down",
        ("--interface", "eth0", "--interface", "lo", "--interface", "eth7"),
        (("problem: eth7: there is no such interface | it is taken only when it comes | "
         "ip -brief link show, and name another with --interface"),
         "problem: eth0: it is down | nothing is forwarded on it | ip link set eth0 up",
         "problem: lo: it is no Ethernet interface | it is never taken | name another with --interface"),
    ),
    Sabotage(
        "an interface without a carrier", "ip -n {bridge} link set port1 down", ("--interface", "eth0"),
        (("problem: eth0: it has no carrier | nothing is forwarded on it | "
         "see to its cable, or to its other end"),),
    ),
    Sabotage(
        "a port of a bridge", "ip link add br7 type bridge; ip link set eth0 master br7",
        ("--interface", "eth0"),
        (("note: eth0: it is a port of br7 | only what is sent to the port's own MAC address is forwarded, "
         "and not the bridge's | --interface br7 instead"),),
    ),
    Sabotage(
        "a driver without XDP", "ip link add br7 type bridge; ip link set br7 up",
        ("--datapath", "xdp", "--interface", "br7"),
        (f"problem: br7: its driver has no XDP {DRIVER}",),
    ),
    Sabotage(
        "a peer whose frames are too large for XDP, and not that eth0's own are",
        "ip link set eth0 mtu 9000; ip netns exec {bridge} ethtool -K port1 gro on tx off; "
        "ip -n {bridge} link set port1 mtu 3507", XDP,
        (("problem: eth0: the MTU of its peer port1 is 3507 | the kernel refuses the xdp program | "
         "ip netns exec {bridge} ip link set port1 mtu 3498"),),
    ),
    Sabotage(
        "the older qdisc in the place of ours", "tc qdisc add dev eth0 ingress", (),
        (("problem: eth0: it has the qdisc `ingress`, in the place of `clsact` | "
         "the director's filter can not be put there | tc qdisc delete dev eth0 ingress"),),
    ),
    Sabotage(
        "filters that see packets first",
        "tc qdisc add dev eth0 clsact; "
        "tc filter add dev eth0 ingress pref 1 protocol all bpf da bytecode '1,6 0 0 0,'; "
        "tc filter add dev eth0 ingress pref 2 protocol all bpf da bytecode '1,6 0 0 0,'; "
        "tc filter add dev eth0 ingress pref 9 protocol all bpf da bytecode '1,6 0 0 0,'", (),
        tuple(f"note: eth0: the filter bpf (preference {preference}) sees packets first | "
              "what it takes is not forwarded | tc filter show dev eth0 ingress" for preference in (1, 2)),
    ),
)  # fmt: skip


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.says)
def test_what_is_wrong_with_an_interface_is_told(host: Scene, sabotage: Sabotage) -> None:
    host.shell(sabotage.commands.format(bridge=host.bridge.name))
    wanted = [finding.format(bridge=host.bridge.name) for finding in sabotage.findings]
    assert sorted(host.findings(*sabotage.arguments)) == sorted(wanted)


SERVICE_SABOTAGES = (
    Sabotage(
        "a server that is not there", "ip -n {server} link set eth0 down", (),
        ((f"problem: {SERVICE}: server 10.0.0.3 does not answer ARP on eth0 | nothing is sent to it | "
         "ping -c 1 10.0.0.3"),),
    ),
    Sabotage("a server that is this host is none", "ip address add 10.0.0.3/24 dev eth0", (), ()),
    Sabotage(
        "a server that is this host, whose packets lo drops",
        "ip address add 10.0.0.3/24 dev eth0; sysctl -qw net.ipv4.conf.lo.rp_filter=1",
        ("--datapath", "packet"),
        ((f"problem: {SERVICE}: server 10.0.0.3:80 is this host itself, and lo is strict (rp_filter is 1) | "
         "nothing reaches its stack | sysctl -w net.ipv4.conf.lo.rp_filter=2"),),
    ),
    Sabotage(
        "a server without a route", "ip address flush dev eth0", (),
        ((f"problem: {SERVICE}: there is no route to server 10.0.0.3 | nothing is sent to it | "
         "ip route get 10.0.0.3"),),
    ),
    Sabotage(
        "a server behind a gateway", "ip route add 10.0.0.3 via 10.0.0.2", (),
        ((f"problem: {SERVICE}: server 10.0.0.3 is behind 10.0.0.2 | direct routing does not reach it: its "
         f"frames end at the gateway | director server edit {SERVICE} 10.0.0.3:80 --method tun"),),
    ),
    Sabotage(
        "a NAT server on an interface that is not taken, beside a router",
        "ip link add one type veth peer two; ip link set one up; ip link set two up; "
        "sysctl -qw net.ipv4.ip_forward=1",
        ("--interface", "one"),
        ((f"problem: {SERVICE}: server 10.0.0.3 is on eth0, which is not taken | "
         "its replies are not translated | --interface eth0"),
         ("note: machine: it forwards packets itself (net.ipv4.ip_forward is 1) | what a NAT server sends "
         "that belongs to no connection goes out untranslated | "
         "sysctl -w net.ipv4.ip_forward=0, unless it is a router as well")),
        "nat",
    ),
    Sabotage(
        "a tunnel that is too small", "", (),
        ((f"note: {SERVICE}: a tunnel to 10.0.0.3 has room for packets of 1480 bytes | "
         "clients that send 1500 are told to send less | "
         "ip link set eth0 mtu 1520, at the servers as well"),),
        "tun",
    ),
)  # fmt: skip


@pytest.mark.parametrize("sabotage", SERVICE_SABOTAGES, ids=lambda sabotage: sabotage.says)
def test_what_is_wrong_with_the_way_to_a_server_is_told(host: Scene, sabotage: Sabotage) -> None:
    host.shell(sabotage.commands.format(server=host.server.name) or "true")
    found = host.findings("--config", host.file(sabotage.method), *sabotage.arguments)
    assert sorted(found) == sorted(sabotage.findings)


@needs("nft")
def test_packet_filters_and_sockets_in_the_way_are_told(host: Scene) -> None:
    host.shell("nft add table inet guarding; ip address add 192.0.2.1/32 dev lo")
    command = "import socket, subprocess, sys\nheld = socket.create_server(('192.0.2.1', 80))\n"
    run = "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    arguments = (PROGRAM, "check", "--socket", host.socket, "--config", host.file())
    done = host.director.execute("python3", "-c", command + run, *arguments)
    assert done.stdout.splitlines() == [
        (
            "note: machine: it has packet filters (nftables inet guarding), so their rules do not hold for "
            "services: the director takes those packets before them; "
            "filter at the servers, or before the director"
        ),
        *FIT.splitlines(),
        *BY_TC.splitlines(),
        (
            f"problem: {SERVICE}: a socket of this host is bound to 192.0.2.1:80, so it gets none of "
            "its packets while the director runs; ss -lntp 'sport = :80' names its process; stop that"
        ),
    ]


STRANGER = """
__attribute__((section("xdp"), used)) int stranger(void *context) { return context ? 2 : 1; }
__attribute__((section("license"), used)) char licence[] = "GPL";
"""


@needs("clang")
def test_an_xdp_program_of_somebody_else_is_named(host: Scene) -> None:
    source, program = host.directory / "stranger.c", host.directory / "stranger.o"
    source.write_text(STRANGER)
    host.port("gro", "on", "tx", "off")
    host.shell(f"clang -O2 -target bpf -c {source} -o {program}; ip link set eth0 xdp obj {program} sec xdp")
    has = "eth0: it has the XDP program stranger"
    assert host.findings() == [f"note: {has} | what that takes is not forwarded | ip link set eth0 xdp off"]
    assert host.findings(*XDP) == [
        f"problem: {has} | the director's can not be put there | ip link set eth0 xdp off"
    ]
    refused = host.director.execute(PROGRAM, "run", "--socket", host.socket, *XDP)
    assert (refused.returncode, "there is one already" in refused.stderr) == (1, True)
    host.shell(host.remedies(*XDP)[0])
    assert host.findings(*XDP) == []


def test_without_rights_it_says_what_it_can_not_see(host: Scene) -> None:
    status, text = host.check(privileges=("setpriv", "--bounding-set=-all", "--inh-caps=-all"))
    lacking = "CAP_NET_ADMIN, CAP_NET_RAW, CAP_PERFMON, CAP_BPF"
    assert (status, text.splitlines()[1]) == (
        1,
        (
            f"problem: machine: this process lacks {lacking}, so `director run` can not start with its "
            "rights, and not all can be seen; run it as root"
        ),
    )


def test_a_check_changes_nothing(host: Scene) -> None:
    before = host.director.snapshot()
    host.findings(*XDP, "--config", host.file())
    assert host.director.snapshot() == before
