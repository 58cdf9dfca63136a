# SPDX-License-Identifier: Apache-2.0
"""A second opinion: the director's packet path once more, small and slow, after kernel IPVS's behaviour.

Written from the behaviour alone. Where it and the data path disagree, one of them is wrong.
"""

from tests.packets.model.director import Model

__all__ = ["Model"]
