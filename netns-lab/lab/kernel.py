# SPDX-License-Identifier: Apache-2.0
"""The network steps of a plan, carried out by netlink, and the namespaces' state, read back.

Decides nothing: each step is one or two requests to the kernel. The only file of the lab that knows
pyroute2. A socket belongs to the namespace it was opened in, so a thread enters a namespace to open one
and leaves at once.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from netaddr import IPNetwork
from pyroute2 import IPRoute, netns
from pyroute2.ethtool.ioctl import IoctlEthtool
from pyroute2.netlink.exceptions import NetlinkError

from lab import plan
from lab.endings import uninterrupted
from lab.errors import LabError
from lab.paths import NAMESPACES
from lab.topology import MAIN_TABLE

NO_DUPLICATE_DETECTION = 0x02
PERMANENT = 0x80


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Keep the calling thread within a namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        netns.setns(str(NAMESPACES / namespace))
        try:
            yield
        finally:
            netns.setns(home)
    finally:
        os.close(home)


def existing_namespaces() -> frozenset[str]:
    """Name every namespace of the machine that has a name."""
    return frozenset(netns.listnetns())


def remove_namespace(namespace: str) -> None:
    netns.remove(namespace)


class Kernel:
    """Carries out network steps, with one netlink socket per namespace while it is open."""

    def __init__(self) -> None:
        self._sockets: dict[str, IPRoute] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def routing(self, namespace: str) -> IPRoute:
        if namespace not in self._sockets:
            with inside(namespace):
                self._sockets[namespace] = self._stack.enter_context(IPRoute())
        return self._sockets[namespace]

    def index(self, namespace: str, interface: str) -> int:
        found = self.routing(namespace).link_lookup(ifname=interface)
        if not found:
            raise LabError(f"namespace {namespace}: no interface {interface}")
        return int(found[0])

    def apply(self, step: plan.NetworkStep) -> None:
        """Carry out one step."""
        try:
            _apply(step, self)
        except (NetlinkError, OSError) as error:
            raise LabError(f"the kernel refused {step}: {error}") from error


@functools.singledispatch
def _apply(step: plan.NetworkStep, kernel: Kernel) -> None:
    raise AssertionError(f"no way to carry out {step} with {kernel}")


@_apply.register
def _(step: plan.CreateNamespace, _kernel: Kernel) -> None:
    with uninterrupted():  # it is made by a child process, which an interrupted parent would not wait for
        netns.create(step.namespace)


@_apply.register
def _(step: plan.SetSysctl, _kernel: Kernel) -> None:
    path = Path("/proc/sys", *step.sysctl.key.split("."))
    with inside(step.namespace):
        path.write_text(step.sysctl.value)


@_apply.register
def _(step: plan.CreateBridge, kernel: Kernel) -> None:
    bridge = {"kind": "bridge", "br_stp_state": 0, "br_forward_delay": 0, "br_mcast_snooping": 0}
    kernel.routing(step.namespace).link("add", ifname=step.name, mtu=step.mtu, **bridge)


@_apply.register
def _(step: plan.CreateCable, kernel: Kernel) -> None:
    near, far = _end(step.near), _end(step.far) | {"net_ns_fd": step.far.namespace}
    kernel.routing(step.near.namespace).link("add", kind="veth", peer=far, **near)


def _end(end: plan.End) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {"ifname": end.name, "mtu": end.mtu}
    return attributes | ({"address": str(end.mac)} if end.mac else {})


@_apply.register
def _(step: plan.AttachToBridge, kernel: Kernel) -> None:
    port, bridge = (kernel.index(step.namespace, name) for name in (step.port, step.bridge))
    kernel.routing(step.namespace).link("set", index=port, master=bridge)


@_apply.register
def _(step: plan.SetOffload, _kernel: Kernel) -> None:
    with inside(step.namespace):
        IoctlEthtool(step.interface).set_offload_flag(
            step.setting.offload.kernel_name, int(step.setting.state.value)
        )


@_apply.register
def _(step: plan.AddAddress, kernel: Kernel) -> None:
    kernel.routing(step.namespace).addr(
        "add",
        index=kernel.index(step.namespace, step.interface),
        address=str(step.address.ip),
        prefixlen=step.address.prefixlen,
        **({"flags": NO_DUPLICATE_DETECTION} if step.address.version == 6 else {}),
    )


@_apply.register
def _(step: plan.SetUp, kernel: Kernel) -> None:
    kernel.routing(step.namespace).link("set", index=kernel.index(step.namespace, step.interface), state="up")


@_apply.register
def _(step: plan.AddNeighbour, kernel: Kernel) -> None:
    kernel.routing(step.namespace).neigh(
        "replace",
        dst=str(step.neighbour.address),
        lladdr=str(step.neighbour.mac),
        ifindex=kernel.index(step.namespace, step.neighbour.interface),
        state=PERMANENT,
    )


@_apply.register
def _(step: plan.AddRoute, kernel: Kernel) -> None:
    route = step.route
    attributes: dict[str, object] = {"dst": str(route.destination), "table": route.table}
    if route.via is not None:
        attributes["gateway"] = str(route.via)
    if route.interface is not None:
        attributes["oif"] = kernel.index(step.namespace, route.interface)
        attributes |= {"scope": "link"} if route.via is None else {}
    if route.advertised_mss is not None:
        attributes["metrics"] = {"advmss": route.advertised_mss}
    kernel.routing(step.namespace).route("add", family=_family(route.destination), **attributes)


@_apply.register
def _(step: plan.AddRule, kernel: Kernel) -> None:
    rule = step.rule
    attributes: dict[str, object] = {"table": rule.table, "priority": rule.priority}
    for key, end in (("src", rule.source), ("dst", rule.destination)):
        if end is not None:
            attributes |= {key: str(end.ip), f"{key}_len": end.prefixlen}
            attributes["family"] = _family(end)
    kernel.routing(step.namespace).rule("add", **attributes)


def _family(network: IPNetwork) -> int:
    return 10 if network.version == 6 else 2


@dataclass(frozen=True, slots=True)
class LinkState:
    """An interface as the kernel has it."""

    name: str
    state: str
    mtu: int
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteState:
    """A default route or another route of the main table, in words."""

    destination: str
    via: str


def link_states(kernel: Kernel, namespace: str) -> tuple[LinkState, ...]:
    """Read the interfaces of a namespace with their addresses, `lo` among them."""
    routing = kernel.routing(namespace)
    addresses: dict[int, list[str]] = {}
    for message in routing.get_addr():
        if message.get("scope") != 253:
            address = f"{message.get('address')}/{message['prefixlen']}"
            addresses.setdefault(message["index"], []).append(address)
    return tuple(
        LinkState(
            name=message.get("ifname"),
            state=str(message.get("operstate")).lower(),
            mtu=message.get("mtu"),
            mac=message.get("address"),
            addresses=tuple(addresses.get(message["index"], ())),
        )
        for message in routing.get_links()
    )


def route_states(kernel: Kernel, namespace: str) -> tuple[RouteState, ...]:
    """Read the routes of the main table that have a gateway."""
    return tuple(
        RouteState(_destination(message), str(message.get("gateway")))
        for message in kernel.routing(namespace).get_routes(table=MAIN_TABLE)
        if message.get("gateway")
    )


def _destination(message: object) -> str:
    destination = message.get("dst")  # type: ignore[attr-defined]
    return f"{destination}/{message['dst_len']}" if destination else "default"  # type: ignore[index]
