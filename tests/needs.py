# SPDX-License-Identifier: Apache-2.0
"""What a test asks of the machine, and how it is proven: `@needs("root", "netns")`.

A probe tries the thing itself and answers with a sentence when it fails. A missing ability skips the test, or
fails it where DIRECTOR_REQUIRE names the ability (a comma list, or "all"): in CI a skip is a debt called in.
Nothing here may know the project's own code, and no probe leaves anything behind.
Run as a program (`python -m tests.needs NAME...`) it says the first thing that the machine lacks.
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

REQUIRE = "DIRECTOR_REQUIRE"
PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

Sentence = str | None
Probe = Callable[[], Sentence]


def needs(*names: str) -> pytest.MarkDecorator:
    """Mark a test, class or module as one that asks for these abilities, each a key of PROBES."""
    unknown = [name for name in names if name not in PROBES]
    assert not unknown, f"no probe is named {unknown}; there are {sorted(PROBES)}"
    return pytest.mark.needs(*names)


def refuse_without(names: tuple[str, ...]) -> None:
    """Skip or fail the running test when the machine lacks one of these abilities."""
    for name in names:
        sentence = missing(name)
        if sentence is None:
            continue
        if is_required(name):
            pytest.fail(f"{REQUIRE} asks for {name}: {sentence}", pytrace=False)
        pytest.skip(f"needs {name}: {sentence}")


@functools.cache
def missing(name: str) -> Sentence:
    return PROBES[name]()


def is_required(name: str) -> bool:
    required = {word.strip() for word in os.environ.get(REQUIRE, "").split(",")}
    return bool(required & {"all", name})


def _program(name: str) -> Probe:
    def probe() -> Sentence:
        return None if shutil.which(name, path=PATH) else f"the program {name} is not installed"

    return probe


def _works(what: str, *command: str) -> Probe:
    """Probe by running a command that proves the ability and takes what it made with it when it ends."""

    def probe() -> Sentence:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env={**os.environ, "PATH": PATH},
            )
        except OSError as error:
            return f"{what}: {error}"
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return None if done.returncode == 0 else f"{what}: {said[-1]}"

    return probe


def _in_new_namespace(what: str, script: str) -> Probe:
    return _works(what, "unshare", "--net", "sh", "-ec", script)


def _compiles(what: str, compiler: str, source: str, *flags: str, execute: bool = True) -> Probe:
    """Probe by compiling a program with the flags asked about, and running it unless it would not end."""

    def probe() -> Sentence:
        with tempfile.TemporaryDirectory(prefix="director-probe-") as directory:
            code, program = Path(directory, "probe.c"), Path(directory, "probe")
            code.write_text(source)
            sentence = _works(what, compiler, *flags, str(code), "-o", str(program))()
            return sentence if sentence or not execute else _works(what, str(program))()

    return probe


def _root() -> Sentence:
    return None if os.geteuid() == 0 else "not running as root"


def _packet_socket() -> Sentence:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return f"no packet socket: {error}"
    return None


def _bpf() -> Sentence:
    """Load the smallest program there is: r0 = 0, exit."""
    try:
        libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        return "the library libbpf.so.1 is not installed"
    code = bytes.fromhex("b7000000000000009500000000000000")
    socket_filter, instructions = 1, len(code) // 8
    descriptor = libbpf.bpf_prog_load(
        socket_filter, b"probe", b"Dual BSD/GPL", code, ctypes.c_size_t(instructions), None
    )
    if descriptor < 0:
        return f"the kernel loads no eBPF program: {os.strerror(-descriptor)}"
    os.close(descriptor)
    return None


def _tcx() -> Sentence:
    """Ask for the programs at lo's TCX ingress, of which there may be none."""
    libbpf, loopback, tcx_ingress = ctypes.CDLL("libbpf.so.1", use_errno=True), 1, 46
    failed = libbpf.bpf_prog_query(loopback, tcx_ingress, 0, None, None, ctypes.byref(ctypes.c_uint32()))
    return f"this kernel has no TCX: {os.strerror(-failed)}" if failed < 0 else None


def _nginx_stream() -> Sentence:
    return None if STREAM_MODULE.exists() else f"nginx's stream module is not installed ({STREAM_MODULE})"


CLSACT = "tc qdisc add dev lo clsact && tc filter add dev lo ingress bpf da bytecode '1,6 0 0 0,'"
NETDEV_INGRESS = (
    'nft "add table netdev t; add chain netdev t c { type filter hook ingress device lo priority 0; }"'
)
FUZZ_TARGET = """
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return !data && size; }
"""
PROGRAMS = (
    "arping", "clang", "clang-tidy", "curl", "dig", "dnsmasq", "ethtool", "gcc", "haproxy",
    "ip", "iperf3", "ldirectord", "nft", "nginx", "ping", "socat", "tc", "tcpdump", "valgrind", "wrk",
)  # fmt: skip

PROBES: Mapping[str, Probe] = {
    **{name: _program(name) for name in PROGRAMS},
    "root": _root,
    "netns": _works("no network namespace can be made", "unshare", "--net", "--mount", "true"),
    "packet-socket": _packet_socket,
    "veth": _in_new_namespace(
        "no veth pair can be made", "ip link add name probe0 type veth peer name probe1"
    ),
    "bridge": _in_new_namespace("no bridge can be made", "ip link add name probe0 type bridge"),
    "tun": _in_new_namespace("no tun device can be made", "ip tuntap add name probe0 mode tun"),
    "bpf": _bpf,
    "tcx": _tcx,
    "xdp-features": _works(
        "the kernel does not say what drivers do for XDP", "genl", "ctrl", "get", "name", "netdev"
    ),
    "clsact": _in_new_namespace("no clsact qdisc with a BPF classifier", CLSACT),
    "nft-ingress": _in_new_namespace("no nftables chain on a device's ingress", NETDEV_INGRESS),
    "nginx-stream": _nginx_stream,
    "asan": _compiles(
        "gcc has no sanitizers", "gcc", "int main(void){return 0;}", "-fsanitize=address,undefined"
    ),
    "fuzzer": _compiles(
        "clang has no libFuzzer",
        "clang",
        FUZZ_TARGET,
        "-fsanitize=fuzzer,address",
        execute=False,
    ),
}


def main(names: list[str]) -> str | int:
    """Answer what `sys.exit` takes: nothing, or the sentence of the first ability that is missing."""
    sentences = (missing(name) for name in names)
    return next((f"this machine cannot run it: {sentence}" for sentence in sentences if sentence), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
