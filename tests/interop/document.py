# SPDX-License-Identifier: Apache-2.0
"""Write docs/ipvs-parity.md: what was compared with a kernel, and where we differ on purpose.

python -m tests.interop.document
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.interop import features, features_beside, recording
from tests.interop.deliberate import DIFFERENCES
from tests.interop.features import Feature, Verdict
from tests.interop.ipvsadm.replay import recorded
from tests.interop.ipvsadm.sessions import SESSIONS
from tests.interop.normal import FREEDOMS
from tests.interop.topics import PENDING, TOPICS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ipvs-parity.md"
HEAD = """# Parity with kernel IPVS

<!-- Written by `python -m tests.interop.document`; a test compares. -->

The kernel's IPVS is the director's specification, and a kernel is its test oracle: the same frames
went through the IPVS of a kernel under User-Mode Linux, and go through the data path in each run of
the test suite. Every frame that comes out is compared byte for byte; so are the connections with
their states and timers, the active and inactive counts after each frame, and the counters at the
end.
"""
FEATURES = """## Feature by feature

*same*: as in the kernel, but for what [differs on purpose](#where-the-director-differs-on-purpose).
*differs*, *beyond* (the kernel has not got it) and *no* say how, or why. A proof is a test under
`tests/`; `test_parity.py` compares with what a kernel answered, in user space, `xdp` and `tc`.
"""
ROOMS = (
    ("Schedulers", features.SCHEDULERS),
    ("Services", features.SERVICES),
    ("Persistence", features.PERSISTENCE),
    ("Forwarding", features.FORWARDING),
    ("ICMP, fragments, options", features.ERRORS),
    ("net.ipv4.vs.*", features_beside.SYSCTLS),
    ("Timeouts", features_beside.TIMEOUTS),
    ("Programs and files", features_beside.CONTROL),
    ("Synchronisation", features_beside.SYNC),
)
WORDS = {
    Verdict.SAME: "same",
    Verdict.DIFFERS: "differs",
    Verdict.BEYOND: "beyond",
    Verdict.NO: "no",
}
COMMAND_LINES = """## ipvsadm's command lines

{count} command lines, good and bad, were put to ipvsadm 1.31 over a kernel's IPVS, and go to
`director-ipvsadm` over the control API in each run of the test suite: what is printed on either
stream, and the exit status, are compared byte for byte (tests/interop/ipvsadm). These are answered
otherwise on purpose; [docs/ipvsadm.md](ipvsadm.md) has the differences in words.
"""
RECORDING = """## To ask the kernel again

`python -m tests.interop.record [TOPIC]...` boots User-Mode Linux and records;
`python -m tests.interop.document` writes this page. Recording needs Debian's packages
`user-mode-linux`, `kmod` and `ipvsadm`; the test suite needs none of them.
"""


def page() -> str:
    return "\n".join(
        (
            HEAD,
            FEATURES,
            *by_room(),
            "## What was compared\n",
            *table(("Topic", "Exchanges", "Frames", "Kernel"), topics()),
            "\n## What either side may choose\n",
            *table(("What", "Why it is not compared as it is"), FREEDOMS.items()),
            "\n## Where the director differs on purpose\n",
            *table(("What", "Kernel IPVS", "Director", "Why", "Option"), differences()),
            "",
            COMMAND_LINES.format(count=sum(map(len, recorded().values()))),
            *table(("Why ours answers otherwise", "Lines", "One of them"), otherwise()),
            "",
            RECORDING,
        )
    )


def by_room() -> Iterator[str]:
    for name, some in ROOMS:
        yield f"### {name}\n"
        yield from table(("Feature", "Kernel IPVS", "Director", "Proven by"), map(told, some))
        yield ""


def told(feature: Feature) -> tuple[str, ...]:
    director = WORDS[feature.verdict] + (f": {feature.note}" if feature.note else "")
    return feature.name, feature.kernel, director, ", ".join(proofs(feature)) or "-"


def proofs(feature: Feature) -> Iterator[str]:
    """Name each test once, with the topics or rooms of it that are meant."""
    named: dict[str, list[str]] = {}
    for proof in feature.proofs:
        test, _, about = proof.partition("[")
        named.setdefault(test, []).extend(
            about.removesuffix("]").replace("_", " ").split(",") if about else ()
        )
    for test, those in named.items():
        yield f"`{test}`" + (f" ({', '.join(those)})" if those else "")


def topics() -> Iterator[tuple[str, ...]]:
    for topic in (topic for topic in TOPICS if topic not in PENDING):
        frames = recording.sizes(topic)
        yield topic.replace("_", " "), str(len(frames)), str(sum(frames)), recording.kernel(topic)


def differences() -> Iterator[tuple[str, ...]]:
    for rule in DIFFERENCES:
        yield rule.what, rule.kernel, rule.director, rule.why, rule.option


def otherwise() -> Iterator[tuple[str, ...]]:
    differing: dict[str, list[str]] = {}
    for step in (step for session in SESSIONS for step in session.steps):
        if step.otherwise is not None:
            differing.setdefault(step.otherwise.why, []).append(str(step))
    for why, lines in differing.items():
        yield why, str(len(lines)), f"`` {lines[-1]} ``"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
