# SPDX-License-Identifier: Apache-2.0
"""The result as tables of words, for a terminal or a document, and as JSON. Pure, but for `show`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.contenders import BY_NAME, CONTENDERS, DNAT, HAPROXY
from bench.goals import QUANTITIES, Outcome, outcomes, quantity
from bench.machine import Machine
from bench.measures import MEASURES, Effort
from bench.samples import Better, Quantity, Sample, ratio, series, summary

HEADINGS = ("", "median", "spread", "of forwarding", "of nftables DNAT", "of HAProxy")
NOTHING = "-"
OVERVIEW = {
    "keepalive": "requests/s",
    "connections": "conn./s",
    "latency-p50": "µs",
    "upload": "Gbit/s up",
    "download": "Gbit/s down",
    "packets": "kpps",
    "one-core": "kpps, one core",
    "cost": "ns/packet",
}
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Words:
    """A table as words."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(samples: Sequence[Sample]) -> tuple[Words, ...]:
    """Make a table of all medians, one of each quantity that was measured, and one of the goals."""
    quantities = (quantity for measure in MEASURES for quantity in measure.quantities)
    every = (
        _overview(samples),
        *(_table(samples, quantity) for quantity in quantities),
        _goals(outcomes(samples)),
    )
    return tuple(words for words in every if words.rows)


def _overview(samples: Sequence[Sample]) -> Words:
    """Set the medians of the most telling quantities side by side, as far as they were measured."""
    taken = {sample.quantity for sample in samples}
    shown = {QUANTITIES[name]: heading for name, heading in OVERVIEW.items() if name in taken}
    rows = []
    for contender in CONTENDERS:
        cells = tuple(_median(samples, quantity, contender.name) for quantity in shown)
        if any(cell != NOTHING for cell in cells):
            rows.append((contender.title, *cells))
    return Words("Medians", ("", *shown.values()), tuple(rows))


def _median(samples: Sequence[Sample], quantity: Quantity, name: str) -> str:
    own = summary(tuple(series(samples, quantity, name).values()))
    return NOTHING if own is None else f"{own.median:,.{quantity.digits}f}"


def _table(samples: Sequence[Sample], quantity: Quantity) -> Words:
    sense = "more is better" if quantity.better is Better.MORE else "less is better"
    rows = (_row(samples, quantity, contender.name) for contender in CONTENDERS)
    return Words(f"{quantity.title} [{quantity.unit}], {sense}", HEADINGS, tuple(row for row in rows if row))


def _row(samples: Sequence[Sample], quantity: Quantity, name: str) -> tuple[str, ...]:
    own = summary(tuple(series(samples, quantity, name).values()))
    if own is None:
        return ()
    contender = BY_NAME[name]
    references = (contender.forwarding, DNAT, HAPROXY)
    ratios = (None if one == name else ratio(samples, quantity, name, one) for one in references)
    return (
        contender.title,
        f"{own.median:,.{quantity.digits}f}",
        f"± {own.spread * 100:.0f} %" if own.count > 1 else NOTHING,
        *(NOTHING if found is None else f"{found:.2f}" for found in ratios),
    )


def _goals(judged: Sequence[Outcome]) -> Words:
    rows = tuple(
        (
            BY_NAME[one.goal.contender].title,
            one.goal.text,
            f"{one.ratio:.2f}",
            f"{'≥' if quantity(one.goal).better is Better.MORE else '≤'} {one.goal.bound:g}",
            "met" if one.is_met else "missed",
        )
        for one in judged
    )
    return Words("Goals", ("", "goal", "measured", "wanted", ""), rows)


def show(console: Console, every: Sequence[Words]) -> None:
    """Print the tables."""
    for words in every:
        table = Table(title=Text(words.title, "bold"), title_justify="left", min_width=100)
        for number, heading in enumerate(words.headings):
            table.add_column(
                heading,
                justify="left" if number == 0 or words.title == "Goals" else "right",
                no_wrap=number == 0,
            )
        for row in words.rows:
            table.add_row(*row)
        console.print(table, "")


def markdown(every: Sequence[Words], machine: Machine) -> str:
    """Write the tables as a document's part."""
    parts = [describe(machine), ""]
    for words in every:
        numbers = words.title != "Goals"
        parts += [f"**{words.title}**", "", _line(words.headings)]
        parts.append(_line(["---", *(("---:" if numbers else "---") for _ in words.headings[1:])]))
        parts += [*map(_line, words.rows), ""]
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def describe(machine: Machine) -> str:
    """Say in one line where and when."""
    programs = ", ".join(f"{name} {version}" for name, version in machine.programs.items())
    return (
        f"{machine.date}, commit {machine.commit}: {machine.cores} cores of {machine.processor}, "
        f"Linux {machine.kernel}, {machine.system}; {programs}."
    )


def document(
    samples: Sequence[Sample], failures: Sequence[str], machine: Machine, effort: Effort
) -> dict[str, object]:
    """Return everything that was seen, for machines."""
    return {
        "format": FORMAT,
        "machine": asdict(machine),
        "effort": asdict(effort),
        "quantities": [
            {"name": one.name, "title": one.title, "unit": one.unit, "better": one.better.value,
             "marginal_to": one.marginal_to}
            for measure in MEASURES for one in measure.quantities
        ],
        "samples": [asdict(sample) for sample in samples],
        "goals": [{**asdict(one.goal), "ratio": one.ratio, "met": one.is_met} for one in outcomes(samples)],
        "failures": list(failures),
    }  # fmt: skip
