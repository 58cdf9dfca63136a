# SPDX-License-Identifier: Apache-2.0
"""Sessions that are made rather than written: every command with every option, and options in pairs."""

from __future__ import annotations

from itertools import combinations

from tests.interop.ipvsadm.session import Session, session

ABSENT = "-t 192.0.2.1:99"
COMMANDS = {
    "add a service": "-A -t 192.0.2.1:80",
    "edit a service": "-E -t 192.0.2.1:80",
    "delete a service": f"-D {ABSENT}",
    "clear": "-C",
    "add a server": f"-a {ABSENT} -r 10.0.0.2",
    "edit a server": "-e -t 192.0.2.1:80 -r 10.0.0.9",
    "delete a server": "-d -t 192.0.2.1:80 -r 10.0.0.9",
    "list": "-L",
    "zero": "-Z",
    "restore": "-R",
    "save": "-S",
    "start the master": "--start-daemon master",
    "start the backup": "--start-daemon backup",
    "stop a daemon": "--stop-daemon master",
    "set": "--set 900 120 300",
}
OPTIONS = (
    "-n", "-c", "-t 192.0.2.1:81", "-u 192.0.2.1:81", "--sctp-service 192.0.2.1:81", "-f 3", "-6", "-s rr",
    "-p", "-p 30", "-M 255.255.255.0", "-o", "-b flag-1", "-r 10.0.0.7:80", "-g", "-i", "-m", "-w 3", "-x 4",
    "-y 2", "--tun-type ipip", "--tun-port 3", "--tun-nocsum", "--tun-csum", "--tun-remcsum", "--timeout",
    "--daemon", "--stats", "--rate", "--exact", "--thresholds", "--persistent-conn", "--tun-info", "--nosort",
    "--sort", "--syncid 3", "--sync-maxlen 1000", "--mcast-group 224.0.0.5", "--mcast-port 77",
    "--mcast-ttl 3", "-h", "-v", "-Q", "--no-such", "extra",
)  # fmt: skip
OF_LISTING = (
    "-c", "-t 192.0.2.1:80", "--timeout", "--daemon", "--stats", "--rate", "--thresholds",
    "--persistent-conn", "--tun-info", "--exact", "-n", "--nosort",
)  # fmt: skip


def _command_with_every_option(name: str, command: str) -> Session:
    """The service that is there is made first, so that what is allowed says so."""
    lines = ["-A -t 192.0.2.1:80", *(f"{command} {option}" for option in OPTIONS)]
    return session(f"{name}, with every option", "\n".join(lines))


def _pairs_that_are_illegal() -> Session:
    """Which of two options out of place is named says in which order they are looked at."""
    once = [option for option in OPTIONS[:41] if option not in {"-6", "-p", "--sort"}]
    lines = [
        f"-C {one} {other}" for one, other in combinations(once, 2) if one.split()[0] != other.split()[0]
    ]
    return session("pairs of options that -C does not have", "\n".join(lines))


def _pairs_of_listing() -> Session:
    lines = ["-A -t 192.0.2.1:80", "-a -t 192.0.2.1:80 -r 10.0.0.2"]
    lines += [f"-L {one} {other}" for one, other in combinations(OF_LISTING, 2)]
    lines += [f"-L {' '.join(three)}" for three in combinations(OF_LISTING[:5], 3)]
    return session("pairs of options of -L", "\n".join(lines))


def _twice() -> Session:
    """An option that is given again."""
    lines = [f"-L {option} {option}" for option in OPTIONS if option not in {"-h", "-v", "-6"}]
    return session("every option twice", "\n".join(lines))


TABLES = (
    *(_command_with_every_option(name, command) for name, command in COMMANDS.items()),
    _pairs_that_are_illegal(),
    _pairs_of_listing(),
    _twice(),
)
