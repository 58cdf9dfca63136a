# SPDX-License-Identifier: Apache-2.0
"""Whose fault it was: the person who asked, the host that refused, or the record of what was done before."""

from __future__ import annotations


class RealServerError(Exception):
    """One sentence for the person at the terminal; `exit_code` is the command's."""

    exit_code = 3


class WantedError(RealServerError):
    """What was asked for cannot be had, on any host or on this one; nothing was changed."""

    exit_code = 2


class HostError(RealServerError):
    """The kernel refused, or lacks what is needed."""


class StateError(RealServerError):
    """The state file cannot be read, written or believed."""
