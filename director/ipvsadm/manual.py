# SPDX-License-Identifier: Apache-2.0
"""What `-h` and `-v` print: ipvsadm's forms, for the version whose grammar this is, in words of our own."""

from __future__ import annotations

VERSION = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)"

_OF_SERVICE = "[-s scheduler] [-p [timeout]] [-M netmask] [--pe persistence_engine] [-b sched-flags]"
_USAGE = (
    f"-A|E virtual-service {_OF_SERVICE}",
    "-D virtual-service",
    "-C",
    "-R",
    "-S [-n]",
    "-a|e virtual-service -r server-address [options]",
    "-d virtual-service -r server-address",
    "-L|l [virtual-service] [options]",
    "-Z [virtual-service]",
    "--set tcp tcpfin udp",
    "--start-daemon {master|backup} [daemon-options]",
    "--stop-daemon {master|backup}",
    "-h",
)

_BODY = """
Commands:
Each has a long form, and most a short one.
  --add-service     -A        create a virtual service
  --edit-service    -E        give a virtual service other options
  --delete-service  -D        remove a virtual service and its servers
  --clear           -C        remove everything
  --restore         -R        read rules from standard input, all or none
  --save            -S        print rules that -R can read
  --add-server      -a        create a real server in a service
  --edit-server     -e        give a real server other options
  --delete-server   -d        remove a real server from a service
  --list            -L|-l     print services and servers
  --zero            -Z        start the counters of one service, or of all, at 0
  --set tcp tcpfin udp        idle times in seconds; 0 leaves one as it is
  --start-daemon              begin to synchronise connections
  --stop-daemon               end it
  --help            -h        print this

virtual-service:
  --tcp-service|-t  service-address   host[:port], by number or by name
  --udp-service|-u  service-address   the same
  --sctp-service    service-address   the same
  --fwmark-service|-f fwmark          a firewall mark from 1 on

Options:
  --ipv6         -6                   the mark's packets are IPv6 (after -f)
  --scheduler    -s scheduler         rr|wrr|lc|wlc|lblc|lblcr|dh|sh|sed|nq|fo|ovf|mh|twos|none,
                                      wlc where none is given.
  --pe            engine              there is no persistence engine here:
                                      each name is refused.
  --persistent   -p [timeout]         a client keeps its server (360 s)
  --netmask      -M netmask           which clients count as one
  --real-server  -r server-address    host[:port]
  --gatewaying   -g                   direct routing (without another method)
  --ipip         -i                   through a tunnel
  --masquerading -m                   by network address translation
  --tun-type      type                ipip|gue|gre,
                                      ipip where none is given.
  --tun-port      port                the UDP port of GUE
  --tun-nocsum                        no checksum in the tunnel's header
  --tun-csum                          a checksum in it
  --tun-remcsum                       GUE's remote checksum
  --weight       -w weight            share of new connections; 0: none
  --u-threshold  -x uthreshold        no new connections from so many on
  --l-threshold  -y lthreshold        until there are fewer than this
  --connection   -c                   print the connections
  --timeout                           print the idle times (tcp tcpfin udp)
  --daemon                            print the synchronisation daemons
  --stats                             print the counters
  --rate                              print what there is per second
  --exact                             print every digit
  --thresholds                        print the thresholds
  --persistent-conn                   print how many clients are kept
  --tun-info                          print the tunnels
  --nosort                            print in the table's own order
  --sort                              accepted, without effect
  --ops          -o                   forget each datagram at once (UDP)
  --numeric      -n                   print numbers, look up no names
  --sched-flags  -b flags             the scheduler's flags, with commas
Daemon Options:
  --syncid sid                        heed and mark messages with this number
  --sync-maxlen length                longest message in bytes (1472)
  --mcast-interface interface         send and listen here
  --mcast-group address               group of IPv4 or IPv6 (224.0.0.81)
  --mcast-port port                   UDP port (8848)
  --mcast-ttl ttl                     how many hops far (1)"""


def text(program: str) -> str:
    """Return the help for a program that was called by this name."""
    usage = "\n".join(f"  {program} {form}" for form in _USAGE)
    return f"{VERSION}\nUsage:\n{usage}\n{_BODY}"
