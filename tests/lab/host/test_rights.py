# SPDX-License-Identifier: Apache-2.0
"""What the process may do is read from the kernel and tried."""

from __future__ import annotations

import subprocess
import sys

import pytest

from director.host.rights import missing_rights, packet_socket_refusal
from tests.needs import needs
from tests.repo import tree

pytestmark = [needs("root", "packet-socket"), pytest.mark.lab]
ASK = "from director.host import rights; print(rights.{}())"


def asked(question: str, *prefix: str) -> str:
    command = (*prefix, sys.executable, "-c", ASK.format(question))
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=tree.ROOT).stdout.strip()


def test_root_lacks_nothing() -> None:
    assert (missing_rights(), packet_socket_refusal()) == ((), "")


@pytest.mark.parametrize(
    ("bounds", "lacking"),
    [
        ("-all", "('CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_PERFMON', 'CAP_BPF')"),
        ("-all,+sys_admin,+net_raw", "('CAP_NET_ADMIN',)"),
        ("-all,+net_admin,+net_raw,+bpf", "('CAP_PERFMON',)"),
    ],
)
def test_what_a_process_lacks_is_named(bounds: str, lacking: str) -> None:
    assert asked("missing_rights", "setpriv", f"--bounding-set={bounds}", "--inh-caps=-all") == lacking


def test_a_packet_socket_that_is_refused_says_why() -> None:
    refused = asked("packet_socket_refusal", "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert refused == "operation not permitted"


@needs("bpf")
def test_a_bpf_file_system_is_seen_where_it_is_mounted_here_or_at_an_ancestor() -> None:
    ask = f'{sys.executable} -c "{ASK.format("has_bpffs")}"'
    hidden = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec",
         "mount -t tmpfs none /sys/fs/bpf; " + ask],
        check=True, capture_output=True, text=True, cwd=tree.ROOT,
    )  # fmt: skip
    shown = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", "mount -t bpf bpf /sys/fs/bpf; " + ask],
        check=True, capture_output=True, text=True, cwd=tree.ROOT,
    )  # fmt: skip
    assert (hidden.stdout.strip(), shown.stdout.strip()) == ("False", "True")
