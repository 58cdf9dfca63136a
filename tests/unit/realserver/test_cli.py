# SPDX-License-Identifier: Apache-2.0
"""The command line: what it refuses, in which words and with which status. Changes no host."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from realserver.cli import main


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--state", str(tmp_path / "state.json")])


DR = ("--vip", "192.0.2.1", "--method", "dr")
TUN = ("--vip", "192.0.2.1", "--method", "tun")
REFUSED = (
    (("--vip", "x", "--method", "dr"), "'x' is not an IPv4 or IPv6 address"),
    (("--vip", "192.0.2.0/24", "--method", "dr"), "'192.0.2.0/24' is not an IPv4 or IPv6 address"),
    (("--vip", "192.0.2.1", "--method", "gre"), "'gre' is not one of 'dr', 'tun', 'nat'"),
    ((*DR, "--port", "80"), "'80' is not a port such as tcp/80 or udp/53"),
    ((*DR, "--port", "tcp/0"), "'tcp/0' is not a port such as tcp/80 or udp/53"),
    ((*DR, "--port", "tcp/²"), "'tcp/²' is not a port such as tcp/80 or udp/53"),
    (("--vip", "192.0.2.1", "--method", "tun", "--mtu", "20"), "20 is not in the range 576<=x<=65535"),
    ((*TUN, "--tunnel", "sit"), "'sit' is not one of 'ipip', 'gre', 'gue'"),
    ((*TUN, "--tunnel-port", "0"), "0 is not in the range 1<=x<=65535"),
    (("--method", "dr"), "say which: --vip ADDRESS and --method dr|tun|nat"),
    (("--vip", "192.0.2.1"), "say which: --vip ADDRESS and --method dr|tun|nat"),
    ((*DR, "--interface", "no-such"), "interface no-such (for VIP 192.0.2.1)"),
)  # fmt: skip


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[says[:40] for _, says in REFUSED])
def test_request_that_makes_no_sense_is_refused_with_status_2(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = run(tmp_path, "up", "--dry-run", *arguments)
    assert (result.exit_code, says in result.stderr, result.stdout) == (2, True, "")


def test_damaged_state_file_is_status_3(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    result = run(tmp_path, "status")
    assert (result.exit_code, result.stderr.startswith("realserver: the state file ")) == (3, True)


def test_nothing_set_up_is_told_and_is_no_error(tmp_path: Path) -> None:
    assert [run(tmp_path, command).output for command in ("status", "check")] == [
        "nothing is set up here\n",
        "nothing is set up here: say --vip ADDRESS --method dr|tun|nat to check for one\n",
    ]


def test_both_programs_tell_their_version_alike() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"realserver {version('director')}\n"


def test_help_tells_every_exit_status() -> None:
    told = CliRunner().invoke(main, ["up", "--help"]).stdout
    assert all(f" {status} " in told for status in range(5))
