# SPDX-License-Identifier: Apache-2.0
"""The table image's constants and record formats: the twin of datapath/native/table.h.

A test holds both equal. This file knows how the bytes lie and nothing of how they come about. Numbers stand
in the image in little-endian order (the C side asserts such a host), addresses and ports as they stand on the
wire.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct

from director.model import ForwardingMethod, Scheduler, SchedulerFlag

LINE = 64
IMAGE_MAGIC = 0x4C564449
IMAGE_VERSION = 1
SERVICE_PROBES = 8
MAX_SERVICES = 4096
MAX_DESTS = 131072
MAX_SERVICE_DESTS = 1024
DESTS_PER_LINE = 8
IDS_PER_LINE = 16
LINKS_PER_LINE = 4
MAX_LINKS = 256
SH_SIZE = 256
MH_SIZE = 4093

HEADER = Struct("<IIQIIIIIIIBBBBIII4x")
SERVICE = Struct("<16s2sBBIBBHIIIIiiII4x")
DESTINATION = Struct("<IiI16s16s6s6s2sHBBH")
LIST_ITEM = Struct("<Ii")
LINK = Struct("<I6sH4x")

SCHEDULERS = {
    Scheduler.RR: 1,
    Scheduler.WRR: 2,
    Scheduler.LC: 3,
    Scheduler.WLC: 4,
    Scheduler.SH: 5,
    Scheduler.MH: 6,
}

SCHEDULER_FLAGS = {
    SchedulerFlag.SH_FALLBACK: 1,
    SchedulerFlag.MH_FALLBACK: 1,
    SchedulerFlag.SH_PORT: 2,
    SchedulerFlag.MH_PORT: 2,
}

METHODS = {ForwardingMethod.DR: 1, ForwardingMethod.TUN: 2, ForwardingMethod.NAT: 3}

LOOKUP_SIZES = {Scheduler.SH: SH_SIZE, Scheduler.MH: MH_SIZE}


class Family(IntEnum):
    """An address family, as `lb_service.family` tells it; 0 is an empty slot."""

    IPV4 = 4
    IPV6 = 6


class DestinationFlag(IntFlag):
    """What `lb_dest.flags` says of a destination."""

    PRESENT = 1
    RESOLVED = 2
    IPV6 = 4


class Timeout(IntEnum):
    """The places of a line of timeouts: the TCP states, then the rest."""

    TCP_NONE = 0
    TCP_ESTABLISHED = 1
    TCP_SYN_SENT = 2
    TCP_SYN_RECV = 3
    TCP_FIN_WAIT = 4
    TCP_TIME_WAIT = 5
    TCP_CLOSE = 6
    TCP_CLOSE_WAIT = 7
    TCP_LAST_ACK = 8
    TCP_LISTEN = 9
    TCP_SYNACK = 10
    UDP = 11
    FRAGMENT = 12


TIMEOUTS = 16
TIMEOUT_LINE = Struct(f"<{TIMEOUTS}I")
