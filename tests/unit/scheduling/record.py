# SPDX-License-Identifier: Apache-2.0
"""Put each run of plan.py to a real kernel and record its answers: `python -m tests.unit.scheduling.record`

Not part of the test suite: it boots User-Mode Linux, as tests/interop/record.py does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from netaddr import EUI

from director.model import Tunables
from director.scheduling import DEFAULTS, Flow
from tests.interop.record import RecordingError, ask
from tests.unit.scheduling.compiled import SERVER_MACS, frame
from tests.unit.scheduling.plan import UNKNOWN_TO_LINUX_6_1, plans
from tests.unit.scheduling.script import OPENING, Act, Client, Run, Wait, written

RECORD = Path(__file__).with_name("kernel-runs.json")
OUTSIDE_MAC, ROUTER_MAC = "02:00:00:00:01:01", "02:00:00:00:01:fe"
ROUTER, BESIDE, DIRECTOR = "203.0.113.1", "203.0.113.2", "172.16.0.1"
PAUSE = 0.1  # after a deletion the kernel may flush entries in the background
MODULES = ["veth", "ip_vs"]


def main() -> None:
    runs = plans()
    schedulers = {run.scheduler.value for run in runs} - {
        "none",
        *(each.value for each in UNKNOWN_TO_LINUX_6_1),
    }
    job = {
        "modules": [*MODULES, *(f"ip_vs_{name}" for name in sorted(schedulers))],
        "network": network(runs),
        "exchanges": [{"name": run.name, "ipvs": True, "steps": list(steps(run))} for run in runs],
    }
    kernel, said = ask(job)
    lines = [json.dumps(described(answered(run, said[run.name]["answers"]))) for run in runs]
    RECORD.write_text(f'{{"kernel": "{kernel}", "runs": [\n' + ",\n".join(lines) + "\n]}\n")
    print(RECORD)


def network(runs: list[Run]) -> dict[str, Any]:
    """Clients beyond a router on one side, the servers on the other, and every address on the director."""
    addresses = sorted({str(run.address) for run in runs})
    sides = (("out", OUTSIDE_MAC, f"{BESIDE}/24"), ("in", "02:00:00:00:02:01", f"{DIRECTOR}/24"))
    commands = ["link set lo up", *(f"address add {address}/32 dev lo" for address in addresses)]
    for name, mac, address in sides:
        commands += [
            f"link add {name}0 address {mac} type veth peer name {name}1",
            f"address add {address} dev {name}0",
            f"link set {name}0 up",
            f"link set {name}1 up",
        ]
    commands += [
        f"route add default via {ROUTER} dev out0",
        f"neigh add {ROUTER} lladdr {ROUTER_MAC} dev out0 nud permanent",
        *(
            f"neigh add 172.16.0.{number} lladdr 02:00:00:00:00:{number:02x} dev in0 nud permanent"
            for number in range(11, 20)
        ),
    ]
    quiet = {f"net/ipv4/conf/{which}/rp_filter": "0" for which in ("all", "default")}
    quiet |= {f"net/ipv6/conf/{which}/disable_ipv6": "1" for which in ("all", "default")}
    return {
        "before": quiet,
        "ip": commands,
        "after": {"net/ipv4/ip_forward": "1", "net/ipv4/icmp_ratelimit": "0"},
    }


def steps(run: Run) -> Iterator[dict[str, Any]]:
    key = (f"--{run.protocol.value}-service", f"{run.address}:{run.port}")
    flags = ("-b", ",".join(sorted(flag.value for flag in run.flags))) if run.flags else ()
    yield step(
        ipvsadm=[["-A", *key, "-s", run.scheduler.value, *flags]],
        write={f"net/ipv4/vs/{name}": str(value) for name, value in told(run.tunables).items()},
    )
    for act in run.acts:
        yield asked_of(run, key, act)


def asked_of(run: Run, key: tuple[str, str], act: Act) -> dict[str, Any]:
    if isinstance(act, Wait):
        return step(settles=act.seconds)
    if isinstance(act, Client):
        return {"end": "out1", "frame": injected(run, act).hex()}
    server = ("-r", f"172.16.0.{act.server}:{run.port}")
    weight = () if act.verb == "delete" else ("-g", "-w", str(act.weight))
    word = {"add": "-a", "edit": "-e", "delete": "-d"}[act.verb]
    return step(ipvsadm=[[word, *key, *server, *weight]], settles=PAUSE if act.verb == "delete" else 0)


def step(**given: Any) -> dict[str, Any]:
    return {"write": {}, "ip": [], "nft": "", "ipvsadm": [], "settles": 0, **given}


def injected(run: Run, act: Client) -> bytes:
    flow = Flow(act.address, act.port, run.address)
    macs = EUI(OUTSIDE_MAC).packed + EUI(ROUTER_MAC).packed
    return macs + frame(run.protocol, run.port, flow, act.kind)[len(macs) :]


def answered(run: Run, answers: list[dict[str, Any]]) -> Run:
    """Fill in whom each new connection was given."""
    coming = iter(answers)
    acts: list[Act] = []
    for act in run.acts:
        answer = next(coming) if isinstance(act, Client) else None
        if isinstance(act, Client) and answer is not None and act.kind in OPENING:
            acts.append(replace(act, server=receiver(answer["out"])))
        else:
            acts.append(act)
    return replace(run, acts=tuple(acts))


def receiver(out: list[list[str]]) -> int | None:
    for end, sent in out:
        if end == "in1" and bytes.fromhex(sent)[:5] == SERVER_MACS:
            return bytes.fromhex(sent)[5]
    return None


def described(run: Run) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": run.name,
        "scheduler": run.scheduler.value,
        "service": f"{run.protocol.value}:{run.address}:{run.port}",
    }
    if run.flags:
        said["flags"] = sorted(flag.value for flag in run.flags)
    if told(run.tunables):
        said["tunables"] = told(run.tunables)
    return {**said, "script": written(run.acts)}


def told(tunables: Tunables) -> dict[str, int]:
    names = (field.name for field in fields(Tunables))
    pairs = ((name, getattr(tunables, name)) for name in names)
    return {name: value for name, value in pairs if value != getattr(DEFAULTS, name)}


if __name__ == "__main__":
    try:
        main()
    except RecordingError as error:
        sys.exit(f"record: {error}")
