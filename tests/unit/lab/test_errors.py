# SPDX-License-Identifier: Apache-2.0
"""An error tells whose fault it is, so that a caller may treat the two apart."""

from lab.errors import LabError, TopologyError


def test_the_authors_fault_and_the_machines_are_two() -> None:
    assert not issubclass(LabError, TopologyError)
    assert not issubclass(TopologyError, LabError)
