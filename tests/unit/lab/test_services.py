# SPDX-License-Identifier: Apache-2.0
"""The programs' configuration keeps to the lab's directory and names the server."""

import json
import re
from pathlib import Path

from netaddr import IPAddress

from lab.document import parse_topology
from lab.paths import LabPaths
from lab.services import ACCESS_LOG_FIELDS, File, Port, Program, render
from lab.topology import Endpoint, Protocol

PATHS = LabPaths(Path("/run/netns-lab"), "t")
TOPOLOGY = parse_topology(
    """
    [segment.lan]
    [node.rs1.interface.lan]
    addresses = ["10.0.0.11/24", "fd00::11/64"]
    [node.rs1.service]
    web = { kind = "nginx", listen = ["0.0.0.0:80", "[::]:8080"] }
    dns = { kind = "dnsmasq", listen = ["0.0.0.0:53"] }
    vip = { kind = "dnsmasq", listen = ["192.0.2.1:5353"] }
    """,
    Path("t.toml"),
)
NODE = TOPOLOGY.node("rs1")
WEB, DNS, VIP = NODE.services
ROOM = Path("/run/netns-lab/t/nodes/rs1")


def _port(protocol: Protocol, address: str, port: int) -> Port:
    return Port(protocol, Endpoint(IPAddress(address), port))


def test_nginx_runs_with_files_of_its_own_only() -> None:
    program = render(NODE, WEB, PATHS)
    configuration, page = program.files
    assert Program(program.files[1:], program.command, program.ports) == Program(
        files=(File(ROOM / "web/www/index.html", "rs1\n"),),
        command=(
            "nginx", "-p", f"{ROOM}/web", "-c", f"{ROOM}/web/nginx.conf",
            "-e", "/run/netns-lab/t/logs/rs1-web.log",
        ),
        ports=(_port(Protocol.TCP, "0.0.0.0", 80), _port(Protocol.TCP, "::", 8080)),
    )  # fmt: skip
    paths = set(re.findall(r" (/[^ ;]+)", configuration.text))
    assert {path for path in paths if not path.startswith("/run/netns-lab/t/")} == set()
    assert page.path.parent == ROOM / "web/www"


def test_nginx_listens_where_the_topology_says() -> None:
    text = render(NODE, WEB, PATHS).files[0].text
    assert re.findall(r"listen (.+);", text) == ["0.0.0.0:80", "[::]:8080"]


def test_nginx_logs_an_object_a_line_with_the_clients_address() -> None:
    found = re.search(r"log_format lab escape=json '(.+)';", render(NODE, WEB, PATHS).files[0].text)
    assert found is not None
    assert json.loads(found[1]) == ACCESS_LOG_FIELDS
    assert ACCESS_LOG_FIELDS["client"] == "$remote_addr"


def test_dnsmasq_answers_with_the_servers_name() -> None:
    assert render(NODE, DNS, PATHS) == Program(
        files=(
            File(
                ROOM / "dns/dnsmasq.conf",
                """\
keep-in-foreground
no-resolv
no-hosts
user=root
group=root
pid-file=/run/netns-lab/t/nodes/rs1/dns/dnsmasq.pid
log-queries=extra
log-facility=/run/netns-lab/t/logs/rs1-dns-access.log
cache-size=0
port=53
local=/lab/
txt-record=whoami.lab,rs1
host-record=rs1.lab,10.0.0.11
host-record=rs1.lab,fd00::11
""",
            ),
        ),
        command=("dnsmasq", f"--conf-file={ROOM}/dns/dnsmasq.conf"),
        ports=(_port(Protocol.TCP, "0.0.0.0", 53), _port(Protocol.UDP, "0.0.0.0", 53)),
    )


def test_dnsmasq_binds_a_named_address_when_it_appears() -> None:
    lines = render(NODE, VIP, PATHS).files[0].text.splitlines()
    assert lines[-2:] == ["listen-address=192.0.2.1", "bind-dynamic"]
