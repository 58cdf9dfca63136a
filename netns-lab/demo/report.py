# SPDX-License-Identifier: Apache-2.0
"""The demo's result for machines: the table's numbers as a JSON document. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from demo.clients import Asked
from demo.stage import Carriage
from demo.verdict import Result


def document(
    results: Sequence[Result], faults: Sequence[str], seconds: float, carriages: Sequence[Carriage]
) -> dict[str, Any]:
    """Write the results as what `json.dumps` takes."""
    return {
        "seconds": seconds,
        "faults": list(faults),
        "interfaces": [asdict(one) for one in carriages],
        "services": [_service(one) for one in results],
    }


def _service(one: Result) -> dict[str, Any]:
    return {
        "service": str(one.service),
        "method": one.service.method.value,
        "answered": one.answered,
        "errors": one.errors,
        "reply_frames_from_director": one.relayed,
        "reply_frames_from_strangers": one.strangers,
        "clients": [_client(asked) for asked in one.asked],
        "servers": [asdict(row) for row in one.rows],
    }


def _client(asked: Asked) -> dict[str, Any]:
    answered = asked.answered.total()
    return {"client": asked.client, "answered": answered, "lost": asked.lost, "seconds": asked.seconds}
