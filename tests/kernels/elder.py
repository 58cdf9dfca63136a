# SPDX-License-Identifier: Apache-2.0
"""Build the programs so that a kernel somewhat older than they ask for can verify them.

The oldest kernels that the programs are for are not to be had as packages everywhere, older ones are. Those
lack what 5.11 and 5.12 brought: a coarse clock, atomic operations (elder.h) and, done here, pointers as
arguments of functions that are verified apart: arguments go through memory of the program's own. Walks take
few turns, since copying the arguments makes each turn dearer. All else is as it is shipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.kernels.image import KernelError

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
NATIVE = Path("director/datapath/native")
OBJECTS = tuple(Path("director/datapath", name) for name in ("xdp.bpf.o", "tc.bpf.o"))
NOT_TAKEN = shutil.ignore_patterns("__pycache__", "*.so", "*.o", "*.bpf.o")
SUBPROGRAM = re.compile(r"^LB_SUBPROGRAM (\w+) (\w+)\(([^)]*)\)\n\{", re.MULTILINE)
ARGUMENT = re.compile(r"(const )?((?:struct )?\w+) (\*?)(\w+)")
TURNS = re.compile(r"n < LB_STRIDES|n <= LB_MH_SIZE / LB_STRIDE")
ON_THE_WAY = frozenset({"lb_conn_reserve", "lb_enter_reply", "lb_flow_claim"})
"""From these the calls go deepest: the stack has room for their copies, and none for a call more."""
APART = """\
static LB_INLINE {result} {name}_body({arguments});
struct {name}_room {{ {fields} }} {name}_given __attribute__((weak));
__attribute__((noinline, weak)) {result} {name}_apart(struct lb_ctx *ctx)
{{
	{given}
	return {name}_body(ctx, {names});
}}
static {inlined} {result} {name}({arguments})
{{
	{result} result_;
	{give}
	result_ = {name}_apart(ctx);
	{take}
	return result_;
}}
static LB_INLINE {result} {name}_body({arguments})
{{"""


def stand_ins(room: Path) -> Mapping[Path, Path]:
    """Build in `room`; return the objects to put in place of the shipped ones."""
    source = room / "elder"
    for name in ("director", "realserver"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=NOT_TAKEN)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    shutil.copy(HERE / "elder.h", source / NATIVE)
    for header in (source / NATIVE).glob("*.h"):
        header.write_text(aged(header.read_text()))
    host = source / NATIVE / "host_bpf.h"
    host.write_text('#include "elder.h"\n' + host.read_text())
    command = (sys.executable, "setup.py", "-q", "build_ext", "--inplace")
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KernelError(f"the stand-ins can not be built: {done.stderr.strip()[-500:]}")
    return {REPOSITORY / path: source / path for path in OBJECTS}


def aged(text: str) -> str:
    """Have each function that is verified apart take nothing but the context, and walks take few turns."""
    return SUBPROGRAM.sub(_apart, TURNS.sub("n < 4", text))


def _apart(found: re.Match[str]) -> str:
    result, name, arguments = found.groups()
    parts = [ARGUMENT.fullmatch(" ".join(each.split())) for each in arguments.split(",")[1:]]
    known = [part.groups() for part in parts if part is not None]
    if len(known) < len(parts):
        raise KernelError(f"{name}: arguments that are not understood: {arguments}")
    if not any(star for _, _, star, _ in known):
        return found[0]
    pointers = [(const, kind, each) for const, kind, star, each in known if star]
    numbers = [(kind, each) for _, kind, star, each in known if not star]
    return APART.format(
        result=result,
        name=name,
        inlined="LB_INLINE" if name in ON_THE_WAY else "__attribute__((noinline))",
        arguments=arguments,
        fields=_each("{1} {2};", pointers) + _each("{0} {1};", numbers) + _each("u32 has_{2};", pointers),
        names=", ".join(each for *_, each in known),
        given=_each("{0} {1} = {name}_given.{1};", numbers, name)
        + _each("{1} *{2} = {name}_given.has_{2} ? &{name}_given.{2} : 0;", pointers, name)
        + _each(
            'asm volatile("" : "+r"({2}));', pointers
        ),  # it is asked itself whether it is 0, not the flag
        give=_each("{name}_given.{1} = {1};", numbers, name)
        + _each("{name}_given.has_{2} = {2} != 0;", pointers, name)
        + _each("if ({2}) {name}_given.{2} = *{2};", pointers, name),
        take=_each("if ({2}) *{2} = {name}_given.{2};", [one for one in pointers if not one[0]], name),
    )


def _each(text: str, arguments: Iterable[tuple[str | None, ...]], name: str = "") -> str:
    return "".join(text.format(*one, name=name) + " " for one in arguments)
