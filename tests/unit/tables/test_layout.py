# SPDX-License-Identifier: Apache-2.0
"""layout.py and table.h are twins: the header is read here as text, so that this needs no compiler."""

from __future__ import annotations

import re
from pathlib import Path
from struct import Struct

import pytest

from director.model import ForwardingMethod, Scheduler, Timeouts
from director.tables import layout

NATIVE = Path(__file__).parents[3] / "director" / "datapath" / "native"
SIZES = {"u8": "B", "u16": "H", "u32": "I", "s32": "i", "u64": "Q", "be16": "2s", "struct lb_addr": "16s"}
WIDTHS = {"u8": 1, "u32": 4}


def without_comments(name: str) -> str:
    return re.sub(r"/\*.*?\*/", "", (NATIVE / name).read_text(), flags=re.DOTALL)


def enumerators() -> dict[str, int]:
    """Every enumerator of table.h and wire.h, by name."""
    found: dict[str, int] = {}
    text = without_comments("wire.h") + without_comments("table.h")
    for body in re.findall(r"enum(?: \w+)? \{(.*?)\}", text, re.DOTALL):
        value = -1
        for item in filter(None, (part.strip() for part in body.split(","))):
            name, _, number = item.partition("=")
            value = int(number.strip(), 0) if number else value + 1
            found[name.strip()] = value
    return found


def struct_format(name: str) -> str:
    """A struct of table.h as Python's struct module would write it; spare fields are padding."""
    (body,) = re.findall(rf"struct {name} \{{(.*?)\}};", without_comments("table.h"), re.DOTALL)
    fields = re.findall(r"(struct \w+|\w+) (\w+)(?:\[(\w+)\])?;", body)
    return "<" + "".join(field_format(*field) for field in fields)


def field_format(kind: str, name: str, count: str) -> str:
    if not count and name not in {"spare", "unused"}:
        return SIZES[kind]
    length = WIDTHS[kind] * (int(count or 1) if (count or "1").isdigit() else enumerators()[count])
    return f"{length}{'x' if name in {'spare', 'unused'} else 's'}"


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("lb_image_header", layout.HEADER),
        ("lb_options", layout.OPTIONS),
        ("lb_service", layout.SERVICE),
        ("lb_service_details", layout.DETAILS),
        ("lb_dest", layout.DESTINATION),
        ("lb_list_item", layout.LIST_ITEM),
        ("lb_link", layout.LINK),
        ("lb_mark", layout.MARK),
        ("lb_limit", layout.LIMIT),
        ("lb_server", layout.SERVER),
    ],
)
def test_each_record_has_the_fields_of_its_c_struct(name: str, twin: Struct) -> None:
    def spelt_out(text: str) -> str:
        return re.sub(r"(\d+)([BHIiQx])", lambda m: m[2] * int(m[1]), text)

    assert spelt_out(twin.format) == spelt_out(struct_format(name))


def test_the_records_fill_whole_lines() -> None:
    lines = (layout.HEADER, layout.OPTIONS, layout.SERVICE, layout.DETAILS, layout.DESTINATION)
    assert [each.size for each in lines] == [layout.LINE] * 5
    assert layout.TIMEOUT_SET.size == 2 * layout.LINE
    assert layout.MARK.size * layout.MARKS_PER_LINE == layout.LINE
    assert layout.LIMIT.size * layout.LIMITS_PER_LINE == layout.LINE


def test_the_limits_are_the_c_ones() -> None:
    c = enumerators()
    names = (
        *("LINE", "IMAGE_MAGIC", "IMAGE_VERSION", "SERVICE_PROBES", "SERVER_PROBES"),
        *("MAX_SERVICES", "MAX_DESTS"),
        *("MAX_SERVICE_DESTS", "DESTS_PER_LINE", "IDS_PER_LINE", "LINKS_PER_LINE", "MAX_LINKS"),
        *("MARKS_PER_LINE", "LIMITS_PER_LINE", "MAX_MARKS"),
        *("SH_SIZE", "MH_SIZE", "TIMEOUTS", "TIMEOUTS_PER_LINE"),
    )
    ours = {name: getattr(layout, name) for name in names}
    assert ours == {name: c[f"LB_{name}"] for name in names}


def test_the_enumerations_are_the_c_ones() -> None:
    c = enumerators()
    named = {
        scheduler: c[f"LB_{scheduler.name}"] for scheduler in Scheduler if scheduler is not Scheduler.NONE
    }
    assert {**named, Scheduler.NONE: c["LB_NO_SCHEDULER"]} == layout.SCHEDULERS
    assert {f.name: f.value for f in layout.ServiceFlag} == {
        f.name: c[f"LB_SERVICE_{f.name}"] for f in layout.ServiceFlag
    }
    assert {method: c[f"LB_{method.name}"] for method in ForwardingMethod} == layout.METHODS
    assert {f.name: f.value for f in layout.Family} == {
        f.name: c[f"LB_FAMILY_{f.name}"] for f in layout.Family
    }
    assert {f.name: f.value for f in layout.DestinationFlag} == {
        f.name: c[f"LB_DEST_{f.name}"] for f in layout.DestinationFlag
    }
    assert {flag.value: bit for flag, bit in layout.SCHEDULER_FLAGS.items()} == {
        "sh-fallback": c["LB_SCHED_FALLBACK"],
        "mh-fallback": c["LB_SCHED_FALLBACK"],
        "sh-port": c["LB_SCHED_PORT"],
        "mh-port": c["LB_SCHED_PORT"],
    }


def test_a_set_of_timeouts_has_the_fields_of_the_model_and_the_fragments() -> None:
    c = enumerators()
    assert {t.name.lower() for t in layout.Timeout} == {*Timeouts.__dataclass_fields__, "fragment"}
    assert {name: c[f"LB_TIMEOUT_{name}"] for name in ("TCP", "UDP", "FRAGMENT", "SCTP")} == {
        "TCP": layout.Timeout.TCP_NONE,
        "UDP": layout.Timeout.UDP,
        "FRAGMENT": layout.Timeout.FRAGMENT,
        "SCTP": layout.Timeout.SCTP_NONE,
    }
