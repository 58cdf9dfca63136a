# SPDX-License-Identifier: Apache-2.0
"""The help names every command and every option that there is."""

from __future__ import annotations

from director.ipvsadm import manual
from director.ipvsadm.options import SWITCHES


def test_the_help_has_every_switch() -> None:
    text = manual.text("ipvsadm")
    shown = [each for each in SWITCHES if each.long != "version"]
    assert [each.long for each in shown if f"--{each.long}" not in text] == []
    assert [
        each.short for each in shown if each.short and f"-{each.short}" not in text.replace("|", " -")
    ] == []


def test_the_forms_are_those_of_the_program_that_was_called() -> None:
    forms = manual.text("/sbin/ipvsadm").split("\n\n")[0].splitlines()[2:]
    assert (len(forms), forms[1]) == (13, "  /sbin/ipvsadm -D virtual-service")
    assert all(form.startswith("  /sbin/ipvsadm -") for form in forms)
