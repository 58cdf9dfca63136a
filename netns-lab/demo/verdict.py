# SPDX-License-Identifier: Apache-2.0
"""Judge what was seen: a row for each real server of each service, a sentence for each thing that is wrong.

Pure. A row holds counts as they were seen; nothing is rounded, corrected or left out here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netaddr import EUI, IPAddress

from demo.cast import Server, Service
from demo.clients import Asked
from demo.evidence import Logged, Reply

TOLERANCE = (
    0.02  # of all answers: wrk's last round is cut off, and a port that dig takes twice keeps its server
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who sends replies to the router: the director, or a server by one of its legs."""

    director: EUI
    servers: Mapping[tuple[str, str], EUI]  # by node and leg


@dataclass(frozen=True, slots=True)
class Row:
    """One real server of one service. `past` and `through` are its reply frames: past the director or not."""

    node: str
    weight: int
    answered: int
    refused: int
    share: float
    wanted: float
    logged: Logged
    past: int
    through: int


@dataclass(frozen=True, slots=True)
class Result:
    """One service. `relayed` are its reply frames that the router had from the director."""

    service: Service
    rows: tuple[Row, ...]
    asked: tuple[Asked, ...]
    relayed: int
    strangers: int  # reply frames that the router had from anybody else

    @property
    def answered(self) -> int:
        return sum(row.answered for row in self.rows)

    @property
    def lost(self) -> int:
        return sum(asked.lost for asked in self.asked)

    @property
    def errors(self) -> int:
        return self.lost + sum(row.refused for row in self.rows)


@dataclass(frozen=True, slots=True)
class Seen:
    """The reply frames of the whole demo, and who is who among those who send them."""

    at_router: Counter[Reply]
    at_director: Counter[Reply]
    addresses: Addresses

    def past(self, service: Service, server: Server) -> int:
        """Count the frames that the router had from the server itself."""
        return self.at_router[_reply(service, self.addresses.servers[server.node, server.leg], service.vip)]

    def through(self, service: Service, server: Server) -> int:
        """Count the frames that arrived at the director from the server's own address, as with NAT."""
        return self.at_director[_reply(service, None, server.address)]

    def relayed(self, service: Service) -> int:
        """Count the frames from the VIP that the router had from the director, or that arrived there."""
        from_director = _reply(service, self.addresses.director, service.vip)
        return self.at_router[from_director] + self.at_director[_reply(service, None, service.vip)]

    def everything(self, service: Service) -> int:
        """Count the frames from the VIP that the router had, whoever sent them."""
        return sum(
            n for reply, n in self.at_router.items() if reply == _reply(service, reply.sender, service.vip)
        )


def _reply(service: Service, sender: EUI | None, source: IPAddress) -> Reply:
    return Reply(sender, source, service.application.protocol, service.application.port)


def result(service: Service, asked: Sequence[Asked], logged: Mapping[str, Logged], seen: Seen) -> Result:
    """Put together what was seen of a service."""
    answered = sum((one.answered for one in asked), Counter[str]())
    refused = sum((one.refused for one in asked), Counter[str]())
    rows = tuple(
        Row(
            node=server.node,
            weight=server.weight,
            answered=answered[server.node],
            refused=refused[server.node],
            share=answered[server.node] / max(answered.total(), 1),
            wanted=server.weight / service.weight,
            logged=logged[server.node],
            past=seen.past(service, server),
            through=seen.through(service, server),
        )
        for server in service.servers
    )
    relayed = seen.relayed(service)
    strangers = max(seen.everything(service) - sum(row.past for row in rows) - relayed, 0)
    return Result(service, rows, tuple(asked), relayed, strangers)


def faults(results: Sequence[Result], missed: int) -> tuple[str, ...]:
    """Say each thing that is wrong; nothing when all is well. `missed` counts frames that tcpdump did."""
    found = tuple(f"{one.service.name}: {fault}" for one in results for fault in _faults(one))
    lost = f"tcpdump at the director missed {missed} frames: how many replies went through it is not certain"
    return (*found, lost) if missed else found


def _faults(one: Result) -> Iterator[str]:
    for asked in one.asked:
        if asked.lost:
            yield f"{asked.lost} requests of {asked.client} were not answered"
    servers = {row.node for row in one.rows}
    for name in sorted({name for asked in one.asked for name in asked.answered} - servers):
        yield f"{name!r} answered, which is none of its real servers"
    for row in one.rows:
        yield from (f"{row.node}: {fault}" for fault in _row_faults(row))
    yield from _way_faults(one)


def _row_faults(row: Row) -> Iterator[str]:
    if row.refused:
        yield f"{row.refused} answers with another status than 200"
    if row.answered == 0:
        yield "it answered nothing"
    if abs(row.share - row.wanted) > TOLERANCE:
        yield f"its share was {row.share:.1%}, and its weight asks for {row.wanted:.1%}"
    if row.logged.own < row.answered:
        yield f"its access log holds {row.logged.own} requests of the client, and it answered {row.answered}"
    if row.logged.others:
        yield f"its access log holds {row.logged.others} requests of other addresses than the client's"


def _way_faults(one: Result) -> Iterator[str]:
    """Each reply is a frame at least, and comes by the way that the method promises."""
    through = one.service.method.passes_replies
    for row in one.rows:
        seen, way = (row.through, "through") if through else (row.past, "past")
        if seen < row.answered:
            yield f"{row.node}: {seen} reply frames came {way} the director, and it answered {row.answered}"
    past = sum(row.past for row in one.rows)
    if through and past:
        yield f"{past} reply frames came past the director"
    if through and one.relayed < one.answered:
        yield f"the router had {one.relayed} reply frames from the director, for {one.answered} answers"
    if not through and one.relayed:
        yield f"{one.relayed} reply frames came through the director"
    if one.strangers:
        yield f"the router had {one.strangers} reply frames from a stranger"
