# SPDX-License-Identifier: Apache-2.0
"""Why a director can not start or clean up; the sentence is for the operator."""

from __future__ import annotations


class DaemonError(OSError):
    """The machine's fault, or another director's, with an errno."""

    def __str__(self) -> str:
        return str(self.strerror)
