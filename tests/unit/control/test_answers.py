# SPDX-License-Identifier: Apache-2.0
"""The JSON of each answer, whole: scripts rely on these names."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from director.config.diff import DestinationAdded, SettingChanged
from director.config.errors import Fault
from director.control.answers import (
    ChangesAnswer,
    ConnectionAnswer,
    ConnectionsAnswer,
    ErrorAnswer,
    NextHopAnswer,
    ReasonsAnswer,
    ServiceStatsAnswer,
    StatsAnswer,
    StatusAnswer,
    StopAnswer,
)
from tests.unit.control.fake import ENTRIES, FIRST, NEXT_HOPS, REASONS, STATS, STATUS, WEB

COUNTERS = {"connections": 5, "packets_in": 50, "bytes_in": 5000, "packets_out": 10, "bytes_out": 1000}
RATES = {"connections": 0.5, "packets_in": 5.0, "bytes_in": 500.0, "packets_out": 1.0, "bytes_out": 100.0}
DESTINATION_STATS = {
    "destination": "10.0.0.2:80",
    "method": "dr",
    "weight": 1,
    "active": 3,
    "inactive": 2,
    "persistent": 4,
    "counters": COUNTERS,
    "rates": RATES,
}
SERVICE_STATS = {
    "service": "tcp:192.0.2.1:80",
    "active": 3,
    "inactive": 2,
    "counters": COUNTERS,
    "rates": RATES,
    "destinations": [DESTINATION_STATS],
}
CONNECTION = {
    "protocol": "tcp",
    "client": "198.51.100.1:40001",
    "virtual": "192.0.2.1:80",
    "destination": "10.0.0.2:80",
    "method": "dr",
    "state": "ESTABLISHED",
    "expires_in": 899.5,
    "packets": 1,
    "template": False,
}
STATUS_JSON = {
    "version": "0.1.0",
    "pid": 4711,
    "started": "2026-01-02T03:04:05Z",
    "uptime": 12.5,
    "interfaces": [
        {
            "name": "eth0",
            "datapath": "packet",
            "why": "the only one asked for",
            "mac": "02:00:00:00:00:01",
            "mtu": 1500,
        }
    ],
    "workers": 1,
    "table": {"capacity": 1_000_000, "used": 7, "templates": 2},
    "keeping": {
        "since": "2026-01-01T02:03:04Z",
        "taken_over": True,
        "kept": "director-1f-2e",
        "why_not": "",
    },
    "generation": 7,
    "frames_lost": 3,
    "next_hops": [
        {
            "destination": "10.0.0.2",
            "state": "resolved",
            "interface": "eth0",
            "via": None,
            "mac": "02:00:00:00:00:02",
        },
        {"destination": "10.0.0.3", "state": "no route", "interface": None, "via": None, "mac": None},
    ],
    "addresses": ["192.0.2.1"],
}
FAULT = Fault("weight", "-1", "an integer from 0", "-1 is below 0")
CHANGES = (SettingChanged("director.workers", "1", "2"), DestinationAdded(WEB, FIRST))

ANSWERS: dict[str, tuple[BaseModel, object]] = {
    "a refusal": (
        ErrorAnswer.of([FAULT]),
        {
            "error": {
                "faults": [
                    {
                        "key": "weight",
                        "found": "-1",
                        "expected": "an integer from 0",
                        "message": "-1 is below 0",
                    }
                ]
            }
        },
    ),
    "changes": (
        ChangesAnswer.of(CHANGES),
        {
            "changes": [
                {
                    "kind": "setting-changed",
                    "text": "~ director.workers 1 -> 2 (from the next start)",
                    "needs_restart": True,
                },
                {
                    "kind": "destination-added",
                    "text": "+ server tcp:192.0.2.1:80 -> 10.0.0.2:80 dr weight 1",
                    "needs_restart": False,
                },
            ]
        },
    ),
    "connections": (
        ConnectionsAnswer(connections=tuple(map(ConnectionAnswer.of, ENTRIES[:1])), total=5, next_cursor=1),
        {"connections": [CONNECTION], "total": 5, "next_cursor": 1},
    ),
    "stats": (StatsAnswer(services=(ServiceStatsAnswer.of(STATS[0]),)), {"services": [SERVICE_STATS]}),
    "reasons": (
        ReasonsAnswer.of(REASONS[1:]),
        {
            "reasons": [
                {
                    "verdict": "drop",
                    "reason": "no-destination",
                    "sentence": "no real server was left",
                    "count": 2,
                }
            ]
        },
    ),
    "status": (
        StatusAnswer.of(STATUS).model_copy(update={"next_hops": tuple(map(NextHopAnswer.of, NEXT_HOPS))}),
        STATUS_JSON,
    ),
    "a stop": (StopAnswer(stopping=True), {"stopping": True}),
}


@pytest.mark.parametrize(("answer", "want"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_says_all_that_its_noun_holds(answer: BaseModel, want: object) -> None:
    assert json.loads(answer.model_dump_json()) == want
