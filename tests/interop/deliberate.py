# SPDX-License-Identifier: Apache-2.0
"""Where the director does otherwise than kernel IPVS, on purpose, and why.

Each difference has a rule that recognises it (recognised.py). A difference that no rule recognises fails the
comparison; so does a rule that recognises nothing. docs/ipvs-parity.md prints the reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.interop.local_servers import resets_end_connections, translates_here
from tests.interop.recognised import (
    Seen,
    answers_the_host,
    behind_extensions,
    ends_within_its_header,
    follows_an_error_by_ipv6,
    has_a_twin,
    has_a_wrong_checksum,
    has_another_author,
    has_options_to_fill,
    has_options_to_obey,
    in_fragments,
    is_a_servers_own,
    is_about_a_tunnel,
    is_an_error_of_a_deleted_server,
    is_an_error_of_a_servers,
    is_from_the_director,
    is_nobodys,
    is_of_a_lost_rule,
    is_of_the_last_service,
    is_source_routed,
    is_to_be_cut,
    is_wrongly_summed_sctp,
    lacks_ports,
    quotes_a_later_fragment,
    shows_in_no_frame,
    waits_for_the_vips_mac,
)


@dataclass(frozen=True, slots=True)
class Deliberate:
    """A difference that is meant. With `counted` the counters at the end differ for its sake, too.

    `option` is what an operator sets to have it as the kernel does.
    """

    what: str
    kernel: str
    director: str
    why: str
    counted: bool
    rule: Callable[[Seen], bool]
    option: str = "none"


RESETS = "[decision 0005](decisions/0005-answers-for-the-stack.md)"
OWN_ERRORS = Deliberate(
    what="OutPkts and OutBytes of DR and TUN servers",
    kernel="counts the ICMP errors that the director itself sends about their connections",
    director="counts what servers send, so they stay 0",
    why="an error is no reply",
    counted=True,
    rule=shows_in_no_frame,
)
OWN_ANSWERS = Deliberate(
    what="OutPkts and OutBytes of a server that is the director itself",
    kernel="counts what its own stack answers",
    director="sees the client's half alone, as of any DR or TUN server, so they stay 0",
    why="what the stack sends does not pass the data path",
    counted=True,
    rule=shows_in_no_frame,
)
CUT = Deliberate(
    what="IPv6 packets that end within their transport header, behind the ports",
    kernel="forwards them, and counts them where it can not",
    director="drops them",
    why="the server would drop them; IPv4's are dropped by both",
    counted=True,
    rule=ends_within_its_header,
)
DIFFERENCES = (
    Deliberate(
        what="a NAT server that is the director itself, at another address or port than the service's",
        kernel="translates what its own stack sends",
        director="sends it nothing, and says so; at the service's own address and port it serves, and by DR "
        "and TUN at any address",
        why="what the stack sends does not pass the data path. Let the server listen at the VIP",
        counted=False,
        rule=translates_here,
    ),
    Deliberate(
        what="connections that a server resets which is the director itself",
        kernel="sees what its own stack sends, and closes them",
        director="sees the client's half alone, as of any DR or TUN server",
        why="what the stack sends does not pass the data path",
        counted=False,
        rule=resets_end_connections,
    ),
    Deliberate(
        what="new connections to a server whose method was changed to DR",
        kernel="keeps the route of the old method, asks for the VIP's MAC on it, and sends nothing",
        director="forwards them",
        why="a kernel's fault",
        counted=False,
        rule=waits_for_the_vips_mac,
    ),
    Deliberate(
        what="IPv4 fragments",
        kernel="holds them until the packet is whole, handles it as one and cuts it again",
        director="forwards and counts each as it comes, also through tunnels; the server puts the same "
        "packet together. What comes before its first fragment is the stack's",
        why="nothing is held, so nothing can be exhausted; networks rarely reorder fragments",
        counted=True,
        rule=in_fragments,
    ),
    Deliberate(
        what="IP options that routers fill in (record route, timestamp)",
        kernel="its host enters the VIP before IPVS sees the packet",
        director="forwards options as they are",
        why="a director is not to be seen on the way, and options cost every packet a look",
        counted=False,
        rule=has_options_to_fill,
    ),
    Deliberate(
        what="IPv6 hop-by-hop options",
        kernel="its host obeys them: drops or reports a packet with an option that says so",
        director="forwards them as they are",
        why="the servers' own hosts obey them",
        counted=True,
        rule=has_options_to_obey,
    ),
    Deliberate(
        what="states of TCP connections whose IPv6 segments have extension headers",
        kernel="takes the first extension header for TCP's, and its bytes for flags",
        director="finds the TCP header",
        why="a kernel's fault",
        counted=True,
        rule=behind_extensions,
    ),
    Deliberate(
        what="ICMPv6 errors from NAT servers, and from routers on the way to them",
        kernel="drops them, since it sums them up without the pseudo-header, unless the device has "
        "verified the checksum",
        director="translates them",
        why="a kernel's fault",
        counted=True,
        rule=is_an_error_of_a_servers,
    ),
    Deliberate(
        what="ICMPv6 errors with a wrong checksum",
        kernel="forwards them",
        director="drops them",
        why="the server would drop them",
        counted=True,
        rule=has_a_wrong_checksum,
    ),
    CUT,
    Deliberate(
        what="SCTP packets with a wrong checksum by NAT",
        kernel="computes the checksum anew, and so makes a right one of it",
        director="changes it by what it changes in the packet, so a wrong one stays wrong",
        why="what was damaged on the way must not arrive as if it were whole",
        counted=False,
        rule=is_wrongly_summed_sctp,
    ),
    Deliberate(
        what="SCTP packets too short for ports",
        kernel="drops them",
        director="leaves them to the stack, which knows no SCTP and says so",
        why="what has no port belongs to no service",
        counted=False,
        rule=lacks_ports,
    ),
    Deliberate(
        what="replies of a NAT server that fit two connections (two services translate to one port of it)",
        kernel="takes the connection that was opened last",
        director="takes the one that was opened first",
        why="the server can not tell them apart either",
        counted=True,
        rule=has_a_twin,
    ),
    Deliberate(
        what="IPv6 packets from `::`, from IPv4-mapped addresses and from the VIP itself",
        kernel="forwards or answers them",
        director="drops them",
        why="no answer could reach their sender; of IPv4 both drop the like",
        counted=True,
        rule=is_nobodys,
    ),
    Deliberate(
        what="source routes (IP options)",
        kernel="its host drops them, as long as `accept_source_route` is 0",
        director="forwards them as they are",
        why="the servers' own hosts drop them",
        counted=True,
        rule=is_source_routed,
    ),
    Deliberate(
        what="packets from outside that claim to come from the director's own address",
        kernel="its host drops them",
        director="drops them if they claim the VIP that they go to, else forwards them",
        why="the data path does not know the host's other addresses",
        counted=True,
        rule=is_from_the_director,
    ),
    Deliberate(
        what="ICMP errors about a tunnel's outer packet",
        kernel="sends the client an error about the inner packet at once",
        director="learns the path's MTU, and tells the client when its next packet is too large; of other "
        "errors it tells nothing",
        why="where a TUN server's clients are is not kept, for it would cost every connection a second entry",
        counted=True,
        rule=is_about_a_tunnel,
    ),
    Deliberate(
        what="packets without DF for a path that is known to be narrower than the next hop",
        kernel="cuts the outer packet for the path",
        director="cuts it for the next hop, and leaves the rest to the router that said so",
        why="eBPF programs can not cut, and would have to drop what routers carry",
        counted=True,
        rule=is_to_be_cut,
    ),
    Deliberate(
        what="the path's MTU where a tunnel goes over IPv6",
        kernel="does not look at such errors, and sends what gets lost",
        director="learns it as it does over IPv4",
        why="a path that swallows packets is of no use",
        counted=True,
        rule=follows_an_error_by_ipv6,
    ),
    Deliberate(
        what="ICMP errors that quote a later fragment",
        kernel="takes the payload there for ports, and follows the flow that they happen to name",
        director="leaves them to the stack",
        why="a later fragment has no ports",
        counted=True,
        rule=quotes_a_later_fragment,
    ),
    Deliberate(
        what="segments from a NAT server's service port outside any connection",
        kernel="routes them on, untranslated, or says that their TTL ran out",
        director="keeps them",
        why=f"{RESETS}: the stack must not see a NAT server's replies",
        counted=False,
        rule=is_a_servers_own,
    ),
    Deliberate(
        what="what a NAT server's service port sends to the director's own address, with `nat_icmp_send`",
        kernel="answers it with port unreachable, and so breaks connections of the director's own, such as "
        "those that check its servers",
        director="leaves it to the stack",
        why="who checks servers from the director's host must be able to have the tunable",
        counted=False,
        rule=answers_the_host,
    ),
    Deliberate(
        what="ICMP errors about a connection whose server was deleted",
        kernel="sends them to that server, although it drops the client's packets",
        director="drops them, as the client's packets",
        why="the server is said not to be there",
        counted=True,
        rule=is_an_error_of_a_deleted_server,
    ),
    Deliberate(
        what="the author of ICMPv6 errors about addresses that only a mark's rule knows",
        kernel="its host takes an address of its own where the packet went to none that an interface has",
        director="always takes the address that the packet went to",
        why="the data path does not know the host's other addresses; IPv4's has the packet's with both",
        counted=False,
        rule=has_another_author,
    ),
    Deliberate(
        what="packets of connections when the last of all services was deleted",
        kernel="looks at no packet while there is no service: its host answers clients with resets",
        director="does as where others are left: drops clients' packets until the connections expire, and "
        "translates NAT servers' replies",
        why=f"{RESETS}: a table that is cleared and restored breaks no connection",
        counted=True,
        rule=is_of_the_last_service,
    ),
    Deliberate(
        what="connections of a firewall mark whose rule was taken away",
        kernel="goes on with them",
        director="`packet` leaves their packets to the stack; `tc` and `xdp` go on with them",
        why="the rules decide which packets a packet socket takes from the stack",
        counted=True,
        rule=is_of_a_lost_rule,
        option="`--datapath tc` or `xdp`; or quiesce the mark's servers first",
    ),
    OWN_ERRORS,
    OWN_ANSWERS,
)
