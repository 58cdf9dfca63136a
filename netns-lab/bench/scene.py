# SPDX-License-Identifier: Apache-2.0
"""Where the bench plays: the addresses and ports of triangle.toml, and the programs' configuration files.

Pure: constants and text. Every program serves or forwards the same three ports.
"""

from pathlib import Path

TOPOLOGY = Path(__file__).parent / "triangle.toml"
FRAMES = "frames.bpf.o"  # in the directory of the bench's own programs
VIP = "192.0.2.1"
CLIENTS = "10.1.0.0/24"
CLIENT_PAST = "10.3.0.10"
DIRECTOR_FRONT, DIRECTOR_BACK = "10.1.0.1", "10.2.0.1"
SERVER_BACK, SERVER_PAST = "10.2.0.11", "10.3.0.11"
HTTP, BULK, DISCARD = 80, 5201, 9

# What the server answers is as small as can be: the way there is what counts.
WEB_SERVER = """\
daemon off;
user root;
worker_processes {workers};
pid /run/web.pid;
lock_file /run/web.lock;
error_log /run/web.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path /run/web-body;
    proxy_temp_path /run/web-proxy;
    fastcgi_temp_path /run/web-fastcgi;
    uwsgi_temp_path /run/web-uwsgi;
    scgi_temp_path /run/web-scgi;
    server {{
        listen 0.0.0.0:{port} reuseport backlog=8192;
        location / {{ return 200 "served\\n"; }}
    }}
}}
"""

NGINX_STREAM = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
worker_processes auto;
pid /run/stream.pid;
lock_file /run/stream.lock;
error_log /run/stream.log;
events {{ worker_connections 2048; }}
stream {{
{servers}
}}
"""

HAPROXY = """\
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
{listeners}
"""

NFTABLES = f"""\
table ip bench {{
    chain incoming {{
        type nat hook prerouting priority dstnat;
        ip daddr {VIP} dnat to {SERVER_BACK}
    }}
}}
"""


def web_server(workers: int) -> str:
    """Write nginx's configuration at the server."""
    return WEB_SERVER.format(workers=workers, port=HTTP)


def nginx_stream() -> str:
    """Write nginx's configuration at the director, as a proxy of TCP."""
    servers = (
        f"    server {{ listen {VIP}:{port} backlog=8192; proxy_pass {SERVER_BACK}:{port}; }}"
        for port in (HTTP, BULK)
    )
    return NGINX_STREAM.format(servers="\n".join(servers))


def haproxy() -> str:
    """Write HAProxy's configuration."""
    listeners = (
        f"listen port{port}\n    bind {VIP}:{port} backlog 8192\n    server real {SERVER_BACK}:{port}"
        for port in (HTTP, BULK)
    )
    return HAPROXY.format(listeners="\n".join(listeners))


def director(method: str) -> str:
    """Write the director's configuration for a forwarding method."""
    ports = (("tcp", HTTP), ("tcp", BULK), ("udp", DISCARD))
    return "\n".join(_service(protocol, port, method) for protocol, port in ports)


def _service(protocol: str, port: int, method: str) -> str:
    return (
        f'[[service]]\nprotocol = "{protocol}"\naddress = "{VIP}:{port}"\nscheduler = "rr"\n'
        f'[[service.destination]]\naddress = "{SERVER_BACK}:{port}"\nmethod = "{method}"\n'
    )
