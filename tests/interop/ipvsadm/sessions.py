# SPDX-License-Identifier: Apache-2.0
"""The sessions put to the real ipvsadm and to ours: those of sessions/*.txt, and those that are made."""

from __future__ import annotations

from pathlib import Path

from netaddr import IPAddress

from director.config.rules import destination_faults
from director.model.service import Destination, ForwardingMethod, ServiceKey
from tests.interop.ipvsadm.restores import RESTORES
from tests.interop.ipvsadm.session import Answer, Otherwise, Session, session
from tests.interop.ipvsadm.tables import TABLES

FOLDER = Path(__file__).parent / "sessions"
DAYS = "ours counts milliseconds in 31 bits: the longest time is 24 days"
ADDRESS = "ours serves unicast addresses alone"
NOBODYS = {
    "0.0.0.0": "an unspecified address",
    "255.255.255.255": "the broadcast address",
    "127.0.0.1": "a loopback address",
    "224.0.0.1": "a multicast address",
}


def refused(sentence: str, why: str) -> Otherwise:
    return Otherwise(Answer("", f"{sentence}\n", 255), why)


OTHERWISE = {
    "services at addresses that are nobodys": {
        f"-A -t {address}:80": refused(
            f'address: "{address}:80" is {what}; expected a unicast address', ADDRESS
        )
        for address, what in NOBODYS.items()
    },
    "times of more than 24 days": {
        "--set 2678400 5 0": refused("timeouts.tcp_established: 2678400 is above 2147483", DAYS),
        "-A -t 192.0.2.1:82 -p 2678400": refused("persistence: 2678400 is above 2147483", DAYS),
    },
    "flags without a name": {
        "-A -u 192.0.2.1:100 -s sh -b ,": Otherwise(Answer(), "ipvsadm crashes on a list of nothing")
    },
}
MIXED = "a tunnel to the other family"
OTHER_FAMILY = Destination(IPAddress("10.0.0.2"), 0, ForwardingMethod.TUN)
TAKES_MIXED = not list(destination_faults(ServiceKey.of_mark(1, 6), OTHER_FAMILY))


def _written() -> tuple[Session, ...]:
    found = {path.stem.replace("-", " "): path.read_text() for path in sorted(FOLDER.glob("*.txt"))}
    return tuple(session(name, text, OTHERWISE.get(name)) for name, text in found.items())


SESSIONS = tuple(each for each in (*_written(), *TABLES, *RESTORES) if TAKES_MIXED or each.name != MIXED)
