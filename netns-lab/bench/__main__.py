# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: scripts/bench calls it."""

from bench.cli import main

main()
