# SPDX-License-Identifier: Apache-2.0
"""`python -m cost`: scripts/cost calls it."""

from cost.cli import main

main(prog_name="scripts/cost")
