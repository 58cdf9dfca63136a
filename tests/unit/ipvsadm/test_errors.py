# SPDX-License-Identifier: Apache-2.0
"""Each kind of failure has its exit status."""

from __future__ import annotations

from director.ipvsadm.errors import RefusalError, Status, SyntaxFaultError, UsageError


def test_each_failure_has_ipvsadms_status() -> None:
    failures = (
        UsageError("a"),
        SyntaxFaultError("b"),
        RefusalError("c"),
        RefusalError("d", Status.NOT_LISTED),
    )
    assert [(str(each), int(each.status)) for each in failures] == [
        ("a", 2),
        ("b", 255),
        ("c", 255),
        ("d", 1),
    ]
