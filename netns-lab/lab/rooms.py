# SPDX-License-Identifier: Apache-2.0
"""A node's mount namespace: how it is furnished, and the command prefix that enters a node.

Pure: words of a command line out. A node sees its own /run (so that pid files and sockets of two nodes
never meet), its own /etc/resolv.conf, and a /sys that shows its own interfaces. The mount namespace is
pinned on a file, so that it lives without a process in it; entering costs one exec of nsenter.
"""

import shlex
from pathlib import Path

from lab.paths import NAMESPACES
from lab.plan import FurnishNode

RUN = Path("/run")
RESOLVER = Path("/etc/resolv.conf")


def furnish_command(step: FurnishNode, lab_root: Path, resolver_target: Path | None) -> tuple[str, ...]:
    """Say the command that makes and pins the mount namespace.

    `resolver_target` is what /etc/resolv.conf is once links are followed, or None where the host has none.
    """
    script = "\n".join(["set -eu", *_mounts(step, lab_root, resolver_target)])
    return (
        "nsenter",
        f"--net={NAMESPACES / step.namespace}",
        "unshare",
        f"--mount={step.mount}",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
    )


def _mounts(step: FurnishNode, lab_root: Path, resolver_target: Path | None) -> list[str]:
    run, resolver = shlex.quote(str(step.run)), shlex.quote(str(step.resolver))
    lines = [
        "mount -t sysfs sysfs /sys",
        "if grep -qw bpf /proc/filesystems; then mount -t bpf bpf /sys/fs/bpf; fi",
    ]
    if lab_root.is_relative_to(RUN):  # the lab's own directory must stay in sight behind the new /run
        window = shlex.quote(str(step.run / lab_root.relative_to(RUN)))
        lines += [f"mkdir -p {window}", f"mount --bind {shlex.quote(str(lab_root))} {window}"]
    if resolver_target is not None and resolver_target.is_relative_to(RUN):
        place = step.run / resolver_target.relative_to(RUN)
        lines += [f"mkdir -p {shlex.quote(str(place.parent))}", f"cp {resolver} {shlex.quote(str(place))}"]
    elif resolver_target is not None:
        lines += [f"mount --bind {resolver} {shlex.quote(str(resolver_target))}"]
    return [*lines, f"mount --rbind {run} {RUN}"]


def enter_command(namespace: str, mount: Path, directory: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """Say the command that runs another one within a node; its process id stays, for nsenter only execs."""
    return (
        "nsenter",
        f"--net={NAMESPACES / namespace}",
        f"--mount={mount}",
        f"--wdns={directory}",
        "--",
        *command,
    )


def bridge_command(namespace: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """Say the command that runs another one where a bridge is: in its network, with the machine's files."""
    return ("nsenter", f"--net={NAMESPACES / namespace}", "--", *command)
