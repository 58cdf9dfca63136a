# SPDX-License-Identifier: Apache-2.0
"""A host that exists in memory only, for the tests of plans: takes steps as a kernel would, and can fail."""

from __future__ import annotations

from dataclasses import replace

from netaddr import EUI, IPAddress, IPNetwork

from realserver.errors import HostError
from realserver.settings import (
    ABSENT,
    PRESENT,
    TUNNEL_DEVICE,
    AddressKey,
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
    Step,
    SysctlKey,
    Value,
)

VIP = IPAddress("192.0.2.1")
OTHER_VIP = IPAddress("192.0.2.2")
VIP6 = IPAddress("2001:db8::1")
DIRECTOR = IPAddress("10.0.0.1")
OTHER_DIRECTOR = IPAddress("10.1.0.1")
OWN = IPAddress("10.0.0.2")
GATEWAY = IPAddress("10.0.0.254")
ANYWHERE = IPNetwork("0.0.0.0/0")
DEFAULT = RouteKey(254, ANYWHERE, 0)
CONNECTED = RouteKey(254, IPNetwork("10.0.0.0/24"), 0)
ON_LINK = Route(None, "eth0", source=OWN, protocol=2, scope=253)


def interface(name: str, index: int, *addresses: str) -> Interface:
    own = (IPNetwork(address) for address in addresses)
    return Interface(
        name=name,
        index=index,
        mtu=65536 if name == "lo" else 1500,
        is_ethernet=name != "lo",
        is_up=True,
        mac=None if name == "lo" else EUI(f"02:00:00:00:00:{index:02x}"),
        addresses=tuple(InterfaceAddress(each.ip, each.prefixlen) for each in own),
    )


INTERFACES = (
    interface("lo", 1, "127.0.0.1/8", "::1/128"),
    interface("eth0", 2, "10.0.0.2/24", "2001:db8:0:1::2/64"),
    interface("eth1", 3, "10.1.0.2/24"),
)


def sysctls(**values: str) -> dict[Key, Value]:
    """Build the sysctls of every interface, 0 but for those named `INTERFACE_NAME`."""
    names = ("all", "default", "lo", "eth0", "eth1")
    return {
        SysctlKey("ipv4", where, name): values.get(f"{where}_{name}", "0")
        for where in names
        for name in ("arp_ignore", "arp_announce", "rp_filter")
    }


def fresh_host(*, ipip: IpipSupport = IpipSupport.MISSING, **values: str) -> HostState:
    """Describe a host with two networks and a default route, as it is before this tool was ever run."""
    settings = sysctls(**values)
    settings |= {
        AddressKey(each.name, own.address, own.prefix): PRESENT
        for each in INTERFACES
        for own in each.addresses
    }
    settings |= {DEFAULT: Route(GATEWAY, "eth0", protocol=3), CONNECTED: ON_LINK}
    return HostState(INTERFACES, settings, ipip)


class SimulatedHost:
    """Takes steps, records them, and fails where it is told to, before or after the change was made."""

    def __init__(self, have: HostState) -> None:
        self.settings: dict[Key, Value] = dict(have.settings)
        self.steps: list[Step] = []
        self._have = have
        self._patience: int | None = None
        self._fails_after_the_change = False

    def fail_at(self, step: int, *, after_the_change: bool) -> None:
        self._patience, self._fails_after_the_change = step, after_the_change

    def observe(self, ledger: tuple[LedgerEntry, ...] = ()) -> HostState:
        return replace(self._have, settings=dict(self.settings), ledger=ledger)

    def apply(self, step: Step) -> None:
        fails = self._patience is not None and self._patience <= 0
        if fails and not self._fails_after_the_change:
            self._fail()
        self._change(step)
        if fails:
            self._fail()
        self._patience = None if self._patience is None else self._patience - 1

    def _fail(self) -> None:
        self._patience = None
        raise HostError("the power went out")

    def _change(self, step: Step) -> None:
        assert self.settings.get(step.key, ABSENT) == step.before
        self.steps.append(step)
        if isinstance(step.key, ModuleKey):
            self._load_ipip()
        elif step.after is ABSENT:
            del self.settings[step.key]
        else:
            self.settings[step.key] = step.after

    def _load_ipip(self) -> None:
        self.settings |= with_ipip_loaded(self.settings)
        self._have = loaded_host(self._have)


def loaded_host(have: HostState) -> HostState:
    tunnel = replace(interface(TUNNEL_DEVICE, 9), is_ethernet=False, is_up=False, mac=None)
    settings = with_ipip_loaded(dict(have.settings))
    return HostState((*have.interfaces, tunnel), settings, IpipSupport.LOADED)


def with_ipip_loaded(settings: dict[Key, Value]) -> dict[Key, Value]:
    """Add what the kernel adds when the ipip module is loaded."""
    inherited = settings[SysctlKey("ipv4", "default", "rp_filter")]
    return settings | {
        ModuleKey("ipip"): PRESENT,
        LinkKey(TUNNEL_DEVICE): LinkState.DOWN,
        SysctlKey("ipv4", TUNNEL_DEVICE, "rp_filter"): inherited,
    }
