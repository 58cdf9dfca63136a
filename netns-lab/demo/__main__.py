# SPDX-License-Identifier: Apache-2.0
"""`python -m demo`: scripts/demo calls it."""

from demo.cli import main

main(prog_name="scripts/demo")
