# SPDX-License-Identifier: Apache-2.0
"""How deep a TOML key may go, seen before the text is parsed: the parser's time grows as the square of it.

Only as much TOML is known here as tells keys from comments and strings. The time is linear in the text.
"""

from __future__ import annotations

import re

MAX_PARTS = 16  # of a dotted key or a header; ours have two at most

_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+')"""
_NEXT = rf"(?:[ \t]*+\.[ \t]*+{_PART})"
_TOKEN = re.compile(
    rf"""
    \#[^\n]*+
    | \"{{3}}(?:[^"\\]|\\.|"(?!""))*+(?:\"{{3}})?+
    | '{{3}}(?:[^']|'(?!''))*+(?:'{{3}})?+
    | (?P<key>{_PART}{_NEXT}{{0,{MAX_PARTS - 1}}}+)(?P<more>{_NEXT})?+
    | "(?:[^"\\\n]|\\[^\n])*+
    | '[^'\n]*+
    | [^#"'A-Za-z0-9_-]++
    """,
    re.VERBOSE | re.DOTALL,
)


def too_deep(text: str) -> int | None:
    """Return where the first key of more than MAX_PARTS parts begins, or None."""
    return next((token.start() for token in _TOKEN.finditer(text) if token["more"]), None)
