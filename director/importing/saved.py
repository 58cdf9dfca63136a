# SPDX-License-Identifier: Apache-2.0
"""Rules that `ipvsadm -S -n` saved. Pure."""

from __future__ import annotations

from director.importing.found import Collection, Found
from director.ipvsadm.commands import AddServer, AddService, Command
from director.ipvsadm.errors import IpvsadmError
from director.ipvsadm.grammar import parse
from director.ipvsadm.names import Names

PROGRAM = "ipvsadm"
ENGINE = "--pe"


def read(text: str, names: Names) -> Found:
    """Read saved rules; empty lines and comments say nothing."""
    found = Collection()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words[:1] == [PROGRAM]:
            words.pop(0)
        if not words or words[0].startswith("#"):
            continue
        if ENGINE in words:
            at = words.index(ENGINE)
            found.leave(number, f"persistence engine {' '.join(words[at + 1 : at + 2])}: there is none here")
            del words[at : at + 2]
        try:
            _take(found, number, parse(PROGRAM, words, names))
        except IpvsadmError as error:
            found.leave(number, str(error).strip())
    return found.found()


def _take(found: Collection, number: int, command: Command) -> None:
    match command:
        case AddService(service, unknown):
            if unknown:
                found.leave(number, f"service {service.key}: its scheduler is not known here")
            else:
                found.add_service(number, service)
        case AddServer(key, server):
            found.add_server(number, key, server)
        case _:
            found.leave(number, "not a rule that ipvsadm saves")
