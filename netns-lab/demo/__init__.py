# SPDX-License-Identifier: Apache-2.0
"""The demo: real clients, a director and real servers in the lab `mixed`, and a table of what was seen.

Drives the project's programs from outside, as processes, and judges by what clients, servers and the router
saw, never by what the director says of itself. Imports nothing of them but the lab.
"""
