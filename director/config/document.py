# SPDX-License-Identifier: Apache-2.0
"""The shape of the configuration as it is written, in TOML and JSON alike: one pydantic model for each table.

A field's description is the phrase that follows "expected" when it is wrong. What must hold between fields is
in `rules.py`; how the pieces are put together, in `load.py`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, TypeVar, cast

from netaddr import IPAddress, IPNetwork
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from director.config import limits
from director.config.address import ANY_PORT
from director.config.fields import (
    AnyProtocolField,
    ChecksumField,
    CountField,
    EndpointField,
    Family,
    FamilyField,
    FlagsField,
    GroupField,
    InterfaceField,
    MarkField,
    MaskField,
    MethodField,
    NetworkField,
    OptionalEndpointField,
    OptionalProtocolField,
    PortField,
    PortsField,
    RoleField,
    SchedulerField,
    SecondsField,
    TunnelField,
    WeightField,
    Written,
    choice,
    each_once,
    integer,
)
from director.model.configuration import Configuration, DatapathKind, Settings, Timeouts, Tunables
from director.model.connection import Endpoint
from director.model.service import (
    Destination,
    MarkRule,
    Persistence,
    Scheduler,
    ServiceKey,
    Tunnel,
    TunnelChecksum,
    TunnelType,
    VirtualService,
)
from director.model.sync import GROUP, PORT, SyncDaemon, SyncRole

_START = Settings()
Noun = TypeVar("Noun", Settings, Timeouts, Tunables)


class Document(BaseModel):
    """What all tables have in common: no unknown key, no silent conversion."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DirectorTable(Document):
    """What is fixed when the director starts."""

    datapath: Annotated[DatapathKind, choice(DatapathKind, "data path")] = _START.datapath
    interfaces: Annotated[
        tuple[InterfaceField, ...],
        Field(strict=False, description="a list of interface names"),
        AfterValidator(each_once),
    ] = _START.interfaces
    workers: Annotated[int, integer(1, limits.MAX_WORKERS)] = _START.workers
    connections: Annotated[int, integer(1, limits.MAX_CONNECTIONS)] = _START.connections
    bind_vips: Annotated[bool, Field(description="true or false")] = _START.bind_vips


_SECONDS: dict[str, Any] = {
    each.name: (Annotated[int, integer(1, limits.MAX_TIMEOUT)], each.default) for each in fields(Timeouts)
}
TimeoutsTable = create_model(
    "TimeoutsTable",
    __base__=Document,
    __doc__="How long an idle connection entry lives in each state, in seconds.",
    **_SECONDS,
)


_SWITCH = (0, 1)
TUNABLE_RANGES: dict[str, tuple[int, int]] = {
    "conn_reuse_mode": (0, 3),
    "expire_nodest_conn": _SWITCH,
    "expire_quiescent_template": _SWITCH,
    "sloppy_tcp": _SWITCH,
    "sloppy_sctp": _SWITCH,
    "drop_entry": (0, 3),
    "drop_packet": (0, 3),
    "secure_tcp": (0, 3),
    "am_droprate": (1, 2**31 - 1),
    "amemthresh": (0, 2**31 - 1),
    "nat_icmp_send": _SWITCH,
    "pmtu_disc": _SWITCH,
    "schedule_icmp": _SWITCH,
    "lblc_expiration": (1, limits.MAX_TIMEOUT),
    "lblcr_expiration": (1, limits.MAX_TIMEOUT),
    "sync_version": (1, 1),
    "sync_threshold": (0, 2**31 - 1),
    "sync_period": (0, 2**31 - 1),
    "sync_refresh_period": (0, 2**31 - 1),
    "sync_retries": (0, 3),
    "sync_ports": (1, 1),
    "sync_persist_mode": _SWITCH,
    "sync_qlen_max": (0, 2**31 - 1),
    "sync_sock_size": (0, 2**31 - 1),
    "backup_only": _SWITCH,
    "icmp_msgs_per_sec": (0, limits.MAX_ICMP_PER_SECOND),
}
ABSENT_TUNABLES = {
    "conntrack": "packets are taken before netfilter, so there is nothing for it to track",
    "snat_reroute": "a reply leaves by the way that its client's packets came",
    "run_estimation": "rates cost no thread worth switching off",
    "est_cpulist": "rates cost no thread worth placing",
    "est_nice": "rates cost no thread worth placing",
    "cache_bypass": "only packets to services are taken",
    "ignore_tunneled": "no packet comes back to it out of a tunnel of its own",
}
"""Why the director lacks what the kernel has."""
SysctlTable = create_model(
    "SysctlTable",
    __base__=Document,
    __doc__="Behaviour switches under the kernel's names.",
    **cast(
        "dict[str, Any]",
        {
            each.name: (Annotated[int, integer(*TUNABLE_RANGES[each.name])], each.default)
            for each in fields(Tunables)
        },
    ),
)


class MarkDocument(Document):
    """Which packets have a firewall mark; a service of that mark balances them."""

    mark: MarkField
    network: NetworkField
    protocol: AnyProtocolField = None
    ports: PortsField = ANY_PORT

    def to_noun(self) -> MarkRule:
        return MarkRule(self.mark, self.network, self.protocol, *self.ports)

    @classmethod
    def of(cls, noun: MarkRule) -> MarkDocument:
        return cls.model_construct(
            mark=noun.mark,
            network=noun.network,
            protocol=noun.protocol,
            ports=(noun.first_port, noun.last_port),
        )


class SyncHead(Document):
    """A synchronisation daemon without its role."""

    interface: InterfaceField
    syncid: Annotated[int, integer(0, limits.MAX_SYNCID)] = 0
    maxlen: Annotated[int, integer(0, limits.MAX_SYNC_LENGTH)] = 0
    group: Annotated[GroupField, Field(default_factory=lambda: GROUP)]
    port: Annotated[int, integer(1, limits.MAX_PORT)] = PORT
    ttl: Annotated[int, integer(1, limits.MAX_TTL)] = 1

    def as_daemon(self, role: SyncRole) -> SyncDaemon:
        return SyncDaemon(role, self.interface, self.syncid, self.maxlen, self.group, self.port, self.ttl)


class SyncDocument(SyncHead):
    """A synchronisation daemon: the director tells others of its connections, or is told of theirs."""

    role: RoleField

    def to_noun(self) -> SyncDaemon:
        return self.as_daemon(self.role)

    @classmethod
    def of(cls, noun: SyncDaemon) -> SyncDocument:
        return cls.model_construct(**{each.name: getattr(noun, each.name) for each in fields(noun)})


class DestinationDocument(Document):
    """A real server within a service."""

    address: EndpointField
    method: MethodField
    weight: WeightField = 1
    upper: CountField = 0
    lower: CountField = 0
    tunnel: TunnelField = TunnelType.IPIP
    tunnel_port: PortField = 0
    tunnel_checksum: ChecksumField = TunnelChecksum.NONE

    def to_noun(self) -> Destination:
        return Destination(
            self.address.address,
            self.address.port,
            self.method,
            self.weight,
            self.upper,
            self.lower,
            Tunnel(self.tunnel, self.tunnel_port, self.tunnel_checksum),
        )

    @classmethod
    def of(cls, noun: Destination) -> DestinationDocument:
        return cls.model_construct(
            address=Endpoint(noun.address, noun.port),
            method=noun.method,
            weight=noun.weight,
            upper=noun.upper,
            lower=noun.lower,
            tunnel=noun.tunnel.type,
            tunnel_port=noun.tunnel.port,
            tunnel_checksum=noun.tunnel.checksum,
        )


class ServiceHead(Document):
    """A service without its destinations: of a protocol and an address, or of a mark and a family."""

    protocol: OptionalProtocolField = None
    address: OptionalEndpointField = None
    mark: Annotated[int, integer(0, limits.MAX_MARK)] = 0
    family: FamilyField = Family.IPV4
    scheduler: SchedulerField = Scheduler.WLC
    flags: FlagsField = ()
    persistence: SecondsField = 0
    persistence_mask: MaskField = None
    one_packet: Annotated[bool, Field(description="true or false")] = False

    @property
    def key(self) -> ServiceKey:
        """Return the key; `load.py` has seen to it that there is one."""
        if self.mark:
            return ServiceKey.of_mark(self.mark, self.family.version)
        assert self.protocol is not None
        assert self.address is not None
        return ServiceKey(self.protocol, self.address.address, self.address.port)

    def to_noun(
        self, destinations: tuple[Destination, ...], timeouts: tuple[tuple[str, int], ...]
    ) -> VirtualService:
        return VirtualService(
            self.key,
            self.scheduler,
            frozenset(self.flags),
            destinations,
            persistence_of(self.persistence, self.persistence_mask, self.key.address.version),
            self.one_packet,
            timeouts,
        )


class ServiceDocument(ServiceHead):
    """A virtual service and its destinations, in the order they were added."""

    timeouts: Annotated[dict[str, int], Field(description="a table of idle times in seconds")] = {}
    destination: Annotated[
        tuple[DestinationDocument, ...], Field(strict=False, description="a list of tables")
    ] = ()

    @classmethod
    def of(cls, noun: VirtualService) -> ServiceDocument:
        key, held = noun.key, noun.persistence
        return cls.model_construct(
            protocol=None if key.mark else key.protocol,
            address=None if key.mark else Endpoint(key.address, key.port),
            mark=key.mark,
            family=Family.IPV6 if key.mark and key.address.version == 6 else Family.IPV4,
            scheduler=noun.scheduler,
            flags=tuple(sorted(noun.flags, key=lambda flag: flag.value)),
            persistence=held.timeout if held is not None else 0,
            persistence_mask=held.mask if held is not None else None,
            one_packet=noun.one_packet,
            timeouts=dict(noun.timeouts),
            destination=tuple(map(DestinationDocument.of, noun.destinations)),
        )


def persistence_of(timeout: int, mask: IPAddress | int | None, version: int) -> Persistence | None:
    """Put persistence together; 0 seconds are none. A prefix length becomes this family's mask."""
    if timeout == 0:
        return None
    if isinstance(mask, int):
        whole = "0.0.0.0" if version == 4 and mask <= 32 else "::"  # noqa: S104 (a network, not a socket)
        mask = IPNetwork(f"{whole}/{mask}").netmask
    return Persistence(timeout, mask)


class ConfigurationDocument(Document):
    """The whole configuration."""

    director: DirectorTable = DirectorTable()
    timeouts: TimeoutsTable = TimeoutsTable()
    sysctl: SysctlTable = SysctlTable()
    mark: Annotated[tuple[MarkDocument, ...], Field(strict=False, description="a list of tables")] = ()
    sync: Annotated[tuple[SyncDocument, ...], Field(strict=False, description="a list of tables")] = ()
    service: Annotated[tuple[ServiceDocument, ...], Field(strict=False, description="a list of tables")] = ()

    @classmethod
    def of(cls, noun: Configuration) -> ConfigurationDocument:
        return cls.model_construct(
            director=DirectorTable.model_construct(**values(noun.settings)),
            timeouts=cast("Any", TimeoutsTable).model_construct(**values(noun.timeouts)),
            sysctl=cast("Any", SysctlTable).model_construct(**values(noun.tunables)),
            mark=tuple(map(MarkDocument.of, noun.marks)),
            sync=tuple(map(SyncDocument.of, noun.sync)),
            service=tuple(map(ServiceDocument.of, noun.services)),
        )


def expectation(field: FieldInfo) -> str:
    """Return the phrase that follows "expected" for a field of any of these models."""
    written = (each.expected for each in field.metadata if isinstance(each, Written))
    return next(written, field.description or "another value")


def values(noun: Settings | Timeouts | Tunables) -> dict[str, Any]:
    """Return a flat noun's fields by name."""
    return {each.name: getattr(noun, each.name) for each in fields(noun)}


def given_of(table: Document) -> dict[str, Any]:
    """Return what was given of a flat table."""
    return {name: getattr(table, name) for name in table.model_fields_set}


def noun_of(kind: type[Noun], table: Document) -> Noun:
    """Turn a table into the noun whose field names it shares."""
    return kind(**{each.name: getattr(table, each.name) for each in fields(kind)})
