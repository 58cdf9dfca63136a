# SPDX-License-Identifier: Apache-2.0
"""From a host as it is and as it is wanted to the steps between, and the memory that undoes them. Pure.

The invariant: wanted values are computed from the host as it would be without this tool (`before_us`).
So asking twice changes nothing, asking for something else leaves no trace of what was asked for before, and
asking for NOTHING restores everything.
"""

from __future__ import annotations

from dataclasses import replace

from realserver.errors import WantedError
from realserver.settings import (
    ABSENT,
    LOOPBACK,
    TUNNEL_DEVICE,
    AddressKey,
    ClsactKey,
    DecapKey,
    Duty,
    HostState,
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
    Wanted,
)
from realserver.targets import targets, uses_kernel_tunnel

# The VIP comes last and goes first: it is never bound while ARP would be answered, or its packets refused.
ORDER = (ModuleKey, SysctlKey, LinkKey, ClsactKey, DecapKey, RouteKey, RuleKey, AddressKey)


def plan(have: HostState, want: Wanted) -> tuple[Step, ...]:
    """List the changes that make the host what is wanted, in the order that is safe under traffic."""
    now = _with_tunnel_device(have, want)
    base = before_us(have, now)
    wanted = targets(have, base, want)
    goal = {key: wanted.get(key, base.get(key, ABSENT)) for key in (*_touched(have), *wanted)}
    steps = [Step(key, now.get(key, ABSENT), value) for key, value in goal.items()]
    steps = [step for step in steps if step.before != step.after and _is_possible(have, step)]
    _refuse_unwritable(steps)
    withdrawn = [step for step in steps if step.key not in wanted]
    added = [step for step in steps if step.key in wanted]
    return (*sorted(withdrawn, key=_rank, reverse=True), *sorted(added, key=_rank))


def before_us(have: HostState, now: Settings) -> Settings:
    """Show the host as it would be had this tool never run: what it set is read back, what others set stays.

    The unwrapping program is known by its name, so it counts as this tool's even where the memory was lost.
    """
    base = dict(now)
    for entry in have.ledger:
        if base.get(entry.key, ABSENT) in entry.ours:
            base[entry.key] = entry.original
    return {key: value for key, value in base.items() if not isinstance(key, DecapKey)}


def record(ledger: tuple[LedgerEntry, ...], step: Step) -> tuple[LedgerEntry, ...]:
    """Remember a step before it is taken; a crash between the two then loses nothing."""
    if isinstance(step.key, ModuleKey):
        return ledger
    known = next((entry for entry in ledger if entry.key == step.key), None)
    if known is None or step.before not in (*known.ours, known.original):
        entry = LedgerEntry(step.key, step.before, (step.after,))
    else:
        entry = replace(known, ours=tuple(dict.fromkeys((*known.ours, step.after))))
    return (*(other for other in ledger if other.key != step.key), entry)


def settle(have: HostState, want: Wanted) -> tuple[LedgerEntry, ...]:
    """Forget what is back at its original, or became somebody else's, or can no longer be undone."""
    return tuple(
        replace(entry, ours=(have.get(entry.key),))
        for entry in have.ledger
        if have.get(entry.key) in entry.ours
        and have.get(entry.key) != entry.original
        and (want.duties or _is_possible(have, Step(entry.key, have.get(entry.key), entry.original)))
    )


def left_alone(have: HostState) -> tuple[LedgerEntry, ...]:
    """List what somebody else has changed since this tool set it, and `down` therefore does not restore."""
    return tuple(
        entry
        for entry in have.ledger
        if have.get(entry.key) not in (*entry.ours, entry.original) and _exists(have, entry.key)
    )


def merge(want: Wanted, duties: tuple[Duty, ...]) -> Wanted:
    """Add duties to what is wanted; one for the same VIP, method and source replaces the older."""
    newer = {duty.identity for duty in duties}
    kept = tuple(duty for duty in want.duties if duty.identity not in newer)
    return Wanted((*kept, *dict.fromkeys(duties)))


def _touched(have: HostState) -> tuple[Key, ...]:
    programs = (key for key in have.settings if isinstance(key, DecapKey))
    return (*(entry.key for entry in have.ledger), *programs)


def _with_tunnel_device(have: HostState, want: Wanted) -> Settings:
    """Add the device that loading the module will make: down, with the default filter."""
    settings = dict(have.settings)
    if have.ipip is IpipSupport.LOADABLE and any(uses_kernel_tunnel(have, duty) for duty in want.duties):
        settings[LinkKey(TUNNEL_DEVICE)] = LinkState.DOWN
        inherited = have.get(SysctlKey("ipv4", "default", "rp_filter"))
        settings[SysctlKey("ipv4", TUNNEL_DEVICE, "rp_filter")] = inherited
    return settings


def _refuse_unwritable(steps: list[Step]) -> None:
    for step in steps:
        if isinstance(step.before, Route) and step.before.unwritable:
            raise WantedError(
                f"the default route has attributes that could not be restored "
                f"({', '.join(step.before.unwritable)}): use --source ADDRESS, which leaves it alone"
            )


def _exists(have: HostState, key: Key) -> bool:
    match key:
        case SysctlKey():
            known = {interface.name for interface in have.interfaces} | {"all", "default"}
            return key.interface in known or _comes_with_module(have, key.interface)
        case LinkKey(name=name):
            return have.interface(name) is not None or _comes_with_module(have, name)
        case ClsactKey(interface=name) | DecapKey(interface=name):
            return have.interface(name) is not None
        case AddressKey(interface=name):
            return name == LOOPBACK or have.interface(name) is not None
        case _:
            return True


def _comes_with_module(have: HostState, name: str) -> bool:
    return name == TUNNEL_DEVICE and have.ipip is IpipSupport.LOADABLE


def _is_possible(have: HostState, step: Step) -> bool:
    if isinstance(step.key, ClsactKey) and step.after is ABSENT and step.key.interface in have.shared_clsact:
        return False  # removing it would take somebody else's filters along
    if isinstance(step.key, RouteKey) and isinstance(step.after, Route) and step.after.interface:
        return have.interface(step.after.interface) is not None
    return _exists(have, step.key)


def _rank(step: Step) -> int:
    return ORDER.index(type(step.key))
