# SPDX-License-Identifier: Apache-2.0
"""An error is its sentence, without Python's decoration."""

import errno

from director.daemon.errors import DaemonError


def test_an_error_reads_as_its_sentence_and_keeps_its_number() -> None:
    error = DaemonError(errno.EBUSY, "a director is running")
    assert (str(error), error.errno) == ("a director is running", errno.EBUSY)
