# SPDX-License-Identifier: Apache-2.0
"""Which offloads of an interface change the frames that the data path sees; best effort, and only read."""

from __future__ import annotations

from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool

from director.model.card import Offload

__all__ = ["Offload", "offloads"]


def offloads(interface: str) -> frozenset[Offload]:
    """Tell which of them are on; none where the interface does not say.

    Asked in the network namespace that the calling thread is in.
    """
    asking = IoctlEthtool(interface)
    try:
        features = asking.get_features()
        known = frozenset(features.keys())
        return frozenset(one for one in Offload if one.value in known and features[one.value])
    except (OSError, EthtoolError):
        return frozenset()
    finally:
        asking.close()
