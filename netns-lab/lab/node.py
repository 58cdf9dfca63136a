# SPDX-License-Identifier: Apache-2.0
"""A node of a running lab: run commands in it, start and stop programs, wait for ports, capture packets.

Works from outside, by processes that enter the node; knows nothing of how the lab was built.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from netaddr import IPAddress

from lab import topology as nouns
from lab.errors import LabError
from lab.listeners import FILES, is_served, parse_listeners
from lab.paths import LabPaths
from lab.plan import StartService, namespace_name, start_step
from lab.processes import ProcessRecord, end, forget, record
from lab.rooms import bridge_command, enter_command

POLL_INTERVAL = 0.02
SERVICE_DEADLINE = 15.0
CAPTURE_DEADLINE = 10.0
CAPTURE_SETTLES = 0.5  # where the kernel counts packets twice ("lo", "any"), counts that stand still must do
CAPTURE_COUNTS = re.compile(
    r"(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped"
)
TAIL_LINES = 5


@dataclass(slots=True)
class Process:
    """A program that runs in a node, with its output in a log of the lab."""

    record: ProcessRecord
    log: Path
    _paths: LabPaths
    _popen: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.record.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, order: signal.Signals) -> None:
        """Send a signal to the program, if it still runs."""
        self._popen.send_signal(order)

    def wait(self, timeout: float) -> int:
        """Wait for the end of the program and return its exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{self}: still runs after {timeout} s") from error

    def stop(self) -> int:
        """End the program with its children and return its exit status, also when it has ended already."""
        end(self.record)
        status = self._popen.wait()
        forget(self._paths, self.record)
        return status

    def tail(self) -> str:
        """Quote the last lines of the log, for an error's message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])

    def __str__(self) -> str:
        return f"{self.record.node}: {self.record.label} (pid {self.pid})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass(slots=True)
class Capture(Process):
    """A running tcpdump; the file is complete once it is stopped."""

    path: Path = field(default=Path())

    def stop(self) -> int:
        """End tcpdump once it has written what the kernel holds for it; told to end, it would leave that."""
        deadline = time.monotonic() + CAPTURE_DEADLINE
        report, since = "", time.monotonic()
        while self.is_running and time.monotonic() < deadline:
            self.signal(signal.SIGUSR1)
            time.sleep(POLL_INTERVAL)
            if (latest := self._report()) != report:
                report, since = latest, time.monotonic()
            if _is_drained(report) or time.monotonic() - since > CAPTURE_SETTLES:
                break
        return Process.stop(self)

    def _report(self) -> str:
        """Return the last of the counts that tcpdump writes when it is asked by a signal."""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if CAPTURE_COUNTS.search(line)), "")


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node of a lab that is up."""

    noun: nouns.Node
    paths: LabPaths

    @property
    def name(self) -> str:
        return self.noun.name

    @property
    def namespace(self) -> str:
        return namespace_name(self.paths.name, self.name)

    @property
    def run_directory(self) -> Path:
        """The directory that the node sees as /run, as it is reached from outside."""
        return self.paths.node_run(self.name)

    def address(self, interface: str) -> IPAddress:
        """Return the first address of an interface."""
        for leg in self.noun.interfaces:
            if leg.name == interface and leg.addresses:
                return leg.addresses[0].ip
        raise LabError(f"{self.name}: no interface {interface!r} with an address")

    def access_log(self, service: str) -> Path:
        """Return the file in which a service writes who asked."""
        return self.paths.access_log(self.name, service)

    def command(self, command: Sequence[str]) -> tuple[str, ...]:
        """Return the command, run from outside, that runs a command in the node."""
        mount = self.paths.mount(self.name)
        return enter_command(self.namespace, mount, Path.cwd(), tuple(map(str, command)))

    def run(
        self,
        command: Sequence[str],
        timeout: float = 30,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end and return it with its output, whatever its status; `env` adds to ours.

        Raises subprocess.TimeoutExpired when it does not end in time; it is killed with its children then.
        """
        process = subprocess.Popen(
            self.command(command),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(env or {}),
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(stdin, timeout)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return subprocess.CompletedProcess(list(command), process.returncode, output, errors)

    def output_of(self, command: Sequence[str], timeout: float = 30) -> str:
        """Run a command that must succeed and return what it printed."""
        done = self.run(command, timeout)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise LabError(f"{self.name}: {' '.join(command)}: exit status {done.returncode}: {said}")
        return done.stdout

    def start(self, command: Sequence[str], log: str, env: Mapping[str, str] | None = None) -> Process:
        """Start a program that runs on, its output in the lab's log of that name; `env` adds to ours."""
        path = self.paths.log(self.name, log)
        popen = self._popen(command, path, env)
        return Process(self._record(popen, log, command), path, self.paths, popen)

    def _popen(
        self, command: Sequence[str], log: Path, env: Mapping[str, str] | None
    ) -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(env or {}),
                start_new_session=True,
            )

    def _record(self, popen: "subprocess.Popen[bytes]", label: str, command: Sequence[str]) -> ProcessRecord:
        return record(self.paths, popen.pid, self.name, label, tuple(map(str, command)))

    def start_service(self, name: str) -> Process:
        """Start a service that the topology declares and wait until it listens."""
        for service in self.noun.services:
            if service.name == name:
                return self.start_step(start_step(self.noun, service, self.paths))
        known = ", ".join(service.name for service in self.noun.services) or "none"
        raise LabError(f"{self.name}: no service {name!r}, expected one of {known}")

    def start_step(self, step: StartService) -> Process:
        """Write a service's files, start it and wait for its ports; it is ended when it fails to listen."""
        for file in step.program.files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text)
        for port in step.program.ports:
            if is_served(port.endpoint, self.listeners(port.protocol)):
                taken = f"{port.protocol.value} {port.endpoint}"
                raise LabError(f"{self.name}: {step.service} needs {taken}, which is listened on already")
        process = self.start(step.program.command, log=step.service)
        try:
            for port in step.program.ports:
                self._wait_for_listener(port.protocol, port.endpoint, SERVICE_DEADLINE, process)
        except BaseException:
            process.stop()
            raise
        return process

    def wait_port(self, protocol: str, address: str | IPAddress, port: int, deadline: float = 10) -> None:
        """Wait until something in the node listens on a "tcp" or "udp" port, `deadline` seconds at most."""
        endpoint = nouns.Endpoint(IPAddress(address), port)
        self._wait_for_listener(nouns.Protocol(protocol), endpoint, deadline, None)

    def _wait_for_listener(
        self, protocol: nouns.Protocol, endpoint: nouns.Endpoint, seconds: float, process: Process | None
    ) -> None:
        deadline, wanted = time.monotonic() + seconds, f"{protocol.value} {endpoint}"
        while not is_served(endpoint, self.listeners(protocol)):
            said = f": {process.tail()}" if process is not None else ""
            if process is not None and not process.is_running:
                raise LabError(f"{process}: ended before it listened on {wanted}{said}")
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: nothing listens on {wanted} after {seconds} s{said}")
            time.sleep(POLL_INTERVAL)

    def listeners(self, protocol: nouns.Protocol) -> frozenset[nouns.Endpoint]:
        """List what is listened on in the node."""
        return parse_listeners(self.run(("cat", *FILES[protocol])).stdout, protocol)

    def capture(
        self, interface: str, packets: str = "", name: str | None = None, options: Sequence[str] = ()
    ) -> Capture:
        """Capture on an interface ("any" for all) from now on; `packets` is a tcpdump filter.

        `options` are more of tcpdump's, such as `-s 96` for the first bytes of each packet only.
        Returns when tcpdump listens, so that no packet sent afterwards is missed.
        """
        label = name or f"{interface}-{time.monotonic_ns()}"
        path = self.paths.captures / f"{self.name}-{label}.pcap"
        command = tcpdump_command(interface, path, (*options, *packets.split()))
        log = self.paths.log(self.name, f"tcpdump-{label}")
        popen = self._popen(command, log, None)
        capture = Capture(self._record(popen, f"tcpdump-{label}", command), log, self.paths, popen, path)
        deadline = time.monotonic() + CAPTURE_DEADLINE
        while "listening on" not in log.read_text(errors="replace"):
            if not capture.is_running or time.monotonic() > deadline:
                capture.stop()
                raise LabError(f"{self.name}: tcpdump does not listen on {interface}: {capture.tail()}")
            time.sleep(POLL_INTERVAL)
        return capture


class RunningBridge(RunningNode):
    """A segment's bridge, whose ports are the far ends of the nodes' wires; no program is at home there."""

    __slots__ = ()

    def command(self, command: Sequence[str]) -> tuple[str, ...]:
        """Return the command, run from outside, that runs a command in the bridge's network."""
        return bridge_command(self.namespace, tuple(map(str, command)))


def _is_drained(report: str) -> bool:
    counts = CAPTURE_COUNTS.search(report)
    return counts is not None and int(counts[1]) >= int(counts[2])


def environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with additions; programs of our own installation and of sbin are found in it."""
    own = Path(sys.executable).parent
    path = f"{own}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, **additions}


def tcpdump_command(interface: str, path: Path, arguments: Sequence[str]) -> tuple[str, ...]:
    """Say the tcpdump command: as root, as the lab's directory is root's, each packet written at once."""
    return (
        "tcpdump", "-i", interface, "-w", str(path), "-Z", "root", "-n", "-s", "0", "-U", "--immediate-mode",
        *arguments,
    )  # fmt: skip
