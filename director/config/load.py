# SPDX-License-Identifier: Apache-2.0
"""From text to `Configuration`, or to one ConfigError that names every fault in it.

Tables are read one at a time, so that a fault in one hides no fault in another. Any input ends in one of
the two; reading from the disk is `file.py`'s business.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from director.config import rules
from director.config.depth import MAX_PARTS, too_deep
from director.config.document import (
    ABSENT_TUNABLES,
    ConfigurationDocument,
    DestinationDocument,
    DirectorTable,
    Document,
    MarkDocument,
    ServiceHead,
    SyncDocument,
    SysctlTable,
    TimeoutsTable,
    expectation,
    noun_of,
)
from director.config.errors import ConfigError, Fault, KeyPath, key_path, show
from director.config.limits import MAX_TEXT
from director.model.configuration import Configuration, Settings, Timeouts, Tunables
from director.model.service import Destination, MarkRule, ServiceKey, VirtualService
from director.model.sync import SyncDaemon, SyncRole

_POSITION = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)

Model = TypeVar("Model", bound=Document)
MANY = 12  # keys; more are not listed in a sentence
BELOW = ("timeouts", "destination")  # a service's tables that are read for themselves


def load(data: str | bytes, file: str = "") -> Configuration:
    """Read a whole configuration from TOML."""
    return configuration_from(toml_values(data, file), file)


def toml_values(data: str | bytes, file: str = "") -> dict[str, Any]:
    """Read TOML into plain values; a syntax error says line and column."""
    text = text_from(data, file)
    _refuse_deep(text, file)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _whole("is nested too deeply", "flat tables", file) from None
    except ValueError as error:
        if _is_of_digits(error):
            raise _too_many_digits(file) from None
        raise ConfigError([_syntax_fault(str(error), text)], file) from None


def json_values(data: str | bytes, file: str = "") -> object:
    """Read JSON into plain values; a syntax error says line and column, a key given twice its name."""
    text = text_from(data, file)
    try:
        values: object = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
        json.dumps(values, ensure_ascii=False).encode()  # \u escapes can spell what is no character
        return values
    except UnicodeEncodeError:
        raise _whole("is not JSON: it has half of a surrogate pair", "JSON", file) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigError([Fault(where, error.msg, "JSON", f"{error.msg}; expected JSON")], file) from None
    except RecursionError:
        raise _whole("is nested too deeply", "flat objects", file) from None
    except ValueError as error:
        if _is_of_digits(error):
            raise _too_many_digits(file) from None
        raise _whole(f"is not JSON: {error}", "JSON", file) from None


def text_from(data: str | bytes, file: str = "") -> str:
    """Decode UTF-8, within the size that is accepted at all."""
    if len(data) > MAX_TEXT:
        raise _whole(f"has {len(data)} bytes", f"at most {MAX_TEXT}", file)
    try:
        return data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as error:
        byte = f"byte {data[error.start]:#04x} at offset {error.start}"
        raise _whole(f"is not UTF-8: {byte}", "text in UTF-8", file) from None


def configuration_from(raw: object, file: str = "") -> Configuration:
    """Read a whole configuration from plain values, as TOML and JSON give them."""
    faults: list[Fault] = []
    top = _table(raw, (), faults)
    known = set(ConfigurationDocument.model_fields)
    faults.extend(_unknown((), key, known) for key in top if key not in known)
    director = _read(DirectorTable, top.get("director", {}), ("director",), faults)
    timeouts = _read(TimeoutsTable, top.get("timeouts", {}), ("timeouts",), faults)
    sysctl = _read(SysctlTable, top.get("sysctl", {}), ("sysctl",), faults)
    marks = _marks(top.get("mark", []), faults)
    sync = _sync(top.get("sync", []), faults)
    services = _services(top.get("service", []), faults)
    if faults or director is None or timeouts is None or sysctl is None:
        raise ConfigError(faults, file)
    options = (noun_of(Timeouts, timeouts), noun_of(Tunables, sysctl), noun_of(Settings, director))
    return Configuration(services, *options, marks, sync)


def service_from(raw: object) -> VirtualService:
    """Read one service, its destinations included."""
    faults: list[Fault] = []
    service = _service(raw, (), faults)
    if faults or service is None:
        raise ConfigError(faults)
    return service


def destination_from(raw: object) -> Destination:
    """Read one destination, whatever service it will belong to."""
    return document_from(DestinationDocument, raw).to_noun()


def document_from(model: type[Model], raw: object) -> Model:
    """Read one flat table or object by its model."""
    faults: list[Fault] = []
    read = _read(model, raw, (), faults)
    if read is None:
        raise ConfigError(faults)
    return read


def own_timeouts_from(raw: object) -> tuple[tuple[str, int], ...]:
    """Read a service's own idle times, by name."""
    faults: list[Fault] = []
    found = _own_timeouts(raw, (), faults)
    if faults:
        raise ConfigError(faults)
    return found


def _own_timeouts(raw: object, path: KeyPath, faults: list[Fault]) -> tuple[tuple[str, int], ...]:
    table = _read(TimeoutsTable, raw, path, faults)
    return tuple((name, getattr(table, name)) for name in sorted(table.model_fields_set)) if table else ()


def _marks(raw: object, faults: list[Fault]) -> tuple[MarkRule, ...]:
    read = [
        _read(MarkDocument, each, ("mark", index), faults)
        for index, each in enumerate(_list(raw, ("mark",), faults))
    ]
    faults.extend(rules.mark_faults(len(read)))
    return tuple(each.to_noun() for each in read if each is not None)


def _sync(raw: object, faults: list[Fault]) -> tuple[SyncDaemon, ...]:
    """Read the synchronisation daemons; the master is first, wherever it stands."""
    found: dict[SyncRole, tuple[str, SyncDaemon]] = {}
    for index, each in enumerate(_list(raw, ("sync",), faults)):
        document = _read(SyncDocument, each, ("sync", index), faults)
        where = key_path(("sync", index))
        if document is not None and document.role in found:
            faults.append(_twice(where, document.role.value, found[document.role][0]))
        elif document is not None:
            found[document.role] = where, document.to_noun()
    return tuple(found[role][1] for role in SyncRole if role in found)


def _services(raw: object, faults: list[Fault]) -> tuple[VirtualService, ...]:
    services: list[VirtualService] = []
    first: dict[ServiceKey, str] = {}
    for index, each in enumerate(_list(raw, ("service",), faults)):
        path: KeyPath = ("service", index)
        service = _service(each, path, faults)
        if service is None:
            continue
        where = key_path(path)
        if first.setdefault(service.key, where) != where:
            faults.append(_twice(where, str(service.key), first[service.key]))
        services.append(service)
    faults.extend(rules.size_faults(services))
    return tuple(services)


def _service(raw: object, path: KeyPath, faults: list[Fault]) -> VirtualService | None:
    """Read a service; None if its own fields are at fault, though its destinations are read all the same."""
    table = _table(raw, path, faults)
    own = {key: value for key, value in table.items() if key not in BELOW}
    head = _read(ServiceHead, own, path, faults, also=BELOW) if isinstance(raw, Mapping) else None
    if head is not None and any(missing := list(_missing(head))):
        faults.extend(fault.below(path) for fault in missing)
        head = None
    timeouts = _own_timeouts(table.get("timeouts", {}), (*path, "timeouts"), faults)
    below = _list(table.get("destination", []), (*path, "destination"), faults)
    read = [
        _read(DestinationDocument, each, (*path, "destination", i), faults) for i, each in enumerate(below)
    ]
    found = [(index, each.to_noun()) for index, each in enumerate(read) if each is not None]
    if head is None:
        return None
    service = head.to_noun(tuple(each for _, each in found), timeouts)
    faults.extend(fault.below(path) for fault in rules.service_faults(service))
    for index, destination in found:
        place = (*path, "destination", index)
        faults.extend(fault.below(place) for fault in rules.destination_faults(service.key, destination))
    faults.extend(_destinations_twice(path, found))
    return service


def _missing(head: ServiceHead) -> Iterator[Fault]:
    """Find what a service lacks, or has beside a mark or without persistence."""
    for name in ("protocol", "address") if head.mark or not _is_of_mark(head) else ():
        value, expected = getattr(head, name), expectation(ServiceHead.model_fields[name])
        if head.mark and value is not None:
            message = f"a service of a mark has no {name}; its rules say which packets it balances"
            yield Fault(name, show(str(value)), "nothing", message)
        elif not head.mark and value is None:
            yield Fault(name, "nothing", expected, f"missing; expected {expected}")
    if not head.mark and _is_of_mark(head):
        yield Fault("mark", "0", expectation(ServiceHead.model_fields["mark"]), "0 is below 1")
    if head.persistence_mask is not None and not head.persistence:
        yield rules.mask_alone(head.persistence_mask)


def _is_of_mark(head: ServiceHead) -> bool:
    """Say whether a mark was named, and neither a protocol nor an address."""
    return "mark" in head.model_fields_set and head.protocol is None and head.address is None


def _destinations_twice(path: KeyPath, found: Iterable[tuple[int, Destination]]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for index, destination in found:
        where = key_path((*path, "destination", index))
        if first.setdefault(destination.endpoint, where) != where:
            yield _twice(where, destination.endpoint, first[destination.endpoint])


def _read(
    model: type[Model], raw: object, path: KeyPath, faults: list[Fault], also: tuple[str, ...] = ()
) -> Model | None:
    """Validate one flat table; on failure add its faults. `also` are keys that the model leaves to others."""
    if not isinstance(raw, Mapping):
        _table(raw, path, faults)
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
        faults.extend(_fault(model, path, each, also) for each in details)
        return None


def _fault(model: type[Document], path: KeyPath, error: ErrorDetails, also: tuple[str, ...]) -> Fault:
    """Say in our own words what pydantic found; `error["loc"]` is (field) or (field, index)."""
    place = (*path, *error["loc"])
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        if model is SysctlTable and key in ABSENT_TUNABLES:
            message = f"the kernel has it, and a director does not: {ABSENT_TUNABLES[key]}"
            return Fault(key_path(place), show(key), "nothing", message)
        return _unknown(path, key, {*model.model_fields, *also})
    found, context = show(error["input"]), error.get("ctx", {})
    field = model.model_fields[str(error["loc"][0])]
    expected = context.get("expected") or expectation(field)
    wording = {
        "missing": f"missing; expected {expected}",
        "fault": str(context.get("message")),
        "greater_than_equal": f"{found} is below {context.get('ge')}",
        "less_than_equal": f"{found} is above {context.get('le')}",
    }
    message = wording.get(error["type"], f"{found} is not {expected}")
    return Fault(key_path(place), "nothing" if error["type"] == "missing" else found, expected, message)


def _table(raw: object, path: KeyPath, faults: list[Fault]) -> Mapping[str, object]:
    if isinstance(raw, Mapping):
        return raw
    faults.append(Fault(key_path(path), show(raw), "a table", f"{show(raw)} is not a table"))
    return {}


def _list(raw: object, path: KeyPath, faults: list[Fault]) -> list[object]:
    if isinstance(raw, list):
        return raw
    faults.append(
        Fault(key_path(path), show(raw), "a list of tables", f"{show(raw)} is not a list of tables")
    )
    return []


def _unknown(path: KeyPath, key: str, known: set[str]) -> Fault:
    near = difflib.get_close_matches(key[:64], sorted(known), n=1)
    expected = f"one of {', '.join(sorted(known))}" if known else "nothing"
    many = f"there are {len(known)}, and docs/configuration.md lists them"
    hint = f"did you mean {near[0]}?" if near else many if len(known) > MANY else f"expected {expected}"
    return Fault(key_path((*path, key)), show(key), expected, f"unknown key; {hint}")


def _twice(where: str, name: str, first: str) -> Fault:
    return Fault(where, name, "each only once", f"{name} is already {first}")


def _syntax_fault(error: str, text: str) -> Fault:
    match = _POSITION.fullmatch(error)
    if match is None:
        return Fault("", error, "TOML", f"is not TOML: {error}")
    line, column = match["line"], match["column"]
    if line is None:
        line, column = str(text.count("\n") + 1), str(len(text) - text.rfind("\n"))
    what = match["what"][:1].lower() + match["what"][1:]
    return Fault(f"line {line}, column {column}", what, "TOML", f"{what}; expected TOML")


def _whole(found: str, expected: str, file: str) -> ConfigError:
    return ConfigError([Fault("", found, expected, f"{found}; expected {expected}")], file)


def _refuse_deep(text: str, file: str) -> None:
    start = too_deep(text)
    if start is None:
        return
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    found, expected = f"a key of more than {MAX_PARTS} parts", f"a key of at most {MAX_PARTS} parts"
    where, message = f"line {line}, column {column}", f"{found}; expected at most {MAX_PARTS}"
    raise ConfigError([Fault(where, found, expected, message)], file)


def _is_of_digits(error: ValueError) -> bool:
    """Tell Python's own refusal to read a very long integer from a fault of syntax."""
    return "integer string conversion" in str(error)


def _too_many_digits(file: str) -> ConfigError:
    limit = sys.get_int_max_str_digits()
    return _whole(f"has an integer of more than {limit} digits", "numbers of their range", file)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object of its pairs; two of one key would hide what the caller meant."""
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            name = key_path((key,))
            raise ConfigError([Fault(name, "the key twice", "each key once", "is given more than once")])
        made[key] = value
    return made


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not a number")
