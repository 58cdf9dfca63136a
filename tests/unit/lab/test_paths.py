# SPDX-License-Identifier: Apache-2.0
"""Everything of a lab lies below its one directory."""

from pathlib import Path

from lab.paths import LabPaths

PATHS = LabPaths(Path("/run/netns-lab"), "t1")


def test_each_place_of_a_lab_is_below_its_directory() -> None:
    places = (
        PATHS.plan, PATHS.topology, PATHS.complete, PATHS.logs, PATHS.captures, PATHS.processes, PATHS.mounts,
        PATHS.mount("rs1"), PATHS.node_run("rs1"), PATHS.resolver("rs1"), PATHS.service("rs1", "nginx"),
        PATHS.log("rs1", "nginx"), PATHS.access_log("rs1", "nginx"),
    )  # fmt: skip
    assert [str(place.relative_to("/run/netns-lab/t1")) for place in places] == [
        "plan.json",
        "topology.toml",
        "complete",
        "logs",
        "captures",
        "pids",
        "mounts",
        "mounts/rs1",
        "nodes/rs1/run",
        "nodes/rs1/resolv.conf",
        "nodes/rs1/nginx",
        "logs/rs1-nginx.log",
        "logs/rs1-nginx-access.log",
    ]
