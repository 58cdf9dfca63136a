# SPDX-License-Identifier: Apache-2.0
"""What a data path raises when the machine does not give what it needs; it must not know any data path."""

from __future__ import annotations


class DatapathError(OSError):
    """The machine's fault, with its errno and a sentence for the operator."""

    def __str__(self) -> str:
        return str(self.strerror)
