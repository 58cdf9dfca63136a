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
IMAGE_VERSION = 2
SERVICE_PROBES = 8
SERVER_PROBES = 32
MAX_SERVICES = 4096
MAX_DESTS = 131072
MAX_SERVICE_DESTS = 1024
DESTS_PER_LINE = 8
IDS_PER_LINE = 16
LINKS_PER_LINE = 4
MARKS_PER_LINE = 2
LIMITS_PER_LINE = 4
MAX_LINKS = 256
MAX_MARKS = 1024
SH_SIZE = 256
MH_SIZE = 4093

HEADER = Struct("<IIQIIIIIIIBBBBIIII")
OPTIONS = Struct("<8B10I16x")
SERVICE = Struct("<16s2sBBIBBHIIIIiiIII")
DETAILS = Struct("<16sII40x")
DESTINATION = Struct("<IiI16s16s6s6s2sHBBH")
LIST_ITEM = Struct("<Ii")
LINK = Struct("<I6sH4x")
MARK = Struct("<16sBBBxHHI4x")
LIMIT = Struct("<III4x")
SERVER = Struct("<I2sBx")

SCHEDULERS = {
    Scheduler.RR: 1,
    Scheduler.WRR: 2,
    Scheduler.LC: 3,
    Scheduler.WLC: 4,
    Scheduler.SH: 5,
    Scheduler.MH: 6,
    Scheduler.SED: 7,
    Scheduler.NQ: 8,
    Scheduler.DH: 9,
    Scheduler.FO: 10,
    Scheduler.OVF: 11,
    Scheduler.LBLC: 12,
    Scheduler.LBLCR: 13,
    Scheduler.TWOS: 14,
    Scheduler.NONE: 15,
}

SCHEDULER_FLAGS = {
    SchedulerFlag.SH_FALLBACK: 1,
    SchedulerFlag.MH_FALLBACK: 1,
    SchedulerFlag.SH_PORT: 2,
    SchedulerFlag.MH_PORT: 2,
}

METHODS = {ForwardingMethod.DR: 1, ForwardingMethod.TUN: 2, ForwardingMethod.NAT: 3}

LOOKUP_SIZES = {Scheduler.SH: SH_SIZE, Scheduler.DH: SH_SIZE, Scheduler.MH: MH_SIZE}


class Family(IntEnum):
    """An address family, as `lb_service.family` tells it; 0 is an empty slot."""

    IPV4 = 4
    IPV6 = 6


class Wide(IntFlag):
    """By what more than address, protocol and port the services of an image are found (`lb_wide`)."""

    MARK = 1
    FTP = 2
    ANY_PORT = 4


class Switch(IntFlag):
    """What `lb_image_header.switches` says is on."""

    SLOPPY_TCP = 1
    SECURE_TCP = 2
    DROP_PACKET = 4
    NAT_ICMP_SEND = 8


class ServiceFlag(IntFlag):
    """What `lb_service.flags` says of a service, beside its scheduler's flags."""

    PERSISTENT = 4
    ONE_PACKET = 8
    MARK = 16
    GONE = 32


class DestinationFlag(IntFlag):
    """What `lb_dest.flags` says of a destination."""

    PRESENT = 1
    RESOLVED = 2
    IPV6 = 4
    GRE = 8
    GUE = 16
    CHECKSUM = 32
    REMOTE = 64
    LOCAL = 128


class Timeout(IntEnum):
    """The places of a set of timeouts, each under its name in Timeouts."""

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
    SCTP_NONE = 16
    SCTP_INIT1 = 17
    SCTP_INIT = 18
    SCTP_COOKIE_SENT = 19
    SCTP_COOKIE_REPLIED = 20
    SCTP_COOKIE_WAIT = 21
    SCTP_COOKIE = 22
    SCTP_COOKIE_ECHOED = 23
    SCTP_ESTABLISHED = 24
    SCTP_SHUTDOWN_SENT = 25
    SCTP_SHUTDOWN_RECEIVED = 26
    SCTP_SHUTDOWN_ACK_SENT = 27
    SCTP_REJECTED = 28
    SCTP_CLOSED = 29


TIMEOUTS = 32
TIMEOUTS_PER_LINE = 16
TIMEOUT_SET = Struct(f"<{TIMEOUTS}I")
