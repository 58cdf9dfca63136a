# SPDX-License-Identifier: Apache-2.0
"""The bench: what each way through a director costs, side by side in namespaces.

Drives the project's programs from outside, as processes, and measures at client and server, never by what a
director says of itself. Imports nothing of them but the lab. A further data path is one more row of paths.py.
"""
