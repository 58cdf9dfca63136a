# SPDX-License-Identifier: Apache-2.0
"""scripts/setup says in one clear line what neither apt nor pip can supply.

It runs in a directory of its own, with a PATH that holds just the programs that a test grants it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import needs
from tests.repo import tree

ALWAYS = ("bash", "cat", "chmod", "dirname", "flock", "head", "mkdir", "rm", "sed", "sleep", "tail", "tr")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    script = (tree.ROOT / "scripts/setup").read_text()
    (tmp_path / "scripts/setup").write_text(script.replace("/usr/sbin/policy-rc.d", str(tmp_path / "policy")))
    for program in ALWAYS:
        found = shutil.which(program)
        assert found is not None, program
        (tmp_path / "bin" / program).symlink_to(found)
    return tmp_path


def program(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


def packages() -> list[str]:
    """Read the packages that the script asks for."""
    wanted = re.search(
        r"^PACKAGES=\((.*?)^\)", (tree.ROOT / "scripts/setup").read_text(), re.DOTALL | re.MULTILINE
    )
    assert wanted is not None
    return re.sub(r"#.*", "", wanted[1]).split()


def setup(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin/bash", checkout / "scripts/setup"],
        env={"PATH": str(checkout / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_apt_is_told_so(checkout: Path) -> None:
    done = setup(checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("setup: unsupported distribution (")
    assert done.stderr.count("\n") == 1


@needs("root")
def test_packages_that_apt_cannot_install_are_told_with_the_last_it_said(checkout: Path) -> None:
    program(checkout, "dpkg-query", "true")
    program(checkout, "apt-cache", "true")
    program(checkout, "apt-get", 'echo "E: no such package here" >&2; exit 100')
    done = setup(checkout)
    assert done.returncode == 1
    assert "E: no such package here" in done.stderr
    assert "setup: failed (100): refreshing the package lists" in done.stderr


def test_a_python_that_is_too_old_is_told_with_its_version(checkout: Path) -> None:
    program(checkout, "dpkg-query", "\n".join(f"echo installed:{package}" for package in packages()))
    program(checkout, "apt-cache", "true")
    program(checkout, "apt-get", "exit 100")
    program(checkout, "old-python", '[[ $1 == --version ]] && echo "Python 3.9.2"; exit 1')
    done = setup(checkout, PYTHON="old-python")
    assert (done.returncode, done.stderr) == (
        1,
        "setup: Python is too old: 3.11 or newer is needed, found Python 3.9.2\n",
    )


@needs("root")
@pytest.mark.parametrize("status", [0, 100])
def test_no_service_starts_while_apt_installs_and_the_policy_goes(checkout: Path, status: int) -> None:
    program(checkout, "dpkg-query", "true")
    program(checkout, "apt-cache", "true")
    program(checkout, "apt-get", f"[[ $* != *install* ]] || {{ ./policy; echo $? >answer; exit {status}; }}")
    setup(checkout, PYTHON="false")
    assert (checkout / "answer").read_text() == "101\n"
    assert not (checkout / "policy").exists()


@needs("root")
def test_a_policy_that_stands_there_already_stays(checkout: Path) -> None:
    program(checkout, "dpkg-query", "true")
    program(checkout, "apt-cache", "true")
    program(checkout, "apt-get", "exit 0")
    program(checkout, "../policy", "exit 0")
    setup(checkout, PYTHON="false")
    assert (checkout / "policy").read_text() == "#!/bin/bash\nexit 0\n"


@needs("root")
def test_a_service_that_came_with_a_package_is_kept_from_starting_at_boot(checkout: Path) -> None:
    program(
        checkout,
        "dpkg-query",
        "\n".join(f"echo installed:{package}" for package in packages()[:-1] if package != "nginx"),
    )
    program(checkout, "apt-cache", "true")
    program(checkout, "apt-get", "exit 0")
    program(checkout, "systemctl", 'echo "$*" >asked')
    setup(checkout, PYTHON="false")
    assert (checkout / "asked").read_text() == "disable --quiet nginx\n"
