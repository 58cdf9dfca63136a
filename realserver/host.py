# SPDX-License-Identifier: Apache-2.0
"""The host itself: look at what this tool may touch, and take one step. Decides nothing.

It talks to the kernel by netlink (pyroute2), /proc/sys and the eBPF loader, always within the network
namespace that it was started in.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from netaddr import EUI, IPAddress
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from realserver import bpf
from realserver.errors import HostError
from realserver.routes import parse_route, parse_rule, route_request, rule_request
from realserver.settings import (
    ABSENT,
    PRESENT,
    TUNNEL_DEVICE,
    AddressKey,
    ClsactKey,
    Decap,
    DecapKey,
    HostState,
    Interface,
    InterfaceAddress,
    IpipSupport,
    Key,
    LedgerEntry,
    LinkKey,
    LinkState,
    ModuleKey,
    Route,
    RouteKey,
    RuleKey,
    Settings,
    Step,
    SysctlKey,
    Value,
)
from realserver.words import describe

SYSCTLS = ("arp_ignore", "arp_announce", "rp_filter")
PROC_CONF = Path("/proc/sys/net")
ARPHRD_ETHER = 1
IFF_UP = 1
IFA_F_NODAD = 2
RT_TABLE_LOCAL = 255
TCA_BPF_ID = 11
INGRESS = 0xFFFFFFF2  # TC_H_CLSACT, ingress side
ETH_P_ALL = 3
FILTER_NAME = "realserver-decap-"
FILTER_PRIORITY = 20
FILTER_HANDLE = 1


class Host:
    """One open netlink socket; a context manager."""

    def __init__(self) -> None:
        try:
            self._ip = IPRoute()
        except OSError as error:
            raise HostError(f"no netlink socket: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ip.close()

    # ---- looking

    def observe(self, ledger: tuple[LedgerEntry, ...] = ()) -> HostState:
        """Look at everything that any step may touch."""
        interfaces = self._interfaces()
        settings: dict[Key, Value] = {}
        settings.update(self._addresses(interfaces))
        settings.update(_sysctls(interfaces))
        settings.update(self._routes())
        settings.update(self._rules())
        shared = frozenset(self._observe_ingress(interfaces, settings))
        ipip = self._ipip(interfaces)
        if ipip is IpipSupport.LOADED:
            device = next(interface for interface in interfaces if interface.name == TUNNEL_DEVICE)
            settings[LinkKey(TUNNEL_DEVICE)] = LinkState.UP if device.is_up else LinkState.DOWN
        if ipip is not IpipSupport.LOADABLE:
            settings[ModuleKey("ipip")] = PRESENT if ipip is IpipSupport.LOADED else ABSENT
        return HostState(interfaces, settings, ipip, shared, ledger)

    def decap_program(self, interface: str) -> int:
        """Find the kernel's id of the unwrapping program on this interface."""
        for _, program in self._own_filters(self._index(interface)):
            return program
        raise HostError(f"no unwrapping program is on {interface}")

    def _interfaces(self) -> tuple[Interface, ...]:
        addresses: dict[int, list[InterfaceAddress]] = {}
        for message in self._ip.get_addr():
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            own = InterfaceAddress(IPAddress(text), message["prefixlen"])
            addresses.setdefault(message["index"], []).append(own)
        return tuple(
            Interface(
                name=link.get_attr("IFLA_IFNAME"),
                index=link["index"],
                mtu=link.get_attr("IFLA_MTU"),
                is_ethernet=link["ifi_type"] == ARPHRD_ETHER,
                is_up=bool(link["flags"] & IFF_UP),
                mac=EUI(link.get_attr("IFLA_ADDRESS")) if link["ifi_type"] == ARPHRD_ETHER else None,
                addresses=tuple(addresses.get(link["index"], ())),
            )
            for link in self._ip.get_links()
        )

    def _addresses(self, interfaces: tuple[Interface, ...]) -> Settings:
        return {
            AddressKey(interface.name, own.address, own.prefix): PRESENT
            for interface in interfaces
            for own in interface.addresses
        }

    def _routes(self) -> Settings:
        messages = [message for family in (2, 10) for message in self._ip.get_routes(family=family)]
        parsed = (
            parse_route(message, self._name) for message in messages if message["table"] != RT_TABLE_LOCAL
        )
        return dict(parsed)

    def _rules(self) -> Settings:
        rules = (parse_rule(message) for family in (2, 10) for message in self._ip.get_rules(family=family))
        return {rule: PRESENT for rule in rules if rule is not None}

    def _observe_ingress(
        self, interfaces: tuple[Interface, ...], settings: dict[Key, Value]
    ) -> Iterator[str]:
        """Note each clsact and each program of this tool; yield where others have filters too."""
        names = {interface.index: interface.name for interface in interfaces}
        for qdisc in self._ip.get_qdiscs():
            if qdisc.get_attr("TCA_KIND") != "clsact" or qdisc["index"] not in names:
                continue
            name = names[qdisc["index"]]
            settings[ClsactKey(name)] = PRESENT
            own = tuple(self._own_filters(qdisc["index"]))
            settings.update({DecapKey(name): Decap(fingerprint) for fingerprint, _ in own})
            if self._filter_count(qdisc["index"]) > len(own):
                yield name

    def _own_filters(self, index: int) -> Iterator[tuple[str, int]]:
        for message in self._ip.get_filters(index=index, parent=INGRESS):
            options = message.get_attr("TCA_OPTIONS")
            name = (
                options.get_attr("TCA_BPF_NAME")
                if message.get_attr("TCA_KIND") == "bpf" and options
                else None
            )
            if name and name.startswith(FILTER_NAME):
                yield name.removeprefix(FILTER_NAME), _program_id(options)

    def _filter_count(self, index: int) -> int:
        """Count filters in both directions; the kernel also tells each chain's head, without options."""
        parents = (INGRESS, INGRESS + 1)
        found = (
            message for parent in parents for message in self._ip.get_filters(index=index, parent=parent)
        )
        return sum(1 for message in found if message.get_attr("TCA_OPTIONS") is not None)

    def _ipip(self, interfaces: tuple[Interface, ...]) -> IpipSupport:
        if any(interface.name == TUNNEL_DEVICE for interface in interfaces):
            return IpipSupport.LOADED
        modules = Path("/lib/modules") / os.uname().release
        for listing in ("modules.dep", "modules.builtin"):
            file = modules / listing
            if file.is_file() and any("/ipip.ko" in line.partition(":")[0] for line in file.open()):
                return IpipSupport.LOADABLE
        return IpipSupport.MISSING

    def _name(self, index: int) -> str:
        return str(self._ip.get_links(index)[0].get_attr("IFLA_IFNAME"))

    def _index(self, name: str) -> int:
        found = self._ip.link_lookup(ifname=name)
        if not found:
            raise HostError(f"interface {name} does not exist on this host")
        return int(found[0])

    # ---- changing

    def apply(self, step: Step) -> None:
        """Take one step, or say what the kernel had against it."""
        doing: dict[type[Key], Callable[[Any, Value], None]] = {
            SysctlKey: self._apply_sysctl,
            ModuleKey: self._apply_module,
            LinkKey: self._apply_link,
            ClsactKey: self._apply_clsact,
            DecapKey: self._apply_decap,
            RouteKey: self._apply_route,
            RuleKey: self._apply_rule,
            AddressKey: self._apply_address,
        }
        try:
            doing[type(step.key)](step.key, step.after)
        except NetlinkError as error:
            raise HostError(f"could not {describe(step)}: {os.strerror(error.code)}") from error
        except OSError as error:
            raise HostError(f"could not {describe(step)}: {error.strerror}") from error

    def _apply_sysctl(self, key: SysctlKey, value: Value) -> None:
        assert isinstance(value, str)
        _sysctl_path(key).write_text(f"{value}\n")

    def _apply_module(self, key: ModuleKey, _value: Value) -> None:
        """Ask for the module's own device: the kernel loads the module, which makes it, and says so."""
        try:
            self._ip.link("add", ifname=TUNNEL_DEVICE, kind=key.name)
        except NetlinkError as error:
            if error.code == errno.EOPNOTSUPP:
                raise HostError(
                    f"the kernel could not load its module {key.name}: use --decap ebpf"
                ) from error
            if error.code != errno.EEXIST:
                raise

    def _apply_link(self, key: LinkKey, value: Value) -> None:
        assert isinstance(value, LinkState)
        self._ip.link("set", index=self._index(key.name), state=value.value)

    def _apply_clsact(self, key: ClsactKey, value: Value) -> None:
        self._ip.tc("add" if value is PRESENT else "del", "clsact", self._index(key.interface))

    def _apply_decap(self, key: DecapKey, value: Value) -> None:
        index = self._index(key.interface)
        if not isinstance(value, Decap):
            self._ip.tc("del-filter", "bpf", index, parent=INGRESS, prio=FILTER_PRIORITY, protocol=ETH_P_ALL,
                        handle=FILTER_HANDLE)  # fmt: skip
            return
        with bpf.loaded_decap(value.endpoints, value.vips) as program:
            self._ip.tc("replace-filter", "bpf", index, f":{FILTER_HANDLE}", fd=program, parent=INGRESS,
                        name=FILTER_NAME + value.fingerprint, classid=1, direct_action=True,
                        prio=FILTER_PRIORITY, protocol=ETH_P_ALL)  # fmt: skip

    def _apply_route(self, key: RouteKey, value: Value) -> None:
        if isinstance(value, Route):
            self._ip.route("replace", **route_request(key, value, self._index))
            return
        request = {"family": 2 if key.destination.version == 4 else 10, "dst": str(key.destination.cidr)}
        self._ip.route("del", table=key.table, priority=key.priority, tos=key.tos, **request)

    def _apply_rule(self, key: RuleKey, value: Value) -> None:
        self._ip.rule("add" if value is PRESENT else "del", **rule_request(key))

    def _apply_address(self, key: AddressKey, value: Value) -> None:
        flags = {"flags": IFA_F_NODAD} if key.address.version == 6 and value is PRESENT else {}
        verb = "add" if value is PRESENT else "del"
        self._ip.addr(
            verb, index=self._index(key.interface), address=str(key.address), prefixlen=key.prefix, **flags
        )


def _program_id(options: Any) -> int:
    """Read TCA_BPF_ID, which pyroute2 does not know by name: a header of four bytes, then the number."""
    unknown = (value for name, value in options["attrs"] if name == "UNKNOWN")
    found = next(value for value in unknown if value["header"]["type"] == TCA_BPF_ID)
    return int.from_bytes(found.data[found.offset + 4 : found.offset + 8], sys.byteorder)


def _sysctls(interfaces: tuple[Interface, ...]) -> Settings:
    names = ("all", "default", *(interface.name for interface in interfaces))
    keys = (SysctlKey("ipv4", interface, name) for interface in names for name in SYSCTLS)
    return {key: _sysctl_path(key).read_text().strip() for key in keys if _sysctl_path(key).exists()}


def _sysctl_path(key: SysctlKey) -> Path:
    return PROC_CONF / key.family / "conf" / key.interface / key.name
