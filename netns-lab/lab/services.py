# SPDX-License-Identifier: Apache-2.0
"""The real programs in the nodes: their configuration files and command lines, rendered from a topology.

Pure: text and arguments out. Everything a program writes lies in the lab's directory; no file or service
of the host is used. Both listen on wildcard addresses by preference, so that a VIP bound later on `lo` is
served too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.paths import LabPaths
from lab.topology import Endpoint, Node, Protocol, Service, ServiceKind

WHOAMI = "whoami.lab"


@dataclass(frozen=True, slots=True)
class File:
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a program listens on when it is ready."""

    protocol: Protocol
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Program:
    """A service, ready to be started: the files it needs, its command, and how to see that it is up."""

    files: tuple[File, ...]
    command: tuple[str, ...]
    ports: tuple[Port, ...]


def render(node: Node, service: Service, paths: LabPaths) -> Program:
    """Render a node's service."""
    return RENDERERS[service.kind](node, service, paths)


ACCESS_LOG_FIELDS = {
    "time": "$msec",
    "client": "$remote_addr",
    "client_port": "$remote_port",
    "server": "$server_addr",
    "server_port": "$server_port",
    "request": "$request",
    "status": "$status",
    "bytes": "$body_bytes_sent",
}

# "user root": the lab's directory need not be readable for anyone else. Temporary paths must be named, for
# else nginx takes the ones below /var/lib that it was compiled with.
NGINX = """\
daemon off;
user root;
worker_processes 1;
pid {room}/nginx.pid;
lock_file {room}/nginx.lock;
error_log {error_log};
events {{
    worker_connections 8192;
}}
http {{
    log_format lab escape=json '{log_format}';
    access_log {access_log} lab;
    default_type text/plain;
    keepalive_requests 1000000;
    client_max_body_size 0;
    client_body_temp_path {room}/body;
    proxy_temp_path {room}/proxy;
    fastcgi_temp_path {room}/fastcgi;
    uwsgi_temp_path {room}/uwsgi;
    scgi_temp_path {room}/scgi;
    server {{
{listen}
        root {room}/www;
        add_header X-Served-By {node};
    }}
}}
"""


def _nginx(node: Node, service: Service, paths: LabPaths) -> Program:
    room = paths.service(node.name, service.name)
    error_log = paths.log(node.name, service.name)
    text = NGINX.format(
        room=room,
        node=node.name,
        error_log=error_log,
        access_log=paths.access_log(node.name, service.name),
        log_format=json.dumps(ACCESS_LOG_FIELDS),
        listen="\n".join(f"        listen {endpoint};" for endpoint in service.listen),
    )
    return Program(
        files=(File(room / "nginx.conf", text), File(room / "www" / "index.html", f"{node.name}\n")),
        command=("nginx", "-p", str(room), "-c", str(room / "nginx.conf"), "-e", str(error_log)),
        ports=tuple(Port(Protocol.TCP, endpoint) for endpoint in service.listen),
    )


# bind-dynamic binds addresses as they appear, for a listen address that is a VIP.
DNSMASQ = """\
keep-in-foreground
no-resolv
no-hosts
user=root
group=root
pid-file={room}/dnsmasq.pid
log-queries=extra
log-facility={access_log}
cache-size=0
port={port}
local=/lab/
txt-record={whoami},{node}
{records}
"""


def _dnsmasq(node: Node, service: Service, paths: LabPaths) -> Program:
    room = paths.service(node.name, service.name)
    named = [endpoint.address for endpoint in service.listen if endpoint.address.value]
    own = [str(address.ip) for interface in node.interfaces for address in interface.addresses]
    records = [f"host-record={node.name}.lab,{address}" for address in own]
    records += [f"listen-address={address}" for address in named] + (["bind-dynamic"] if named else [])
    text = DNSMASQ.format(
        room=room,
        node=node.name,
        port=service.listen[0].port,
        access_log=paths.access_log(node.name, service.name),
        whoami=WHOAMI,
        records="\n".join(records),
    )
    return Program(
        files=(File(room / "dnsmasq.conf", text),),
        command=("dnsmasq", f"--conf-file={room / 'dnsmasq.conf'}"),
        ports=tuple(Port(protocol, endpoint) for endpoint in service.listen for protocol in Protocol),
    )


RENDERERS: Mapping[ServiceKind, Callable[[Node, Service, LabPaths], Program]] = {
    ServiceKind.NGINX: _nginx,
    ServiceKind.DNSMASQ: _dnsmasq,
}
