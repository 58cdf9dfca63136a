# SPDX-License-Identifier: Apache-2.0
"""What is compared: each way from client to server, and the commands that set it up in the lab.

Pure: a table of nouns. A further data path of the director is one more word in DATAPATHS.
"""

from dataclasses import dataclass
from enum import Enum

from bench import scene
from bench.scene import CLIENT_PAST, CLIENTS, DIRECTOR_BACK, FRAMES, SERVER_BACK, VIP


class Replies(Enum):
    """Which way the server's replies take."""

    PASS = "pass"  # back through the director
    BYPASS = "bypass"  # to the client at once
    NONE = "none"  # there is no server


class Carries(Enum):
    """What is handed on: packets one by one, or the bytes of TCP connections that end here."""

    PACKETS = "packets"
    BACK = "back"  # packets, to where they came from
    CONNECTIONS = "connections"


@dataclass(frozen=True, slots=True)
class Start:
    """A program that runs on: its configuration, whose path is put behind its command."""

    name: str
    configuration: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """What is done in a node: commands to their end, then programs that stay."""

    node: str
    commands: tuple[tuple[str, ...], ...] = ()
    programs: tuple[Start, ...] = ()


@dataclass(frozen=True, slots=True)
class Contender:
    """One way from client to server. `forwarding` names the plain kernel forwarding of the same shape;
    `in_kernel` says that no thread is woken for a packet, so that one core can do all that becomes of it.
    """

    name: str
    title: str
    replies: Replies
    carries: Carries
    steps: tuple[Step, ...]
    forwarding: str = "forward"
    is_director: bool = True
    in_kernel: bool = True


DATAPATHS = ("packet", "tc", "xdp")
METHODS = {"dr": Replies.BYPASS, "tun": Replies.BYPASS, "nat": Replies.PASS}
DIRECT, FORWARD, FORWARD_BYPASS, DNAT = "direct", "forward", "forward-bypass", "nft-dnat"
HAPROXY, NGINX_STREAM, BARE_XDP = "haproxy", "nginx-stream", "bare-xdp"
TOOLS = "{tools}"  # in a command: the directory of the bench's own programs


def _run(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FORWARDING = ("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
ROUTE_TO_SERVER = _run(f"ip route add {VIP}/32 via {SERVER_BACK}")
ROUTE_PAST = _run(f"ip route add {CLIENTS} via {CLIENT_PAST}")
TUNNEL_ROUTE_PAST = (*ROUTE_PAST, "advmss", "1440")
# What xdp asks of the other ends: checksums filled in by who sends, and a receiver that polls.
FIT_FOR_XDP = tuple(
    Step(node, (_run(f"ethtool -K {leg} tx off gro on"),))
    for node, leg in (("client", "front"), ("server", "back"))
)
HOLD_VIP = _run(f"ip address add {VIP}/32 dev lo")


def xdp(leg: str, program: str) -> tuple[str, ...]:
    """Say the command that puts one of our programs on a leg, by its driver."""
    return _run(f"ip link set dev {leg} xdpdrv object {TOOLS}/{FRAMES} program {program}")


def _proxy(name: str, title: str, configuration: str, *command: str) -> Contender:
    program = Start(name, configuration, command)
    return Contender(
        name, title, Replies.PASS, Carries.CONNECTIONS, (Step("director", (HOLD_VIP,), (program,)),)
    )


def _director(datapath: str, method: str, replies: Replies) -> Contender:
    run = ("director", "run", "--datapath", datapath, "--config")
    take = _run(f"realserver up --vip {VIP} --method {method} --interface back --director {DIRECTOR_BACK}")
    past = {"dr": (ROUTE_PAST,), "tun": (TUNNEL_ROUTE_PAST,), "nat": ()}[method]
    return Contender(
        name=f"{datapath}-{method}",
        title=f"director {datapath}, {method.upper()}{', tx off' if datapath == 'xdp' else ''}",
        replies=replies,
        carries=Carries.PACKETS,
        steps=(
            *(FIT_FOR_XDP if datapath == "xdp" else ()),
            Step("server", (*past, take)),
            Step("director", programs=(Start("director", scene.director(method), run),)),
        ),
        forwarding=FORWARD_BYPASS if replies is Replies.BYPASS else FORWARD,
        in_kernel=datapath != "packet",
    )


CONTENDERS = (
    Contender(DIRECT, "no director", Replies.BYPASS, Carries.PACKETS, (), is_director=False),
    Contender(
        FORWARD,
        "kernel forwarding",
        Replies.PASS,
        Carries.PACKETS,
        (Step("server", (HOLD_VIP,)), Step("director", (FORWARDING, ROUTE_TO_SERVER))),
    ),
    Contender(
        FORWARD_BYPASS,
        "kernel forwarding, replies bypass",
        Replies.BYPASS,
        Carries.PACKETS,
        (Step("server", (HOLD_VIP, ROUTE_PAST)), Step("director", (FORWARDING, ROUTE_TO_SERVER))),
        forwarding=FORWARD_BYPASS,
    ),
    Contender(
        DNAT,
        "nftables DNAT",
        Replies.PASS,
        Carries.PACKETS,
        (Step("director", (FORWARDING, ("nft", scene.NFTABLES))),),
    ),
    _proxy(HAPROXY, "HAProxy, TCP mode", scene.haproxy(), "haproxy", "-db", "-f"),
    _proxy(NGINX_STREAM, "nginx stream", scene.nginx_stream(), "nginx", "-e", "/run/stream.log", "-c"),
    Contender(
        BARE_XDP,
        "bare XDP_TX, MACs swapped",
        Replies.NONE,
        Carries.BACK,
        (Step("director", (xdp("front", "turn"),)),),
    ),
    *(_director(datapath, method, replies) for datapath in DATAPATHS for method, replies in METHODS.items()),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
