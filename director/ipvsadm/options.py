# SPDX-License-Identifier: Apache-2.0
"""ipvsadm's options and commands as tables: how each is written, and what may stand beside what.

Pure data. The order of `Option` is the order in which ipvsadm looks for what is missing or out of place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Option(Enum):
    """What a command line can say besides the command; the values are the words of ipvsadm's messages."""

    NUMERIC = "numeric"
    CONNECTION = "connection"
    SERVICE = "service-address"
    SCHEDULER = "scheduler"
    PERSISTENT = "persistent"
    NETMASK = "netmask"
    SERVER = "real-server"
    FORWARD = "forwarding-method"
    WEIGHT = "weight"
    UPPER = "u-threshold"
    LOWER = "l-threshold"
    INTERFACE = "mcast-interface"
    TIMEOUT = "timeout"
    DAEMON = "daemon"
    STATS = "stats"
    RATE = "rate"
    THRESHOLDS = "thresholds"
    PERSISTENT_CONN = "persistent-conn"
    NOSORT = "nosort"
    SYNCID = "syncid"
    EXACT = "exact"
    ONE_PACKET = "ops"
    ENGINE = "pe"
    FLAGS = "sched-flags"
    GROUP = "mcast-group"
    PORT = "mcast-port"
    TTL = "mcast-ttl"
    MAX_LENGTH = "sync-maxlen"
    TUNNEL_INFO = "tun-info"
    TUNNEL_TYPE = "tun-type"
    TUNNEL_PORT = "tun-port"
    TUNNEL_NO_CHECKSUM = "tun-nocsum"
    TUNNEL_CHECKSUM = "tun-csum"
    TUNNEL_REMOTE_CHECKSUM = "tun-remcsum"


class Verb(Enum):
    """A command; the values are the words of ipvsadm's messages."""

    ADD_SERVICE = "add-service"
    EDIT_SERVICE = "edit-service"
    DELETE_SERVICE = "delete-service"
    CLEAR = "flush"
    ADD_SERVER = "add-server"
    EDIT_SERVER = "edit-server"
    DELETE_SERVER = "delete-server"
    LIST = "list"
    ZERO = "zero"
    SET = "set"
    RESTORE = "restore"
    SAVE = "save"
    START_DAEMON = "start-daemon"
    STOP_DAEMON = "stop-daemon"
    HELP = "help"
    VERSION = "version"


class Takes(Enum):
    """Whether a switch has a value after it."""

    NOTHING = 0
    A_VALUE = 1
    PERHAPS = 2


@dataclass(frozen=True, slots=True)
class Switch:
    """One way to write an option or a command: `--long`, and `-short` where there is one.

    `means` None: it is understood and changes nothing.
    """

    long: str
    short: str
    means: Option | Verb | None
    takes: Takes = Takes.NOTHING


NOTHING, A_VALUE, PERHAPS = Takes

SWITCHES = (
    Switch("add-service", "A", Verb.ADD_SERVICE),
    Switch("edit-service", "E", Verb.EDIT_SERVICE),
    Switch("delete-service", "D", Verb.DELETE_SERVICE),
    Switch("clear", "C", Verb.CLEAR),
    Switch("add-server", "a", Verb.ADD_SERVER),
    Switch("edit-server", "e", Verb.EDIT_SERVER),
    Switch("delete-server", "d", Verb.DELETE_SERVER),
    Switch("list", "L", Verb.LIST),
    Switch("list", "l", Verb.LIST),
    Switch("zero", "Z", Verb.ZERO),
    Switch("set", "", Verb.SET),
    Switch("restore", "R", Verb.RESTORE),
    Switch("save", "S", Verb.SAVE),
    Switch("start-daemon", "", Verb.START_DAEMON, A_VALUE),
    Switch("stop-daemon", "", Verb.STOP_DAEMON, A_VALUE),
    Switch("help", "h", Verb.HELP),
    Switch("version", "v", Verb.VERSION),
    Switch("tcp-service", "t", Option.SERVICE, A_VALUE),
    Switch("udp-service", "u", Option.SERVICE, A_VALUE),
    Switch("sctp-service", "", Option.SERVICE, A_VALUE),
    Switch("fwmark-service", "f", Option.SERVICE, A_VALUE),
    Switch("ipv6", "6", None),
    Switch("scheduler", "s", Option.SCHEDULER, A_VALUE),
    Switch("persistent", "p", Option.PERSISTENT, PERHAPS),
    Switch("netmask", "M", Option.NETMASK, A_VALUE),
    Switch("pe", "", Option.ENGINE, A_VALUE),
    Switch("ops", "o", Option.ONE_PACKET),
    Switch("sched-flags", "b", Option.FLAGS, A_VALUE),
    Switch("real-server", "r", Option.SERVER, A_VALUE),
    Switch("gatewaying", "g", Option.FORWARD),
    Switch("ipip", "i", Option.FORWARD),
    Switch("masquerading", "m", Option.FORWARD),
    Switch("weight", "w", Option.WEIGHT, A_VALUE),
    Switch("u-threshold", "x", Option.UPPER, A_VALUE),
    Switch("l-threshold", "y", Option.LOWER, A_VALUE),
    Switch("tun-type", "", Option.TUNNEL_TYPE, A_VALUE),
    Switch("tun-port", "", Option.TUNNEL_PORT, A_VALUE),
    Switch("tun-nocsum", "", Option.TUNNEL_NO_CHECKSUM),
    Switch("tun-csum", "", Option.TUNNEL_CHECKSUM),
    Switch("tun-remcsum", "", Option.TUNNEL_REMOTE_CHECKSUM),
    Switch("numeric", "n", Option.NUMERIC),
    Switch("connection", "c", Option.CONNECTION),
    Switch("timeout", "", Option.TIMEOUT),
    Switch("daemon", "", Option.DAEMON),
    Switch("stats", "", Option.STATS),
    Switch("rate", "", Option.RATE),
    Switch("exact", "", Option.EXACT),
    Switch("thresholds", "", Option.THRESHOLDS),
    Switch("persistent-conn", "", Option.PERSISTENT_CONN),
    Switch("tun-info", "", Option.TUNNEL_INFO),
    Switch("nosort", "", Option.NOSORT),
    Switch("sort", "", None),
    Switch("syncid", "", Option.SYNCID, A_VALUE),
    Switch("sync-maxlen", "", Option.MAX_LENGTH, A_VALUE),
    Switch("mcast-interface", "", Option.INTERFACE, A_VALUE),
    Switch("mcast-group", "", Option.GROUP, A_VALUE),
    Switch("mcast-port", "", Option.PORT, A_VALUE),
    Switch("mcast-ttl", "", Option.TTL, A_VALUE),
)

_OF_SERVICE = frozenset(
    {Option.SCHEDULER, Option.PERSISTENT, Option.NETMASK, Option.ENGINE, Option.ONE_PACKET, Option.FLAGS}
)
_OF_SERVER = frozenset(
    {
        Option.FORWARD, Option.WEIGHT, Option.UPPER, Option.LOWER, Option.TUNNEL_TYPE, Option.TUNNEL_PORT,
        Option.TUNNEL_NO_CHECKSUM, Option.TUNNEL_CHECKSUM, Option.TUNNEL_REMOTE_CHECKSUM,
    }
)  # fmt: skip
_OF_LISTING = frozenset(
    {
        Option.NUMERIC, Option.CONNECTION, Option.SERVICE, Option.TIMEOUT, Option.DAEMON, Option.STATS,
        Option.RATE, Option.THRESHOLDS, Option.PERSISTENT_CONN, Option.NOSORT, Option.SYNCID, Option.EXACT,
        Option.TUNNEL_INFO,
    }
)  # fmt: skip
_OF_DAEMON = frozenset(
    {Option.INTERFACE, Option.SYNCID, Option.GROUP, Option.PORT, Option.TTL, Option.MAX_LENGTH}
)

NEEDED: dict[Verb, frozenset[Option]] = {
    Verb.ADD_SERVICE: frozenset({Option.SERVICE}),
    Verb.EDIT_SERVICE: frozenset({Option.SERVICE}),
    Verb.DELETE_SERVICE: frozenset({Option.SERVICE}),
    Verb.ADD_SERVER: frozenset({Option.SERVICE, Option.SERVER}),
    Verb.EDIT_SERVER: frozenset({Option.SERVICE, Option.SERVER}),
    Verb.DELETE_SERVER: frozenset({Option.SERVICE, Option.SERVER}),
}
ALLOWED: dict[Verb, frozenset[Option]] = {
    Verb.ADD_SERVICE: _OF_SERVICE,
    Verb.EDIT_SERVICE: _OF_SERVICE,
    Verb.ADD_SERVER: _OF_SERVER,
    Verb.EDIT_SERVER: _OF_SERVER,
    Verb.LIST: _OF_LISTING,
    Verb.ZERO: frozenset({Option.SERVICE}),
    Verb.SAVE: frozenset({Option.NUMERIC}),
    Verb.START_DAEMON: _OF_DAEMON,
    Verb.STOP_DAEMON: frozenset({Option.SYNCID}),
}
