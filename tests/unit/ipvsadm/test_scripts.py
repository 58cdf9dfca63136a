# SPDX-License-Identifier: Apache-2.0
"""The same program under the names of ipvsadm's scripts, as processes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from director.ipvsadm.director import Director
from director.ipvsadm.scripts import restore, save
from tests.unit.ipvsadm.words import NAMES

RULES = "# as it was\n-A -t 192.0.2.1:80\n"
CALL = "import sys; sys.argv[0] = sys.argv.pop(1); from director.ipvsadm import main; main()"


def run(name: str, *words: str, stdin: str = "", socket: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DIRECTOR_SOCKET": str(socket)}
    command = [sys.executable, "-c", CALL, name, *words]
    return subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)


def test_a_restore_takes_the_tables_place(asked: Director) -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    for rules in (RULES, RULES.replace("80", "81")):
        assert restore(asked, NAMES, io.StringIO(rules), stdout, stderr) == 0
    assert save("ipvsadm-save", ["-n"], asked, NAMES, stdout, stderr) == 0
    assert (stdout.getvalue(), stderr.getvalue()) == ("-A -t 192.0.2.1:81 -s wlc\n", "")


def test_a_bad_restore_leaves_the_table_and_counts_comments(asked: Director) -> None:
    stderr = io.StringIO()
    assert restore(asked, NAMES, io.StringIO(RULES), io.StringIO(), stderr) == 0
    assert restore(asked, NAMES, io.StringIO(f"{RULES}-x\n"), io.StringIO(), stderr) == 255
    assert stderr.getvalue().startswith("line 3: Try ")
    assert len(asked.services().services) == 1


@pytest.mark.parametrize("name", ["ipvsadm", "director-ipvsadm", "/usr/local/sbin/ipvsadm"])
def test_each_name_is_the_program(name: str, tmp_path: Path) -> None:
    for words in ("-Ln", "-Lnc"):
        done = run(name, words, socket=tmp_path / "none")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Can't initialize ipvs: ")
    assert run(name, "-A", socket=tmp_path / "none").returncode == 2
    assert run(name, "-v", socket=tmp_path / "none").returncode == 0


def test_a_script_that_is_asked_for_what_it_has_not_says_what_it_has(tmp_path: Path) -> None:
    done = run("ipvsadm-save", "-x", socket=tmp_path / "none")
    words = "ipvsadm-save: Script to save the IPVS table to stdout.\n"
    help_ = f"{words}   With the -n option, prints out the table in numeric format.\n"
    assert (done.returncode, done.stderr) == (1, help_)
    assert run("ipvsadm-restore", socket=tmp_path / "none").returncode == 2


def test_bytes_that_are_no_text_come_out_as_they_went_in(tmp_path: Path) -> None:
    environment = {**os.environ, "DIRECTOR_SOCKET": str(tmp_path / "none")}
    command = (sys.executable, "-c", CALL, "ipvsadm")
    said = subprocess.run((*command, "-C", b"\xff"), env=environment, capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (2, b"unexpected argument \xff\n")
    read = subprocess.run(
        (*command, "-R"), input=b"-C \xfe\n", env=environment, capture_output=True, check=False
    )
    assert (read.returncode, read.stderr) == (2, b"line 1: unexpected argument \xfe\n")
