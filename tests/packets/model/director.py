# SPDX-License-Identifier: Apache-2.0
"""The model itself: a frame in, an answer out. Implements `Host` of tests/packets/hosts.py."""

from __future__ import annotations

from netaddr import IPAddress
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import Ether

from director.model import ForwardingMethod, Timeouts
from tests.packets import transform
from tests.packets.case import (
    Answer,
    Arrival,
    Counts,
    Departure,
    DestinationCounts,
    Entry,
    Packet,
    State,
)
from tests.packets.model import outer, sctp
from tests.packets.model.departure import Forwarder, dropped, passed, transmitted
from tests.packets.model.header import fault_of, is_martian
from tests.packets.model.reading import (
    aborts,
    answered_ends,
    begins,
    ends_of,
    event,
    is_whole,
    pieces,
)
from tests.packets.model.schedulers import Real
from tests.packets.model.table import (
    FRAGMENT_MS,
    FTP,
    FTP_DATA,
    UDP,
    Ends,
    Flow,
    Fragment,
    Service,
    Table,
    opened,
    received,
    sent,
)
from tests.packets.model.tcp import Seen, step, timeout_ms
from tests.packets.model.templates import Template, template_key
from tests.packets.network import Setting

FIRST_STEP_MS = 3000
RELATED = (3, 4, 11)  # destination unreachable, source quench, time exceeded


class Model:
    """A director of IPv4 TCP and UDP, in Python. Well-formed frames are its business, and a few others."""

    def __init__(self) -> None:
        self.table = Table()
        self.now = 0
        self.turn = 0
        self.forwarder = Forwarder()
        self.setting: Setting

    def apply(self, setting: Setting) -> None:
        self.setting = setting
        self.forwarder.apply(setting)
        self.table.apply(setting.configuration, self.now)

    def sweep(self, now: int) -> None:
        self.now = now
        self.table.sweep(now)

    def connections(self, now: int) -> frozenset[Entry]:
        return frozenset(self.table.entries(now))

    def service_counts(self, service: str) -> Counts:
        return self.table.services[service].counts

    def destination_counts(self, service: str, destination: str) -> DestinationCounts:
        self.table.sweep(self.now)
        address, port = destination.split(":")
        real = self.table.services[service].reals[address, int(port)]
        return DestinationCounts(real.counts, real.active, real.inactive, real.persistent)

    def handle(self, arrival: Arrival, now: int) -> Answer:
        self.now = now
        fault = fault_of(arrival.frame)
        if fault is not None:
            return fault
        frame = Ether(arrival.frame)
        if frame[IP].proto == 1:
            return self._icmp(arrival, frame)
        if frame[IP].proto not in (6, 17, 132):
            return passed("not_balanced")
        if frame[IP].frag:
            return self._later_fragment(frame)
        return self._first(arrival, frame)

    def _first(self, arrival: Arrival, frame: Packet) -> Answer:
        ends = ends_of(frame[IP])
        flow = self.table.find(ends, self.now)
        tunables = self.setting.configuration.tunables
        former = flow if flow is not None and begins(frame) and flow.is_over(tunables) else None
        flow = flow if former is None else None
        if flow is not None and not flow.real.present:
            if not tunables.expire_nodest_conn:
                return dropped("dest_removed")
            self.table.close(flow, self.now)
            flow = None
        if flow is not None:
            return self._inward(flow, arrival, frame, "hit")
        reply = self.table.find_reply(ends, self.now)
        if reply is not None:
            return self._outward(reply, arrival, frame)
        service = self.table.service_of(ends[0], ends[3], ends[4])
        gone = self.table.service_of(ends[0], ends[3], ends[4], present=False)
        stranger = self._stranger(ends, frame)
        if stranger is not None:
            passing = service is None and gone is None
            return self.forwarder.tell(stranger, arrival, frame, self.now, passing=passing)
        if service is not None:
            return self._schedule(service, arrival, frame, former)
        if former is not None:
            self.table.close(former, self.now)
        return passed("no_service") if gone is None else self._unheard(arrival, frame)

    def _unheard(self, arrival: Arrival, frame: Packet) -> Answer:
        """Say what becomes of a packet whose service was deleted: what the stack would say."""
        if is_martian(frame[IP]):
            return dropped("bad_source")
        if frame[IP].proto == 6:
            return _reset(arrival, frame)
        return (self._no_association if frame[IP].proto == 132 else self._no_port)(arrival, frame)

    def _no_association(self, arrival: Arrival, frame: Packet) -> Answer:
        error = transform.unreachable_protocol(frame)
        if not event(frame):
            return dropped("truncated")
        return self.forwarder.error(arrival, frame, self.now, "no_association", error)

    def _no_port(self, arrival: Arrival, frame: Packet) -> Answer:
        return self.forwarder.error(arrival, frame, self.now, "no_dest", transform.unreachable_port(frame))

    def _stranger(self, ends: Ends, frame: Packet) -> Real | None:
        """Find the NAT server that is to be told of its packet of no connection (nat_icmp_send)."""
        on = self.setting.configuration.tunables.nat_icmp_send
        if not on or aborts(frame) or is_martian(frame[IP]):
            return None
        real = self.table.translated(ends)
        return None if real is None or self.forwarder.is_own(real, ends[3]) else real

    def _schedule(self, service: Service, arrival: Arrival, frame: Packet, former: Flow | None) -> Answer:
        """Open a flow, or say why not. One that it takes the place of counts until the choice is made."""
        ends = ends_of(frame[IP])
        refusal = self._unscheduled(ends, arrival, frame)
        if refusal is not None:
            if former is not None:
                self.table.close(former, self.now)
            return refusal
        flow = self._open(service, ends, arrival, frame, former)
        if flow is None:
            return self._unserved(service, arrival, frame)
        if self._is_once(service, ends):
            self._count_in(flow, frame)
            self._remember_fragments(flow, frame, backwards=False)
            return self.forwarder.inward(flow, arrival, frame, self.now, "once")
        return self._inward(flow, arrival, frame, "new")

    def _unscheduled(self, ends: Ends, arrival: Arrival, frame: Packet) -> Answer | None:
        """Say what becomes of a packet that opens no flow, whatever destinations there are."""
        if is_martian(frame[IP]):
            return dropped("bad_source")
        flags = str(frame[TCP].flags) if frame[IP].proto == 6 else ""
        starts = ends[2] != FTP_DATA and ("S" in flags or self.setting.configuration.tunables.sloppy_tcp)
        if frame[IP].proto == 6 and ("R" in flags or not starts):
            return _reset(arrival, frame)
        if frame[IP].proto == 132:
            refusal = self._refusal(arrival, frame)
            if refusal is not None:
                return refusal
        return dropped("defence") if self._is_dropped() else None

    def _open(
        self, service: Service, ends: Ends, arrival: Arrival, frame: Packet, former: Flow | None = None
    ) -> Flow | None:
        """Open a connection with these ends, which no packet of its own has stepped yet.

        One that it takes the place of counts until the choice is made.
        """
        template = self._template(service, ends) if ends[2] != FTP_DATA else None
        real = template.real if template is not None else None
        if ends[2] != FTP_DATA and service.persistence is None:
            real = service.schedule.choose(ends[3])
        if former is not None:
            self.table.close(former, self.now)
        if real is None:
            return None
        flow = Flow(
            ends=ends,
            service=service,
            real=real,
            method=real.method,
            interface=arrival.interface,
            client_macs=(frame.dst, frame.src),
            state=State.UDP if ends[0] == UDP else State.NONE,
            expires=self.now + FIRST_STEP_MS,
            template=template,
        )
        self.table.open(flow)
        service.counts, real.counts = opened(service.counts), opened(real.counts)
        if self._is_once(service, ends):
            self.table.close(flow, self.now)
        return flow

    def _is_once(self, service: Service, ends: Ends) -> bool:
        return service.one_packet and ends[0] == UDP

    def _unserved(self, service: Service, arrival: Arrival, frame: Packet) -> Answer:
        """Say what becomes of a packet that no destination may have."""
        if service.key.port == FTP != frame[IP].payload.dport:
            return transmitted("rst_sent", arrival.interface, Departure(bytes(transform.reset_for(frame))))
        return self._no_port(arrival, frame)

    def _refusal(self, arrival: Arrival, frame: Packet) -> Answer | None:
        """Say what becomes of an SCTP packet that opens no association."""
        happened, sloppy = event(frame), self.setting.configuration.tunables.sloppy_sctp
        if happened == "INIT" or (sloppy and happened not in ("", "ABORT")):
            return None
        return self._no_association(arrival, frame)

    def _template(self, service: Service, ends: Ends) -> Template | None:
        """Find or make what keeps this client at its destination; wound up for its new connection."""
        held = service.persistence
        if held is None:
            return None
        key = template_key(service.key, held, ends)
        found = self.table.template(key, self.now)
        if found is not None and self._serves(found.real):
            found.expires = self.now + found.timeout
            return found
        if found is not None:
            found.ended = True
        real = service.schedule.choose(ends[3])
        if real is None:
            return None
        port = (real.port or key[3]) if key[3] else 0
        made = Template(key, real, port, 1000 * held.timeout, self.now + 1000 * held.timeout)
        self.table.templates.append(made)
        real.persistent += 1
        real.gained()
        return made

    def _serves(self, real: Real) -> bool:
        tunables = self.setting.configuration.tunables
        return real.present and (real.weight > 0 or not tunables.expire_quiescent_template)

    def _inward(self, flow: Flow, arrival: Arrival, frame: Packet, reason: str) -> Answer:
        flow.interface, flow.client_macs = arrival.interface, (frame.dst, frame.src)
        self._count_in(flow, frame)
        half = flow.method is not ForwardingMethod.NAT
        self._step(flow, frame, Seen.INPUT_ONLY if half else Seen.INPUT)
        self._remember_fragments(flow, frame, backwards=False)
        return self.forwarder.inward(flow, arrival, frame, self.now, reason)

    def _outward(self, flow: Flow, arrival: Arrival, frame: Packet) -> Answer:
        if frame[IP].ttl <= 1:
            return self.forwarder.spent(flow, arrival, frame, self.now)
        if self.forwarder.too_long(arrival, frame):
            return self.forwarder.narrow(flow, arrival, frame, self.now)
        self._count_out(flow, frame)
        self._step(flow, frame, Seen.OUTPUT)
        self._remember_fragments(flow, frame, backwards=True)
        return self.forwarder.outward(flow, arrival, frame, "reply")

    def _step(self, flow: Flow, frame: Packet, seen: Seen) -> None:
        before, lives = flow.state, timeout_ms
        if frame[IP].proto == 6:
            secure = self.setting.configuration.tunables.secure_tcp == 3
            flow.enter(step(flow.state, seen, str(frame[TCP].flags), secure=secure))
        elif frame[IP].proto == 132:
            flow.enter(sctp.step(flow.state, seen, event(frame)))
            lives = sctp.timeout_ms
        answered = flow.state is State.UDP and seen is Seen.OUTPUT
        established = flow.state is State.ESTABLISHED is not before
        if flow.template is not None and (answered or established):
            flow.template.assured = True
        flow.expires = self.now + lives(self._timeouts(flow), flow.state)

    def _timeouts(self, flow: Flow) -> Timeouts:
        known = self.setting.configuration.service(flow.service.key)
        return self.setting.configuration.timeouts_of(known) if known else self.setting.configuration.timeouts

    def _is_dropped(self) -> bool:
        """Whether it is this new connection's turn under drop_packet, the first of so many."""
        tunables = self.setting.configuration.tunables
        if tunables.drop_packet != 3:
            return False
        self.turn += 1
        return (self.turn - 1) % tunables.am_droprate == 0

    def _remember_fragments(self, flow: Flow, frame: Packet, *, backwards: bool) -> None:
        if frame[IP].flags & 1:
            self.table.fragments[pieces(frame)] = Fragment(flow, backwards, self.now + FRAGMENT_MS)

    def _later_fragment(self, frame: Packet) -> Answer:
        known = self.table.fragments.get(pieces(frame))
        if known is None or known.expires <= self.now:
            return passed("fragment_unknown")
        once = known.flow.service.one_packet and known.flow.ends[0] == UDP
        if not once and self.table.find(known.flow.ends, self.now) is not known.flow:
            return passed("fragment_unknown")
        if not known.backwards and not known.flow.real.present:
            return dropped("dest_removed")
        arrival = Arrival(known.flow.interface, bytes(frame))
        if known.backwards and frame[IP].ttl <= 1:
            return dropped("ttl_expired_silent")
        if known.backwards:
            self._count_out(known.flow, frame)
            return self.forwarder.outward(known.flow, arrival, frame, "fragment")
        self._count_in(known.flow, frame)
        return self.forwarder.inward(known.flow, arrival, frame, self.now, "fragment")

    def _icmp(self, arrival: Arrival, frame: Packet) -> Answer:
        if frame[IP].frag or frame[ICMP].type not in RELATED:
            return passed("icmp_query")
        answered = answered_ends(bytes(frame[ICMP].payload))
        if answered is None:
            return self._about_a_tunnel(frame)
        flow, reply = self.table.find(answered, self.now), self.table.find_reply(answered, self.now)
        if flow is None and reply is None:
            flow = self._open_by_error(answered, arrival, frame)
        if isinstance(flow, Answer):
            return flow
        if is_martian(frame[IP]):
            return dropped("bad_source")
        if not is_whole(frame):
            return dropped("bad_checksum")
        if flow is not None and not flow.real.present:
            return dropped("dest_removed")
        if flow is not None:
            self._count_in(flow, frame)
            return self.forwarder.error_inward(flow, frame)
        assert reply is not None
        if frame[IP].ttl <= 1:
            return dropped("ttl_expired_silent")
        self._count_out(reply, frame)
        return self.forwarder.error_outward(reply, frame)

    def _about_a_tunnel(self, frame: Packet) -> Answer:
        body = bytes(frame[ICMP].payload)
        if len(body) < 28 or not outer.says_too_big(frame):
            return passed("icmp_unrelated")
        inside = outer.packet_inside(quoted := IP(body))
        flow = self.table.find(ends_of(inside), self.now) if inside is not None else None
        if flow is None:
            return passed("icmp_unrelated")
        if is_martian(frame[IP]):
            return dropped("bad_source")
        if not is_whole(frame):
            return dropped("bad_checksum")
        way = self.setting.hops.get(IPAddress(flow.real.address))
        if way is None or not outer.is_ours(flow, way, frame, quoted):
            return passed("icmp_unrelated")
        outer.learn(flow.real, way, frame[ICMP].nexthopmtu, self.now)
        return dropped("path_learned")

    def _open_by_error(self, ends: Ends, arrival: Arrival, frame: Packet) -> Flow | Answer:
        """Open the connection that an error is about, if that is wanted (schedule_icmp)."""
        service = self.table.service_of(ends[0], ends[3], ends[4])
        wanted = self.setting.configuration.tunables.schedule_icmp and not is_martian(frame[IP])
        if not wanted or service is None or ends[2] == FTP_DATA:
            return passed("icmp_unrelated")
        if self._is_dropped():
            return dropped("defence")
        unserved = passed("icmp_unrelated") if service.key.port == FTP != ends[4] else dropped("icmp_no_dest")
        return self._open(service, ends, arrival, frame) or unserved

    def _count_in(self, flow: Flow, frame: Packet) -> None:
        for counted in (flow.service, flow.real):
            counted.counts = received(counted.counts, frame[IP].len)

    def _count_out(self, flow: Flow, frame: Packet) -> None:
        """Once its destination is deleted, a flow counts no more."""
        for counted in (flow.service, flow.real) if flow.real.present else ():
            counted.counts = sent(counted.counts, frame[IP].len)


def _reset(arrival: Arrival, frame: Packet) -> Answer:
    """Say what becomes of a TCP packet that opens no connection."""
    if "R" in str(frame[TCP].flags):
        return dropped("rst_unknown")
    if frame[TCP].dataofs < 5 or frame[IP].len < (frame[IP].ihl + frame[TCP].dataofs) * 4:
        return dropped("bad_header")
    whole = not arrival.offload.checksum_start and not frame[IP].flags & 1
    if whole and not transform.was_right(frame[IP]):
        return dropped("bad_checksum")
    return transmitted("rst_sent", arrival.interface, Departure(bytes(transform.reset_for(frame))))
