# SPDX-License-Identifier: Apache-2.0
"""From `Configuration` to TOML text, keeping the comments, order and spacing of an older text where possible.

`load(save(c)) == c` always: where an old text cannot be edited in place to mean `c`, it is written anew.
Defaults are left out of [director], [timeouts] and [sysctl], unless the old text has them. The old text is
cut into blocks, one a table: header, lines, and the comment right above the header, which goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from director.config.address import parse_endpoint
from director.config.document import ConfigurationDocument, ServiceDocument
from director.config.errors import ConfigError
from director.config.load import configuration_from, toml_values
from director.model.configuration import Configuration

_FLAT = ("director", "timeouts", "sysctl")
_IDENTITY = {"protocol", "address", "mark", "family", "network", "ports", "role"}
_NEVER_WRITTEN: dict[str, object] = {  # each with its default, which says nothing
    "protocol": None,
    "address": None,
    "mark": 0,
    "family": "ipv4",
    "flags": [],
    "persistence": 0,
    "persistence_mask": "",
    "one_packet": False,
    "timeouts": {},
    "upper": 0,
    "lower": 0,
    "tunnel": "ipip",
    "tunnel_port": 0,
    "tunnel_checksum": "none",
}
_DEFAULTS = {**_NEVER_WRITTEN, "scheduler": "wlc", "weight": 1}
_MARK_DEFAULTS: dict[str, object] = {"protocol": "any", "ports": "any"}
_SYNC_DEFAULTS: dict[str, object] = {"syncid": 0, "maxlen": 0, "group": "224.0.0.81", "port": 8848, "ttl": 1}
_LISTED = {"service", "service.destination", "mark", "sync"}
_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*(?P<name>[A-Za-z]+(?:\.[A-Za-z]+)?)[ \t]*\]\]?[ \t]*(?:#.*)?")

_PLAIN_WORDS = re.compile(r"[A-Za-z0-9.:\[\]-]*")

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """One table's text: the gap and comment above its header, the header, the lines; and what they say."""

    lead: str = ""
    header: str = ""
    body: str = ""
    name: str = ""
    table: Plain = field(default_factory=dict)

    def __str__(self) -> str:
        return self.lead + self.header + self.body

    @property
    def identity(self) -> str:
        """Return what tells this service or destination from its like, in its one spelling."""
        return _identity(self.table)


@dataclass(frozen=True, slots=True)
class ServiceBlocks:
    """A service's block, and the blocks of its destinations."""

    head: Block
    destinations: list[Block] = field(default_factory=list)


def save(configuration: Configuration, over: str = "", file: str = "") -> str:
    """Write a configuration as TOML, over an older text if there is one; that must be TOML at least."""
    values = toml_values(over, file)
    if over.strip():
        if _is(values, configuration):
            return over
        edited = _edited(over, values, plain(configuration))
        if edited is not None and _means(edited, configuration):
            return edited
    return _joined(_merged([Block()], plain(configuration)))


def plain(configuration: Configuration) -> Plain:
    """Return the configuration as the plain values that TOML and JSON write.

    Service by service: pydantic lets no other thread run while it writes, and a full table would take long.
    """
    frame = ConfigurationDocument.of(replace(configuration, services=()))
    services = [ServiceDocument.of(each).model_dump(mode="json") for each in configuration.services]
    return {**frame.model_dump(mode="json"), "service": services}


def _means(text: str, configuration: Configuration) -> bool:
    try:
        return _is(toml_values(text), configuration)
    except ConfigError:
        return False


def _is(values: Plain, configuration: Configuration) -> bool:
    try:
        return configuration_from(values) == configuration
    except ConfigError:
        return False


def _edited(over: str, values: Plain, wanted: Plain) -> str | None:
    """Edit the old text; None where its blocks do not stand for themselves, as with inline tables."""
    try:
        return _joined(_merged(list(_read(_blocks(over), values)), wanted))
    except TOMLKitError:
        return None


def _read(blocks: Iterable[Block], values: Plain) -> Iterator[Block]:
    """Give each block the table that the whole text's values have in its place."""
    services = _tables(values.get("service"))
    flat = {name: _tables(values.get(name)) for name in ("mark", "sync")}
    destinations: Iterator[Plain] = iter(())
    for block in blocks:
        if block.name in flat:
            yield replace(block, table=next(flat[block.name], {}))
        elif block.name == "service":
            service = next(services, {})
            destinations = _tables(service.get("destination"))
            yield replace(block, table=_without(service, "destination"))
        elif block.name == "service.destination":
            yield replace(block, table=next(destinations, {}))
        else:
            found = values.get(block.name)
            yield replace(block, table=found if isinstance(found, dict) else {})


def _tables(value: object) -> Iterator[Plain]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _without(table: Plain, key: str) -> Plain:
    return {each: value for each, value in table.items() if each != key}


def _blocks(text: str) -> Iterator[Block]:
    lead, header, name = "", "", ""
    body: list[str] = []
    for line in text.splitlines(keepends=True):
        match = _HEADER.fullmatch(line.rstrip("\r\n"))
        if match is None:
            body.append(line)
            continue
        above = len(body)
        while above and body[above - 1].lstrip().startswith("#"):
            above -= 1
        while above and not body[above - 1].strip():
            above -= 1
        yield Block(lead, header, "".join(body[:above]), name)
        lead, header, name, body = "".join(body[above:]), line, match["name"], []
    yield Block(lead, header, "".join(body), name)


def _merged(old: list[Block], wanted: Plain) -> Iterator[Block]:
    """Give the blocks of the new text: the flat tables in their old order, new ones, then the services."""
    flat = {block.name: block for block in old if block.name not in _LISTED}
    default = plain(Configuration())
    for name, block in flat.items():
        yield _with_values(block, wanted[name], default[name]) if name in _FLAT else block
    for name in _FLAT:
        if name not in flat and wanted[name] != default[name]:
            yield _with_values(Block("\n", f"[{name}]\n", name=name), wanted[name], default[name])
    yield from _listed("mark", old, wanted["mark"], _MARK_DEFAULTS)
    yield from _listed("sync", old, wanted["sync"], _SYNC_DEFAULTS)
    new = ServiceBlocks(Block("\n", "[[service]]\n", name="service"))
    services = {each.head.identity: each for each in _services(old)}
    for service in wanted["service"]:
        have = services.get(_name(service), new)
        yield _with_values(
            have.head, _without(service, "destination"), _DEFAULTS if have.head.body else _NEVER_WRITTEN
        )
        yield from _destinations(have.destinations, service["destination"])


def _listed(
    name: str, old: Iterable[Block], wanted: Iterable[Plain], default: Mapping[str, object]
) -> Iterator[Block]:
    blocks = {block.identity: block for block in old if block.name == name}
    new = Block("\n", f"[[{name}]]\n", name=name)
    for each in wanted:
        yield _with_values(blocks.get(_name(each), new), each, default)


def _services(old: Iterable[Block]) -> Iterator[ServiceBlocks]:
    current: ServiceBlocks | None = None
    for block in old:
        if block.name == "service":
            if current:
                yield current
            current = ServiceBlocks(block)
        elif block.name == "service.destination" and current:
            current.destinations.append(block)
    if current:
        yield current


def _destinations(old: Iterable[Block], wanted: Iterable[Plain]) -> Iterator[Block]:
    blocks = {block.identity: block for block in old}
    new = Block("\n", "[[service.destination]]\n", name="service.destination")
    for each in wanted:
        block = blocks.get(_name(each), new)
        yield _with_values(block, each, _DEFAULTS if block.body else _NEVER_WRITTEN)


def _with_values(block: Block, wanted: Plain, default: Mapping[str, object]) -> Block:
    """Set what differs; identities say the same already, however they are spelt. New keys follow the last.

    tomlkit is asked only where an old line has to be kept or changed: it takes 0.1 ms a table.
    """
    core, tail = _without_tail(block.body)
    news = {key: value for key, value in wanted.items() if _differs(key, value, block.table, default)}
    header = block.header if not block.header or block.header.endswith("\n") else f"{block.header}\n"
    if not core:
        return replace(block, header=header, body="".join(map(_line, news.items())) + tail)
    if news:
        document = tomlkit.parse(core)
        document.update(news)
        core = tomlkit.dumps(document)
    return replace(block, header=header, body=core + tail)


def _differs(key: str, value: object, have: Plain, default: Mapping[str, object]) -> bool:
    if key in have:
        return key not in _IDENTITY and bool(_ordered(have[key]) != _ordered(value))
    return key not in default or value != default[key]


def _line(item: tuple[str, object]) -> str:
    """Write a key and its value; numbers and plain words need no library."""
    key, value = item
    if type(value) is int:
        return f"{key} = {value}\n"
    if isinstance(value, str) and _PLAIN_WORDS.fullmatch(value):
        return f'{key} = "{value}"\n'
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return f"{key} = {table.as_string()}\n"
    return f"{key} = {tomlkit.item(value).as_string()}\n"


def _without_tail(body: str) -> tuple[str, str]:
    """Split off the blank and comment lines at the end, so that what is added comes before them."""
    lines = body.splitlines(keepends=True)
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return _ended("".join(lines[:end])), _ended("".join(lines[end:]))


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _joined(blocks: Iterable[Block]) -> str:
    """Put the blocks together, without the gap above the first."""
    return _ended("".join(map(str, blocks)).lstrip("\n"))


def _ordered(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, list) else value


def _identity(table: Mapping[str, object]) -> str:
    """Name a table as it was written, however its address is spelt."""
    try:
        return _name({**table, "address": parse_endpoint(str(table.get("address", "")))})
    except ConfigError:
        return _name(table)


def _name(table: Mapping[str, object]) -> str:
    if "network" in table:
        words: tuple[object, ...] = (table.get("mark"), table.get("protocol", "any"), table["network"])
        return " ".join(map(str, (*words, table.get("ports", "any"))))
    if "role" in table:
        return f"sync {table['role']}"
    if table.get("mark"):
        return f"mark {table['mark']} {table.get('family', 'ipv4')}"
    return f"{table.get('protocol', '')} {table.get('address', '')}"
