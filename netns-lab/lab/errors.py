# SPDX-License-Identifier: Apache-2.0
"""Whose fault it is: the topology's author or the machine. Everything else that goes wrong is a bug."""


class TopologyError(Exception):
    """The topology's author is wrong: the message names file, key, found value and what was expected."""


class LabError(Exception):
    """The machine or the lab's state is at fault: the message says what was found."""
