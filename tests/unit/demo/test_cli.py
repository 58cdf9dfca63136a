# SPDX-License-Identifier: Apache-2.0
"""What the demo's command line refuses, it refuses before anything is built."""

from __future__ import annotations

from click.testing import CliRunner

from demo.cli import main


def test_a_data_path_that_there_is_not_is_refused_at_once() -> None:
    refused = CliRunner().invoke(main, ["--datapath", "foo"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == (
        "Error: Invalid value for '--datapath': 'foo' is not one of 'auto', 'packet', 'tc', 'xdp'."
    )
