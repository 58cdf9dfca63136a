# SPDX-License-Identifier: Apache-2.0
"""`python -m scale`, as scripts/scale runs it."""

from scale.cli import main

main(prog_name="scripts/scale")
