# SPDX-License-Identifier: Apache-2.0
"""The commands that furnish and enter a node."""

from pathlib import Path

import pytest

from lab.plan import FurnishNode
from lab.rooms import bridge_command, enter_command, furnish_command

RUN_LAB, OTHER_LAB = Path("/run/netns-lab/t"), Path("/srv/labs/t")
BEGIN = (
    "set -eu",
    "mount -t sysfs sysfs /sys",
    "if grep -qw bpf /proc/filesystems; then mount -t bpf bpf /sys/fs/bpf; fi",
)


def _step(root: Path) -> FurnishNode:
    room = root / "nodes/a"
    return FurnishNode("a", "t-a", root / "mounts/a", room / "run", room / "resolv.conf", ())


def test_a_node_is_furnished_in_a_private_mount_namespace_that_a_file_pins() -> None:
    command = furnish_command(_step(OTHER_LAB), OTHER_LAB, None)
    assert command[:-1] == (
        "nsenter", "--net=/run/netns/t-a",
        "unshare", "--mount=/srv/labs/t/mounts/a", "--propagation", "private",
        "sh", "-c",
    )  # fmt: skip


SCRIPTS = {
    (OTHER_LAB, None): ("mount --rbind /srv/labs/t/nodes/a/run /run",),
    (OTHER_LAB, Path("/etc/resolv.conf")): (
        "mount --bind /srv/labs/t/nodes/a/resolv.conf /etc/resolv.conf",
        "mount --rbind /srv/labs/t/nodes/a/run /run",
    ),
    (OTHER_LAB, Path("/run/systemd/resolve/stub-resolv.conf")): (
        "mkdir -p /srv/labs/t/nodes/a/run/systemd/resolve",
        "cp /srv/labs/t/nodes/a/resolv.conf /srv/labs/t/nodes/a/run/systemd/resolve/stub-resolv.conf",
        "mount --rbind /srv/labs/t/nodes/a/run /run",
    ),
    (RUN_LAB, None): (
        "mkdir -p /run/netns-lab/t/nodes/a/run/netns-lab/t",
        "mount --bind /run/netns-lab/t /run/netns-lab/t/nodes/a/run/netns-lab/t",
        "mount --rbind /run/netns-lab/t/nodes/a/run /run",
    ),
}


@pytest.mark.parametrize(("root", "resolver"), SCRIPTS, ids=str)
def test_a_node_gets_its_own_run_and_resolver_wherever_the_lab_and_the_resolver_lie(
    root: Path, resolver: Path | None
) -> None:
    script = furnish_command(_step(root), root, resolver)[-1]
    assert tuple(script.splitlines()) == BEGIN + SCRIPTS[root, resolver]


def test_entering_a_node_is_one_nsenter_around_the_command() -> None:
    assert enter_command("t-a", Path("/x/mounts/a"), Path("/home"), ("ip", "addr")) == (
        "nsenter", "--net=/run/netns/t-a", "--mount=/x/mounts/a", "--wdns=/home", "--", "ip", "addr",
    )  # fmt: skip


def test_a_command_at_a_bridge_has_its_network_and_the_machines_files() -> None:
    assert bridge_command("t-lan", ("ip", "addr")) == (
        "nsenter",
        "--net=/run/netns/t-lan",
        "--",
        "ip",
        "addr",
    )
